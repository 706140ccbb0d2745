"""The websites of a host that serves several: the inventory's list ``websites:``, one entry a site.

A run is about one of them. Its facts are laid over the host's own variables, for the wrapper and for Ansible alike.
What belongs to one site alone (`website_facts.OWN`) is never taken from the host's flat variables: a site without a
database would be given its neighbour's.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from ungcuu.core.errors import InventoryError
from ungcuu.core.i18n import _
from ungcuu.core.settings import kept_name
from ungcuu.hosts import inventory_files, website_facts
from ungcuu.hosts.site import Site

LIST = "websites"
TARGET = "website_target"  # HOST/SITE as it is typed: roles and plugins keep what belongs to the site under it
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_MOST = 31  # characters of a name; the vault's names hold the host's besides


@dataclass(frozen=True)
class Website:
    """One entry of the list: its name, and the variables that it states."""

    name: str
    facts: Mapping[str, Any]

    def variables(self, host: str) -> dict[str, Any]:
        """Return what is laid over the variables of its host."""
        return {**website_facts.OWN, **self.facts, TARGET: f"{host}/{self.name}"}


def listed(variables: Mapping[str, Any]) -> bool:
    """Return whether a host's variables hold a list of websites, good or bad."""
    return variables.get(LIST) not in (None, [])


def of_host(site: Site, host: str) -> tuple[Website, ...]:
    """Return the websites of a host, in the order of the list; none where the flat variables describe its one site.

    Raises:
        InventoryError: The list is wrong; names everything that is, where it stands and what it has to be.
    """
    variables = site.variables(host)
    if not listed(variables):
        return ()
    wrong = list(_faults(site, host, variables[LIST]))
    if wrong:
        place = inventory_files.place_of(site.inventory, LIST) or str(site.inventory)
        raise InventoryError(
            _("The list of websites of {host} is wrong ({place}):").format(host=host, place=place)
            + "".join(f"\n  {line}" for line in wrong),
            _("Nothing was touched."),
            _("Correct the list. Each entry states: {names}").format(names=", ".join(website_facts.NEEDED)),
        )
    return tuple(
        Website(entry["name"], {key: value for key, value in entry.items() if key != "name"})
        for entry in variables[LIST]
    )


def laid_over(site: Site, host: str, name: str) -> Site:
    """Return the inventory as a run about one website of a host sees it.

    Raises:
        InventoryError: The host has no such website; lists those that it has.
    """
    known = of_host(site, host)
    for website in known:
        if website.name == name:
            own = site.own_variables(host)
            return replace(site, hosts={**site.hosts, host: {**own, **website.variables(host)}}, beneath={host: own})
    if not known:
        raise InventoryError(
            _("The inventory lists no websites of {host}: it is one website.").format(host=host),
            _("Nothing was touched."),
            _("Name the host alone: {host}. Several websites are described as a list: {variable}.").format(
                host=host, variable=LIST
            ),
        )
    near = difflib.get_close_matches(name, [website.name for website in known], n=1)
    hint = _(" Did you mean {near}?").format(near=f"{host}/{near[0]}") if near else ""
    place = inventory_files.place_of(site.inventory, LIST) or str(site.inventory)
    raise InventoryError(
        _("There is no website {name} on {host} ({place}).").format(name=name, host=host, place=place) + hint,
        _("Nothing was touched."),
        _("Name one of: {names}").format(names=", ".join(f"{host}/{website.name}" for website in known)),
    )


def write_inventory(folder: Path, host: str, variables: Mapping[str, Any]) -> Path:
    """Write what is laid over a host as an inventory of its own, which Ansible reads after the site's.

    There it has the precedence of ``host_vars``, the highest that an inventory has, and is no extra variable that
    nothing else could override. The values are resolved already: text is marked as data, not as a template.
    """
    (folder / "host_vars").mkdir(mode=0o700)
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": {host: {}}}}), "utf-8")
    (folder / "host_vars" / f"{host}.yml").write_text(_yaml(variables), "utf-8")
    return folder


