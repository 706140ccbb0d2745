"""The websites of a host as it says them: whose a pool is, and whether a neighbour's page got worse. Pure.

What comes from the host is checked for form: nothing of it becomes a path, a name or an address unchecked.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ungcuu.core.check_phrases import Trial
from ungcuu.core.phrases import Coded, Detail, phrase

_NAME = re.compile(r"[a-z0-9*._~-]{1,253}")
_PLACE = re.compile(r"/[A-Za-z0-9_.@+/-]{0,300}")
_POOL = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?/[A-Za-z0-9_.-]{1,64}")
_FILE = re.compile(r"/etc/(nginx|apache2)/[A-Za-z0-9_.@/-]{1,200}")
_TRIAL = re.compile(r"page of ([a-z0-9.-]{1,253}):([0-9]{1,5})")
_MOST = 200


@dataclass(frozen=True)
class WebSite:
    """One virtual host."""

    names: tuple[str, ...]
    roots: tuple[str, ...]
    pools: tuple[str, ...]  # version/name
    file: str
    server: str = "nginx"

    @property
    def label(self) -> str:
        """What people call it."""
        return next(iter(self.names), "") or next(iter(self.roots), "") or "?"


def checked(rows: object) -> tuple[WebSite, ...]:
    """The sites that a host names, without anything that has not the expected form."""
    kept = [row for row in rows[:_MOST] if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return tuple(
        WebSite(
            _of_form(row.get("names"), _NAME),
            (*_of_form(row.get("roots"), _PLACE), *_of_form(row.get("aliases"), _PLACE)),
            _of_form(row.get("pools"), _POOL),
            next(iter(_of_form([row.get("file")], _FILE)), ""),
            "apache" if row.get("server") == "apache" else "nginx",
        )
        for row in kept
    )


def _of_form(items: object, form: re.Pattern[str]) -> tuple[str, ...]:
    texts = [str(item) for item in items[:_MOST]] if isinstance(items, list) else []
    return tuple(text for text in texts if form.fullmatch(text) and ".." not in text.split("/"))


def places(items: object) -> tuple[str, ...]:
    """Those of the folders that a host names which have a folder's form."""
    return _of_form(items, _PLACE)


def own(sites: Iterable[WebSite], name: str, root: str) -> tuple[WebSite, ...]:
    """The virtual hosts of the website: those with its name, or, where none has it, those with its root."""
    named = tuple(site for site in sites if name.lower() in site.names)
    return named or tuple(site for site in sites if root in site.roots)


def whose(
    sites: Sequence[WebSite], name: str, root: str, mod_php: bool = False, listed: Iterable[tuple[str, str]] = ()
) -> dict[str, Any]:
    """What the website has for itself: ``pools`` (version to names) and ``own_files``, and what it shares.

    ``shared_pools`` is version/name to the other sites, ``shared_units`` the same for the units that run PHP, also
    those that run other sites alone: but not those that the inventory lists (``listed``, name and root), since what
    they write is known. ``shared_files`` hold virtual hosts of other sites, too. A site below the same root (a
    redirect, a second name) is no other site.
    """
    mine = own(sites, name, root)
    others = [site for site in sites if site not in mine and not _inside(site, root)]
    known = {site for one in listed for site in own(sites, *one)}
    used = sorted({pool for site in mine for pool in site.pools})
    shared = {pool: sorted({site.label for site in others if pool in site.pools}) for pool in used}
    alone: dict[str, list[str]] = {}
    for version, _, pool in (item.partition("/") for item in used if not shared[item]):
        alone.setdefault(version, []).append(pool)
    units: dict[str, set[str]] = {}
    for site in (site for site in others if site not in known):
        for pool in site.pools:
            units.setdefault(f"php{pool.partition('/')[0]}-fpm.service", set()).add(site.label)
        if mod_php and site.server == "apache":
            units.setdefault("apache2.service", set()).add(site.label)
    return {
        "pools": alone,
        "shared_pools": {pool: names for pool, names in shared.items() if names},
        "shared_units": {unit: sorted(names) for unit, names in sorted(units.items())},
        "own_files": sorted({site.file for site in mine if site.file}),
        "shared_files": sorted(
            {site.file for site in mine if site.file}
            & {site.file for site in others if site.pools or any(not _below(place, root) for place in site.roots)}
        ),
    }


def _inside(site: WebSite, root: str) -> bool:
    """Whether a site has nothing outside of the root."""
    return bool(site.roots) and all(_below(place, root) for place in site.roots)


def _below(place: str, root: str) -> bool:
    return place == root or place.startswith(f"{root}/")


def page(row: object) -> dict[str, Any] | None:
    """How a neighbour's page is asked for again, or None if the host named it in another form."""
    if not isinstance(row, Mapping) or not (found := _TRIAL.fullmatch(str(row.get("trial", "")))):
        return None
    try:
        address = str(ipaddress.ip_address(str(row.get("address"))))
    except ValueError:
        return None
    asked = {"host": found[1], "port": int(found[2]), "tls": row.get("tls") is True, "address": address}
    return asked | {"trial": found[0]}


def worse(before: Mapping[str, Any], after: Mapping[str, Any]) -> Coded:
    """In which way a neighbour's page is worse than before the changes, an empty phrase if it is not."""
    was, now = before.get("seen") or {}, after.get("seen") or {}
    if not now.get("status"):
        known = after.get("detail")
        return known if isinstance(known, dict) and known else phrase(Detail.PAGE_NONE)
    if _rank(now["status"]) > _rank(was.get("status", 0)):
        return phrase(Trial.WORSE_STATUS, before=was.get("status"), now=now["status"])
    if _rank(now["status"]) < _rank(was.get("status", 0)):
        return {}
    if was.get("title") and now.get("title") != was["title"]:
        return phrase(Trial.WORSE_TITLE)
    if "location" in was and now.get("location") != was["location"]:
        return phrase(Trial.WORSE_PLACE, place=str(now.get("location", ""))[:100])
    return phrase(Trial.WORSE_LENGTH) if int(now.get("length", 0)) * 2 < int(was.get("length", 0)) else {}


def _rank(status: object) -> int:
    """Fine, sent elsewhere, refused, broken."""
    return int(status) // 100 if isinstance(status, int) else 0
