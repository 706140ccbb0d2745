"""What is wrong with an inventory, each with its place and an example; what holds for a host. No host is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ungcuu.core.errors import InventoryError
from ungcuu.core.i18n import _
from ungcuu.hosts import inventory_files, origins, unread_variables, website_facts, websites
from ungcuu.hosts.fact_schema import RoleOption, role_options
from ungcuu.hosts.site import Site

_SECRET = re.compile(r"pass(word|wd|phrase)|secret|token|private_key$|credential", re.IGNORECASE)
_LOGIN_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_NO_SECRET = frozenset(
    {"account_hardening_password_days", "account_hardening_password_history", "account_hardening_password_length"}
)


def faults(site: Site) -> list[str]:
    """Return all that is wrong, a line each, every line once: names, the facts of each website, the roles' options."""
    roles = site.settings.roles
    lines = [doubt.text for doubt in unread_variables.doubts(site.inventory, roles)]
    options = role_options(roles)
    for host in site.hosts:
        try:
            views = list(_views(site, host))
        except InventoryError as error:  # of the list of websites: says each fault and its place
            lines.append(error.what)
            continue
        for view in views:
            lines += website_facts.problems(view, host)
            lines += _option_faults(view, host, options)
    return list(dict.fromkeys(lines))


def _views(site: Site, host: str) -> Iterator[Site]:
    """The host as it is, or as a run about each of its websites sees it."""
    listed = websites.of_host(site, host)
    yield from (websites.laid_over(site, host, one.name) for one in listed)
    if not listed:
        yield site


def _option_faults(site: Site, host: str, options: Mapping[str, RoleOption]) -> Iterator[str]:
    facts = {fact.name for fact in website_facts.FACTS}
    for name, value in site.variables(host).items():
        option = options.get(name)
        if option is None or name in facts or not option.fault(value):
            continue
        yield _("{name} is {value}; it has to be {looks}   ({place})").format(
            name=name,
            value=shown(name, value),
            looks=option.looks,
            place=inventory_files.place_of(site.inventory, name) or "?",
        )


@dataclass(frozen=True)
class Setting:
    """One variable as it holds for a host. ``source`` is the file: below the inventory, or a role's defaults."""

    name: str
    text: str
    source: str
    line: int = 0
    default: bool = False


def settings(site: Site, host: str, *, defaults: bool) -> list[Setting]:
    """Return what holds for a host, by source and line; with the roles' defaults for what the inventory leaves out."""
    values = site.variables(host)
    found = [one for name in values if (one := _stated(site, host, name))]
    if defaults:
        found += (one for one in _defaults(site.settings.roles) if one.name not in values)
    return sorted(found, key=lambda one: (one.default, one.source, one.line, one.name))


def _stated(site: Site, host: str, name: str) -> Setting | None:
    """What the inventory states of one variable; nothing for what Ansible adds by itself."""
    values = site.variables(host)
    own, marks = site.beneath.get(host, values), site.origins.get(host, {})
    origin = marks.get(name, origins.Origin())
    if name in own and own[name] == values[name]:
        where = origins.places(site.inventory, name, origin)
    else:  # laid over by one website of several
        path, _sep, line = website_facts.place_of_fact(site, values, name).rpartition(":")
        where = [(Path(path), int(line))] if path else []
    if not where or name == "inventory_hostname":
        return None
    hidden = origin.encrypted or any(origins.kept_by_vault(path) for path, _line in where)
    text = _("(hidden)") if hidden else shown(name, values[name])
    source = _(" or ").join(_below(site.inventory, path) for path, _line in where)
    return Setting(name, text, source, where[0][1] if len(where) == 1 else 0)


def _defaults(roles: Path) -> Iterator[Setting]:
    """The defaults of the roles' options, as written: templates are not resolved."""
    known = role_options(roles)
    for path in sorted(roles.glob("*/defaults/main.yml")):
        for name, value in (inventory_files.parsed(path.read_text("utf-8")) or {}).items():
            if name in known:
                yield Setting(name, shown(name, value), path.relative_to(roles.parent).as_posix(), default=True)


def shown(name: str, value: Any) -> str:
    """Return a value on one line, with nothing in it that opens a door."""
    if _hides(name):
        return _("(hidden)")
    return json.dumps(_without_secrets(value), ensure_ascii=False)


def _hides(name: str) -> bool:
    secret = {fact.name for fact in website_facts.FACTS if fact.secret}
    return name in secret or (name not in _NO_SECRET and bool(_SECRET.search(name)))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _("(hidden)") if _hides(str(key)) else _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return _LOGIN_IN_ADDRESS.sub("…", value) if isinstance(value, str) else value


def _below(inventory: Path, path: Path) -> str:
    folder = (inventory if inventory.is_dir() else inventory.parent).absolute()
    path = path.absolute()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