def _yaml(variables: Mapping[str, Any]) -> str:
    """Return variables as YAML in which each text that could be a template is marked ``!unsafe``."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Knows how Ansible marks text that it must not evaluate."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        tag = "!unsafe" if "{" in value else "tag:yaml.org,2002:str"
        return dumper.represent_scalar(tag, value, style='"')

    Dumper.add_representer(str, text)
    return yaml.dump(dict(variables), Dumper=Dumper, allow_unicode=True)


def _faults(site: Site, host: str, entries: Any) -> Iterator[str]:
    """Yield what is wrong with the list, one line each."""
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        yield _("{variable} has to be a list of entries, each with a name and the site's variables").format(
            variable=LIST
        )
        return
    for number, entry in enumerate(entries, 1):
        called = str(entry.get("name") or _("entry {number}").format(number=number))
        place = inventory_files.place_in_entry(site.inventory, called, "name")
        about = f"{called} ({place})" if place else called
        yield from (f"{about}: {fault}" for fault in _entry_faults(site, host, entry))
    for first, second in combinations(entries, 2):
        yield from _shared(first, second)


def _entry_faults(site: Site, host: str, entry: Mapping[str, Any]) -> Iterator[str]:
    for needed in website_facts.NEEDED:
        if entry.get(needed) in (None, ""):
            yield _("{name} is missing").format(name=needed)
    name = entry.get("name")
    if name and not (isinstance(name, str) and len(name) <= _MOST and _NAME.match(name)):
        yield _("its name is {name}; it has to be lower-case letters, digits and single dashes, such as portal").format(
            name=repr(name)[:60]
        )
    if name and kept_name(f"{host}/{name}") in site.hosts:
        yield _("the inventory has a host {name}, under which its records would be kept; rename one of them").format(
            name=kept_name(f"{host}/{name}")
        )
    for key in sorted(entry.keys() - {"name"} - _known()):
        near = difflib.get_close_matches(key, _known(), n=1)
        hint = _("; did you mean {near}?").format(near=near[0]) if near else ""
        line = inventory_files.place_in_entry(site.inventory, str(name), key)
        yield _("nothing reads {name}").format(name=key) + hint + (f"   ({line})" if line else "")
    for fact in website_facts.FACTS:
        value = entry.get(fact.name)
        if value is not None and value != "" and not fact.form(value):
            yield _("{name} is {value}; it has to be {looks}").format(
                name=fact.name, value=repr(value)[:80], looks=_(fact.looks)
            )


def _known() -> set[str]:
    """The variables that an entry may state: every fact of a website."""
    names = {fact.name for fact in website_facts.FACTS} | website_facts.OPTIONAL
    return {name for name in names if name.startswith("website_") and name != TARGET}


def _shared(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    """Yield what two entries must not share: a restore of one would replace what belongs to the other."""
    names = f"{first.get('name')}, {second.get('name')}"
    for key in ("name", "website_name"):
        if first.get(key) and first.get(key) == second.get(key):
            yield _("{names}: the same {key}: {value}").format(names=names, key=key, value=first[key])
    roots = [str(entry.get("website_root") or "").rstrip("/") + "/" for entry in (first, second)]
    if all(root != "/" for root in roots) and (roots[0].startswith(roots[1]) or roots[1].startswith(roots[0])):
        yield _("{names}: one website_root is or holds the other; a restore of one would replace both").format(
            names=names
        )
    data = [_database(entry) for entry in (first, second)]
    if data[0] and data[0] == data[1]:
        yield _("{names}: the same database {value}; a restore of one would replace both").format(
            names=names, value=data[0][1]
        )


def _database(entry: Mapping[str, Any]) -> Sequence[str]:
    engine, name = (str(entry.get(f"website_database_{key}") or "") for key in ("engine", "name"))
    return (engine, name) if name and engine not in ("", "none") else ()
