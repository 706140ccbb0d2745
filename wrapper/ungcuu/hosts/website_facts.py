"""The facts that a website's inventory must state: what each must look like, and which verbs fail without it.

A fact that is missing or malformed is refused before a host is asked anything; `doctor` shows all of them at once.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ungcuu.core.errors import InventoryError
from ungcuu.core.i18n import LANGUAGES, N_, _
from ungcuu.hosts import inventory_files, profiles
from ungcuu.hosts.site import Site

_NAME = re.compile(
    r"(?=.{1,253}\Z)([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\Z"
)
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]*\Z")
_DATABASE = re.compile(r"[A-Za-z0-9_$-]+\Z")
_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d\Z")
_TARGET = re.compile(r"[a-z][a-z0-9]*://[!-~]+\Z")
_WEB_ADDRESS = re.compile(r"https?://[!-~]+\Z")
ENGINES = ("mariadb", "postgresql", "none")


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _absolute(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("/") and value.rstrip("/") != "" and ".." not in value.split("/")


def _relative(value: Any) -> bool:
    return isinstance(value, str) and value != "" and not value.startswith("/") and ".." not in value.split("/")


def address_or_name(value: Any) -> bool:
    """Return whether a value is an address, a network or a name of a machine."""
    try:
        ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        return isinstance(value, str) and bool(_NAME.match(value))
    return True


def _port(value: Any) -> bool:
    return str(value).isdecimal() and 0 < int(value) < 65536


def _target(value: Any) -> bool:
    return isinstance(value, str) and bool(_TARGET.match(value))


def _minutes(value: Any) -> bool:
    return str(value).isdecimal() and 0 < int(value) <= 1440


def _all(form: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(form, value))


@dataclass(frozen=True)
class Fact:
    """One inventory variable. ``verbs`` are those that read it, and fail without it unless it is ``optional``.

    ``beside`` names a fact that makes it needed: where that one is missing or ``none``, this one isn't asked for. The
    value of a ``secret`` one is never shown.
    """

    name: str
    form: Callable[[Any], bool]
    looks: str  # what it has to look like, for a person
    verbs: tuple[str, ...]
    optional: bool = False
    beside: str = ""
    secret: bool = False


_SCANS = ("scan", "baseline", "reassess", "eradicate")
_WATCH = ("watch", "notify")
_VAULT = ("backup", "restore", "restore-points", "restore-drill", "rebuild")

FACTS = (
    Fact(
        "management_addresses",
        _all(address_or_name),
        N_("a list of addresses, networks or names, such as [192.0.2.100]"),
        ("isolate", "block", "harden"),
    ),
    Fact("ungcuu_known_hosts", _text, N_("the path of a file"), ("enrol",)),
    Fact(
        "website_name",
        lambda value: isinstance(value, str) and bool(_NAME.match(value)),
        N_("a name that visitors type, such as www.example.gov.vn"),
        ("harden", "patch", "rotate", "release", *_VAULT),
    ),
    Fact(
        "website_root",
        _absolute,
        N_("an absolute path, such as /var/www/portal"),
        ("harden", "rotate", *_SCANS, *_VAULT),
    ),
    Fact(
        "website_writable_paths",
        lambda value: value == [] or _all(_relative)(value),
        N_("a list of paths below website_root, without a leading slash; [] for none"),
        ("harden", *_SCANS, *_VAULT),
        optional=True,
    ),
    Fact(
        "website_user",
        lambda value: isinstance(value, str) and bool(_ACCOUNT.match(value)),
        N_("the name of an account"),
        ("harden", *_VAULT),
    ),
    Fact(
        "website_health_path",
        lambda value: isinstance(value, str) and value.startswith("/"),
        N_("a path that begins with a slash, such as /"),
        ("harden", "patch", "rotate", "release", "restore", "rebuild"),
    ),
    Fact(
        "website_health_text",
        _text,
        N_("words that appear on that page when the website works"),
        ("harden", "patch", "rotate", "release", "restore", "rebuild"),
    ),
    Fact(
        "website_ports",
        _all(_port),
        N_("a list of ports, such as [80, 443]"),
        ("harden", "isolate", "release", *_SCANS),
        optional=True,
    ),
    Fact(
        "isolation_vantage",
        _text,
        N_("the inventory's name of a second machine, which looks at an isolated host from outside"),
        ("isolate", "release"),
        optional=True,
    ),
    Fact(
        "isolation_switch_note",
        _text,
        N_("where to cut the host off without its help, such as “switch sw1, port 7; Mr An, 0912 345 678”"),
        ("isolate",),
        optional=True,
    ),
    Fact("website_config_paths", _all(_absolute), N_("a list of absolute paths, such as [/etc/nginx]"), _VAULT),
    Fact(
        "website_database_engine",
        lambda value: value in ENGINES,
        "mariadb | postgresql | none",
        ("rotate", *_VAULT),
        optional=True,
    ),
    Fact(
        "website_database_name",
        lambda value: isinstance(value, str) and bool(_DATABASE.match(value)),
        N_("the name of a database"),
        ("rotate", *_VAULT),
        beside="website_database_engine",
    ),
    Fact(
        "website_database_user",
        lambda value: isinstance(value, str) and bool(_DATABASE.match(value)),
        N_("the name of the database account that the website uses"),
        ("rotate", *_VAULT),
        beside="website_database_engine",
    ),
    Fact(
        "website_advisories",
        _text,
        N_("the path of a file or folder of advisories in OSV's format, from the inventory's folder on"),
        ("audit", "patch"),
        optional=True,
    ),
    Fact("website_vault_host", _text, N_("the name of a host of the inventory"), _VAULT),
    Fact("website_vault_address", address_or_name, N_("an address"), ("backup",)),
    Fact(
        "watch_targets",
        _all(_target),
        N_("a list of addresses of apprise, such as [mailtos://user:password@mail.example.gov.vn]"),
        _WATCH,
        optional=True,
        secret=True,
    ),
    Fact(
        "watch_deputy_targets",
        _all(_target),
        N_("a list of addresses of apprise, such as [mailtos://user:password@mail.example.gov.vn]"),
        _WATCH,
        optional=True,
        secret=True,
    ),
    Fact("watch_language", lambda value: value in LANGUAGES, "vi | en", _WATCH, optional=True),
    Fact(
        "watch_quiet_hours",
        lambda value: isinstance(value, str) and bool(_HOURS.match(value)),
        N_("two times of this controller's clock, such as “22:00-06:00”"),
        _WATCH,
        optional=True,
    ),
    Fact("watch_escalate_minutes", _minutes, N_("minutes, 1 to 1440"), _WATCH, optional=True),
    Fact("watch_repeat_minutes", _minutes, N_("minutes, 1 to 1440"), _WATCH, optional=True),
    Fact(
        "watch_ping_address",
        lambda value: isinstance(value, str) and bool(_WEB_ADDRESS.match(value)),
        N_("an address that begins with https:// or http://"),
        _WATCH,
        optional=True,
        secret=True,
    ),
)


# What a site may state beside them; nothing fails without it, and what it looks like is not asked.
OPTIONAL = frozenset(
    {
        "controls_waivers",
        "host_address_ipv6",
        "patching_batches",
        "node_program",
        "restore_drill_on",
        "ungcuu_state",
        "website_application",
        "website_backup_exclude",
        "website_contacts",
        "website_profile_facts",
        "website_second_vault_host",
        "website_target",
        "websites",
    }
)


# Several websites on one host: what each entry of the list states, and what else belongs to one site alone, with what
# leaving it out means.
NEEDED = ("name", "website_name", "website_root", "website_user", "website_health_path", "website_health_text")
OWN: Mapping[str, Any] = {
    "website_writable_paths": [],
    "website_application": "",
    "website_profile_facts": {},
    "website_backup_exclude": [],
    "website_database_engine": "none",
    "website_database_name": "",
    "website_database_user": "",
}


def problems(site: Site, host: str, verb: str = "") -> list[str]:
    """Return what is wrong with a website's facts, one line each: those of one verb, or all of them.

    Empty for a host that serves no website.
    """
    if host not in site.groups.get("website", ()):
        return []
    known = site.variables(host)
    wanted = [fact for fact in FACTS if not verb or verb in fact.verbs]
    lines = []
    for fact in wanted:
        if problem := _problem(site, known, fact):
            verbs = ", ".join(fact.verbs)
            lines.append(problem if verb else _("{problem}   (for {verbs})").format(problem=problem, verbs=verbs))
    if verb in ("", "audit", "patch", *_SCANS) and (wrong := _profile_fault(site, known)):
        lines.append(wrong)
    return lines


def _profile_fault(site: Site, known: Mapping[str, Any]) -> str:
    wrong = profiles.fault_of(str(known.get("website_application") or ""), known.get("website_profile_facts"))
    place = place_of_fact(site, known, "website_profile_facts") if wrong else ""
    return f"{wrong}   ({place})" if place else wrong


def _problem(site: Site, known: Mapping[str, Any], fact: Fact) -> str:
    value = known.get(fact.name)
    looks = _(fact.looks)
    if value is None or value == "":
        needed = not fact.optional and (not fact.beside or known.get(fact.beside) not in (None, "", "none"))
        return "" if not needed else _("{name} is missing: {looks}").format(name=fact.name, looks=looks)
    if fact.form(value):
        return ""
    return _("{name} is {value}; it has to be {looks}   ({place})").format(
        name=fact.name,
        value=_("(not shown)") if fact.secret else repr(value)[:80],
        looks=looks,
        place=place_of_fact(site, known, fact.name) or "?",
    )


def place_of_fact(site: Site, known: Mapping[str, Any], name: str) -> str:
    """Return where a fact is set: in the entry of the one website that this is about, else by the flat variable."""
    website = str(known.get("website_target") or "").partition("/")[2]
    if not website:
        return inventory_files.place_of(site.inventory, name)
    found = inventory_files.place_in_entry(site.inventory, website, name)
    if not found and name in (*OWN, *NEEDED):  # nothing but the entry can set it
        return inventory_files.place_in_entry(site.inventory, website, "name")
    return found or inventory_files.place_of(site.inventory, name)


def require(site: Site, hosts: Iterable[str], verb: str) -> None:
    """Refuse a verb on a website whose inventory lacks what the verb needs. No host is asked.

    Raises:
        InventoryError: All that is wrong, each with its place.
    """
    for host in hosts:
        if wrong := problems(site, host, verb):
            raise InventoryError(
                _("The inventory's facts about {host} are missing or invalid for {verb}:").format(host=host, verb=verb)
                + "".join(f"\n  {line}" for line in wrong),
                _("Nothing was touched."),
                where_to_fix(site),
            )


def where_to_fix(site: Site) -> str:
    """Return where the facts of a website are set."""
    own = site.inventory / "group_vars" if site.inventory.is_dir() else site.inventory
    return _("Set it in {path} ({example} shows each).").format(
        path=own, example=site.settings.content / "inventory" / "example" / "group_vars"
    )
