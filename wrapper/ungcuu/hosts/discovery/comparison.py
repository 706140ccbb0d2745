"""Compare what an inventory states of a website with what its host says: each wrong fact is named, with its fix.

What could not be compared is said too: silence would look like agreement.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ungcuu.core.errors import UngcuuError
from ungcuu.core.i18n import _
from ungcuu.hosts import inventory_files, website_facts
from ungcuu.hosts.discovery import choice
from ungcuu.hosts.discovery.facts import Found, Sure, facts, headings, name_of
from ungcuu.hosts.discovery.reading import ACCOUNT, PATH, Stated, Survey, survey
from ungcuu.hosts.discovery.vhosts import Website
from ungcuu.hosts.enrolment import Check
from ungcuu.hosts.site import Site

_FIRM = (Sure.CERTAIN, Sure.LIKELY)


def checks(site: Site, host: str) -> list[Check]:
    """Read a host and return every fact of its website that it contradicts, or one line that they agree.

    Empty for a host that serves none. A host that can't be read is a finding in itself.
    """
    variables = site.variables(host)
    if host not in site.groups.get("website", ()):
        return []
    try:
        seen = survey(site.target(host), asked(variables))
    except UngcuuError as error:
        return [Check(_("facts"), "bad", _("not compared: {why}").format(why=error.what), error.fix)]
    found = compare(seen, variables)
    places = _places(site, host)
    rows = [
        Check(fault.name, fault.level, fault.text, (fault.fix + places.get(fault.name, "")).strip()) for fault in found
    ]
    if choice.served(seen) and not any(fault.level == "bad" for fault in found):
        rows.insert(0, Check(_("facts"), "good", _("nothing that was compared with the host is wrong")))
    left = "; ".join(seen.left_out[:5])
    return rows + ([Check(_("facts"), "warn", _("not looked at: {what}").format(what=left))] if left else [])


def _places(site: Site, host: str) -> dict[str, str]:
    """Where each variable of a host is set; what another host alone is given does not count."""
    found = {}
    known = site.variables(host)
    if known.get("website_target"):  # one of several websites: in its own entry
        names = [name for name in known if name.startswith("website_") and name != "website_target"]
        places = {name: website_facts.place_of_fact(site, known, name) for name in names}
        return {name: f"   ({place})" for name, place in places.items() if place}
    for path, line, name in inventory_files.names(site.inventory):
        others = path.parts[len(site.inventory.parts) :]
        if not (others[:1] == ("host_vars",) and others[1:2] not in ((host,), (f"{host}.yml",), (f"{host}.yaml",))):
            found[name] = f"   ({path}:{line})"
    return found


@dataclass(frozen=True)
class Fault:
    """One fact that is wrong (bad), incomplete or not compared (warn)."""

    name: str
    level: str
    text: str
    fix: str = ""


_APART = ("website_config_paths", "website_data_paths", "website_code_paths")  # folders outside of the root


def asked(variables: Mapping[str, Any]) -> Stated:
    """Return what the host is asked about, of what the inventory states in the right form."""
    root = str(variables.get("website_root") or "")
    below = [posixpath.join(root, str(path)) for path in _list(variables, "website_writable_paths")]
    apart = [str(path) for name in _APART for path in _list(variables, name)]
    paths = [root, *below, *apart]
    user = str(variables.get("website_user") or "")
    return Stated(
        paths=tuple(path for path in paths if path.startswith("/")),
        accounts=(user,) if ACCOUNT.fullmatch(user) else (),
        name=str(variables.get("website_name") or ""),
        root=root,
        page=str(variables.get("website_health_path") or ""),
    )


def _list(variables: Mapping[str, Any], name: str) -> list[Any]:
    value = variables.get(name)
    return value if isinstance(value, list) else []


def compare(seen: Survey, variables: Mapping[str, Any]) -> list[Fault]:
    """Return what is wrong, and what could not be compared. Pure."""
    site = choice.stated(seen, variables)
    if site is None and seen.handed_on:
        text = _("handed on to a program that was not found: {what}").format(what="; ".join(seen.handed_on[:3]))
        return [Fault("website_root", "warn", _("not compared: {why}").format(why=text))]
    if site is None:
        return [
            Fault("website_root", "warn", _("no web server of this host says what it serves: nothing was compared"))
        ]
    found = {fact.name: fact for fact in facts(seen, site)}
    root = list(_root(seen, site, variables))
    return [
        *_name(seen, site, variables),
        *root,
        *_user(seen, found, variables),
        *_page(seen, site, found, variables),
        *_ports(seen, found, variables),
        *_settings(found, variables),
        *_database(seen, found, variables),
        *_paths(seen, found, variables),
        *_unscanned(seen, site, variables),
        *([] if root else _writable(seen, found, variables)),
        *([] if root else _restorable(seen, site)),
    ]


def _set(name: str, value: Any) -> str:
    return _("Set {name}: {value}").format(name=name, value=value)


def _name(seen: Survey, site: Website, variables: Mapping[str, Any]) -> Iterator[Fault]:
    name = str(variables.get("website_name") or "")
    if not name or name.lower() in site.names or name.lower() == name_of(seen, site):
        return
    if site.default and not site.names:  # it answers to every name
        return
    known = ", ".join(sorted({name for one in choice.served(seen) for name in one.names})) or "–"
    text = _("no website of this host has the name {name}; it has {known}").format(name=name, known=known)
    yield Fault("website_name", "bad", text, _set("website_name", site.names[0]) if site.names else "")


def _root(seen: Survey, site: Website, variables: Mapping[str, Any]) -> Iterator[Fault]:
    root = str(variables.get("website_root") or "")
    real = seen.folder(site).real
    if not root or posixpath.normpath(root) == site.root or (real and seen.real.get(root) == real):
        return
    text = _("{root} is not what {server} serves: that is {real} ({place})")
    if seen.paths.get(root) != "folder":
        text = _("there is no folder {root}; {server} serves {real} ({place})")
    text = text.format(root=root, server=site.server, real=site.root, place=", ".join(site.places[:2]))
    yield Fault("website_root", "bad", text, _set("website_root", site.root))


def _user(seen: Survey, found: Mapping[str, Found], variables: Mapping[str, Any]) -> Iterator[Fault]:
    user, fact = str(variables.get("website_user") or ""), found["website_user"]
    fix = _set("website_user", fact.value) if fact.value else ""
    if user and seen.accounts.get(user) is False:
        yield Fault("website_user", "bad", _("there is no account {user}").format(user=user), fix)
    elif user and fact.sure in _FIRM and fact.value != user:
        text = _("PHP runs as {real}, not as {user} ({place})")
        yield Fault("website_user", "bad", text.format(real=fact.value, user=user, place=", ".join(fact.evidence)), fix)
    elif user and fact.value is None:
        yield _not_compared(fact)


def _not_compared(fact: Found) -> Fault:
    why = "; ".join(fact.evidence) or _("not found on the host")
    return Fault(fact.name, "warn", _("not compared: {why}").format(why=why), _("Look whether it is right."))


def _page(seen: Survey, site: Website, found: Mapping[str, Found], variables: Mapping[str, Any]) -> Iterator[Fault]:
    path, text = str(variables.get("website_health_path") or ""), str(variables.get("website_health_text") or "")
    page = seen.stated_page
    if page is None:
        yield Fault("website_health_path", "warn", _("not compared: {why}").format(why=_("the page was not asked for")))
        return
    known, words = found["website_health_path"].value, found["website_health_text"].value
    if path and page.status != 200:
        down = _("Look into the logs of the web server and of PHP.")
        answer = _("{path} answers {status} over loopback, not 200").format(
            path=path, status=page.status or _("nothing")
        )
        yield Fault("website_health_path", "bad", answer, _set("website_health_path", known) if known else down)
    elif path and text and text not in page.body and page.more:
        why = _("{path} is longer than what is read").format(path=path)
        yield Fault("website_health_text", "warn", _("not compared: {why}").format(why=why))
    elif path and text and text not in page.body:
        best = next(iter(headings(page.body)), words)
        missing = _("“{text}” does not stand in {path}").format(text=text, path=path)
        yield Fault("website_health_text", "bad", missing, _set("website_health_text", best) if best else "")
    if path and text and page.status != 200 and words and text != words and not _anywhere(seen, site, text):
        missing = _("“{text}” stands on no page that was asked for").format(text=text)
        yield Fault("website_health_text", "bad", missing, _set("website_health_text", words))


def _anywhere(seen: Survey, site: Website, text: str) -> bool:
    return any(text in page.body for page in seen.folder(site).pages)


def _ports(seen: Survey, found: Mapping[str, Found], variables: Mapping[str, Any]) -> Iterator[Fault]:
    ports = [int(port) for port in _list(variables, "website_ports") if str(port).isdecimal()]
    served = found["website_ports"].value or []
    if not ports or not seen.listening:
        return
    if silent := [port for port in ports if port not in seen.listening]:
        text = _("nothing listens on {ports}").format(ports=", ".join(map(str, silent)))
        yield Fault("website_ports", "bad", text, _set("website_ports", served))
    elif more := [port for port in served if port not in ports]:
        text = _("the website also answers on {ports}").format(ports=", ".join(map(str, more)))
        yield Fault("website_ports", "warn", text, _set("website_ports", sorted({*served, *ports})))


def _settings(found: Mapping[str, Found], variables: Mapping[str, Any]) -> Iterator[Fault]:
    fact, value = found["website_application"], variables.get("website_application")
    if value and fact.sure in _FIRM and fact.value != value:
        text = _("the host has {real}, not {value}").format(real=", ".join(fact.evidence), value=value)
        yield Fault(fact.name, "bad", text, _set(fact.name, fact.value))


def _database(seen: Survey, found: Mapping[str, Found], variables: Mapping[str, Any]) -> Iterator[Fault]:
    for part in ("engine", "name", "user"):
        fact, value = found.get(f"website_database_{part}"), variables.get(f"website_database_{part}")
        if fact is None:  # the application has no database
            continue
        if value and fact.sure in _FIRM and fact.value != value:
            text = _("the application uses {real}, not {value} ({place})")
            text = text.format(real=fact.value, value=value, place=", ".join(fact.evidence))
            yield Fault(fact.name, "bad", text, _set(fact.name, fact.value))
        elif value and fact.value is None:
            yield _without_settings(seen, fact, str(value), variables)


def _without_settings(seen: Survey, fact: Found, value: str, variables: Mapping[str, Any]) -> Fault:
    """A fact of the database of which the application's settings say nothing: the host's servers alone can speak."""
    names = seen.databases.get(str(variables.get("website_database_engine")))
    if fact.name == "website_database_name" and names and value not in names:
        text = _("no server of this host has the database {name}; it has {known}")
        return Fault(fact.name, "bad", text.format(name=value, known=", ".join(names[:20])))
    if fact.name == "website_database_engine" and value not in seen.databases:
        return Fault(fact.name, "warn", _("no server of this kind runs on this host; not compared further"))
    return _not_compared(fact)


def _paths(seen: Survey, found: Mapping[str, Found], variables: Mapping[str, Any]) -> Iterator[Fault]:
    for name in _APART:
        for path in map(str, _list(variables, name)):
            if seen.paths.get(path) == "":
                text = _("{path} does not exist").format(path=path)
                yield Fault(name, "bad", text, _("Remove it, or correct it."))
    yield from _data(found, variables)
    stated = [str(path) for name in _APART for path in _list(variables, name)]
    needed = [path for path in found["website_config_paths"].value or [] if PATH.fullmatch(path)]
    if stated and (lacking := [path for path in needed if not any(_covers(one, path) for one in stated)]):
        text = _("a backup would lack {paths}").format(paths=", ".join(lacking))
        yield Fault(
            "website_config_paths", "warn", text, _("Add to website_config_paths: {paths}").format(paths=lacking)
        )


def _restorable(seen: Survey, site: Website) -> Iterator[Fault]:
    """A root whose place a restore would refuse: that has to be known before the day on which one is needed."""
    if seen.folder(site).parent_open:
        parent = posixpath.dirname(seen.folder(site).real or site.root)
        text = _("restore refuses it: {parent} can be written by others than root").format(parent=parent)
        yield Fault("website_root", "bad", text, f"chown root: {parent} && chmod go-w {parent}")


def _data(found: Mapping[str, Found], variables: Mapping[str, Any]) -> Iterator[Fault]:
    """Folders outside of the root that PHP writes: harden closes, and no scan reads, those that are not stated."""
    stated = [str(path) for path in _list(variables, "website_data_paths")]
    fact = found.get("website_data_paths")
    if lacking := [path for path in fact.value or [] if not any(_covers(one, path) for one in stated)] if fact else []:
        text = _("PHP may write {paths} too; harden closes it, no backup holds it, and no scan looks there")
        fix = _("Where the website needs it, add it to website_data_paths: {paths}")
        yield Fault("website_data_paths", "warn", text.format(paths=", ".join(lacking)), fix.format(paths=lacking))
    open_to_php = [*_list(variables, "website_code_paths"), *_list(variables, "php_hardening_extra_paths"), *stated]
    loaded = found.get("website_code_paths")
    if closed := [path for path in (loaded.value or [] if loaded else []) if not _any_covers(open_to_php, path)]:
        text = _("the website loads code from {paths}; harden keeps PHP out of there").format(paths=", ".join(closed))
        fix = _("Add to website_code_paths: {paths}").format(paths=closed)
        yield Fault("website_code_paths", "warn", text, fix)


def _any_covers(folders: Iterable[Any], path: str) -> bool:
    return any(_covers(str(one), path) for one in folders)


SCANNED = ("/etc", "/opt", "/usr/local", "/var/www")  # of all hosts; a web root may lie in them


def _unscanned(seen: Survey, site: Website, variables: Mapping[str, Any]) -> Iterator[Fault]:
    """Other websites of the host, of whose folders no scan takes notice."""
    stated = [one.get("website_root") for one in _list(variables, "websites") if isinstance(one, Mapping)]
    trees = [*SCANNED, *map(str, stated), *map(str, _list(variables, "host_state_trees")), site.root]
    left = {
        one.root: _("{name} in {root}").format(name=one.label, root=one.root)
        for one in choice.served(seen)
        if one.root and not any(_covers(tree, one.root) for tree in trees)
    }
    if left:
        text = _("scan does not look at another website of this host: {names}").format(names="; ".join(left.values()))
        fix = _("List it in websites (docs/how-to/several-websites.md), or add its folder to host_state_trees.")
        yield Fault("websites", "warn", text, fix)


def _covers(folder: str, path: str) -> bool:
    return path == folder.rstrip("/") or path.startswith(folder.rstrip("/") + "/")


def _writable(seen: Survey, found: Mapping[str, Found], variables: Mapping[str, Any]) -> Iterator[Fault]:
    root = str(variables.get("website_root") or "")
    stated = [str(path) for path in _list(variables, "website_writable_paths")]
    for path in stated:
        if seen.paths.get(root) == "folder" and seen.paths.get(posixpath.join(root, path)) == "":
            text = _("{path} does not exist below {root}").format(path=path, root=root)
            yield Fault("website_writable_paths", "bad", text, _("Remove it, or correct it."))
    fact = found["website_writable_paths"]
    known = fact.value if fact.sure is Sure.CERTAIN and "website_writable_paths" in variables else []
    if more := [path for path in known if not any(_covers(one, path) for one in stated)]:
        text = _("PHP may write {paths} too").format(paths=", ".join(more))
        fix = _("Add it to website_writable_paths, or let harden close it.")
        yield Fault("website_writable_paths", "warn", text, fix)
