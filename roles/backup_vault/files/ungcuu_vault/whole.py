"""Whether a point is whole: not below half of the points before it, and nothing missing that must be there.

A host that was taken over may leave files out of its backups. So each point is judged by the vault's own listing of
it. Two hundred lines of a shrunken point are no proof of an intruder: somebody may have cleaned up. A person accepts
that with a reason, and from then on it is what later points are measured by.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ungcuu.remote import stage_rules
from ungcuu.remote.host_state.reading import escaped
from ungcuu_vault.common import parse_time
from ungcuu_vault.known import Known, below
from ungcuu_vault.site import Site

HALF = 0.5
PARTS = ("files", "database", "config")
SHOWN = 300  # characters of a path in the ledger
NAMED = 50  # missing files that the ledger names; all of them stand in the point's own file
_DAYS = 14  # so far back the largest point is looked for: a site that shrinks by a third each night is found too
_LEAST_FILES = 4  # of fewer files half says nothing
_LEAST_BYTES = 64 << 10
_DUMP_FOLDER = "/var/lib/ungcuu/backup/current/"
_DUMPS = {"mariadb": ("tables.sql",), "postgresql": ("database.pgdump",)}
_ENTRY = ("index.php", "index.html", "index.htm")


class Listing:
    """What the vault's listing of a point shows, collected while it is read."""

    def __init__(self, site: Site) -> None:
        self._root = str(site.settings["site"]["root"]).rstrip("/")
        self.sizes = dict.fromkeys(PARTS, 0)
        self.paths: set[str] = set()
        self.odd: set[str] = set()
        self.opened: list[str] = []  # files and folders below the root that anyone may write
        self.empty: set[str] = set()

    def see(self, row: Mapping[str, Any], part: str) -> None:
        """Take one entry of the listing; `part` as `measure` counts it."""
        path, kind = str(row.get("path", "")), row.get("type")
        inside = path.startswith(self._root + "/") and kind in ("file", "dir")
        if inside and stage_rules.anyone_may_write(int(row.get("mode", 0))):
            self.opened.append(escaped(path.encode("utf-8", "surrogateescape")))
        if kind == "file":
            self.sizes[part] += int(row.get("size", 0))
            if not row.get("size"):
                self.empty.add(path)
        elif kind != "dir":
            self.odd.add(path)
        if kind != "dir":
            self.paths.add(escaped(path.encode("utf-8", "surrogateescape")))

    def entries(self) -> list[str]:
        """The pages that the website starts with."""
        return [name for name in _ENTRY if f"{self._root}/{name}" in self.paths]


def judge(site: Site, point: Mapping[str, Any], listing: Listing, known: Known) -> dict[str, Any]:
    """The completeness of a point that was just taken. `missing` is the whole list; see `noted`."""
    before = _measures(site.ledger(), point)
    settings = site.settings["site"]
    return {
        "shrunk": list(_shrunk(point, listing.sizes, before)),
        "lacks": list(_lacks(settings, point, listing, before, known)),
        "entries": listing.entries(),
        "missing": _missing(settings, point, listing, known),
        "baseline": valid.brief() if (valid := known.valid(point["time"])) else None,
    }


def again(found: Mapping[str, Any], point: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """The same after a later baseline or a person's word: what they know to be gone is not missing."""
    later = known.later(point["time"])
    left = [path for path in found["missing"] if path not in known.gone and all(path in one.files for one in later)]
    return {**found, "missing": left}


def noted(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the ledger keeps of it."""
    return {
        **found,
        "missing": [path[:SHOWN] for path in found["missing"][:NAMED]],
        "missing_total": len(found["missing"]),
    }


def sound(point: Mapping[str, Any]) -> bool:
    """Whether later points may be measured by this one: it had not shrunk, or a person accepted that."""
    found = point.get("whole")
    return bool(point.get("accepted")) or not found or not (found["shrunk"] or found["lacks"])


def in_words(point: Mapping[str, Any]) -> str:
    """What speaks against the point's completeness; empty when nothing does."""
    found = point.get("whole")
    if not found or point.get("accepted"):
        return ""
    words = [_shrink_words(row) for row in found["shrunk"][:2]] + [_lack_words(what) for what in found["lacks"]]
    if found["missing_total"]:
        words.append(f"lacks {found['missing_total']} files that the baseline knows")
    return "; ".join(words)


def _lack_words(what: str) -> str:
    kind, _, name = what.partition(" ")
    said = {"dump": "the database dump", "entry": "the entry page", "config": "the configuration"}
    return f"lacks {said[kind]} {name}" if kind in said else "lacks every file of the web root"


def _shrink_words(row: Mapping[str, Any]) -> str:
    unit = (lambda n: f"{n / 2**20:.1f} MiB") if row["what"] == "bytes" else (lambda n: f"{n} files")
    part = "" if row["part"] == "all" else f" of {row['part']}"
    return f"holds {unit(row['now'])}{part} where {row['before_id'][:8]} held {unit(row['before'])}"


def _measures(ledger: Sequence[Mapping[str, Any]], point: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The points to measure by: since the last accepted one, those of two weeks, at least the newest."""
    earlier = [row for row in ledger if row["id"] != point["id"] and sound(row) and row["time"] <= point["time"]]
    accepted = [number for number, row in enumerate(earlier) if row.get("accepted")]
    earlier = earlier[accepted[-1] :] if accepted else earlier
    young = [row for row in earlier if (parse_time(point["time"]) - parse_time(row["time"])).days < _DAYS]
    return young or earlier[-1:]


def _amounts(row: Mapping[str, Any], sizes: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    yield "all", "bytes", int(row["bytes"])
    yield "all", "files", int(row["files"])
    for part in PARTS:
        yield part, "files", int(row["counts"][part])
        if part in sizes:
            yield part, "bytes", int(sizes[part])


def _shrunk(
    point: Mapping[str, Any], sizes: Mapping[str, int], before: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Each amount that is below half of what a point before held."""
    largest: dict[tuple[str, str], tuple[int, Mapping[str, Any]]] = {}
    for row in before:
        for part, what, amount in _amounts(row, row.get("sizes", {})):
            if amount >= largest.get((part, what), (0, row))[0]:
                largest[part, what] = amount, row
    for part, what, amount in _amounts(point, sizes):
        most, row = largest.get((part, what), (0, point))
        if most >= (_LEAST_BYTES if what == "bytes" else _LEAST_FILES) and amount < HALF * most:
            yield {
                "part": part,
                "what": what,
                "now": amount,
                "before": most,
                "before_id": row["id"],
                "before_time": row["time"],
            }


def _lacks(
    settings: Mapping[str, Any],
    point: Mapping[str, Any],
    listing: Listing,
    before: Sequence[Mapping[str, Any]],
    known: Known,
) -> Iterator[str]:
    """What the website's facts say must be there: `files`, `dump NAME`, `entry NAME`, `config PATH`."""
    if not point["counts"]["files"]:
        yield "files"
    engine = str((settings.get("database") or {}).get("engine", ""))
    for name in _DUMPS.get(engine, ()):
        if _DUMP_FOLDER + name not in listing.paths or _DUMP_FOLDER + name in listing.empty:
            yield f"dump {name}"
    had = {name for row in before[-1:] for name in (row.get("whole") or {}).get("entries", ())}
    for name in sorted(had - set(listing.entries())):
        yield f"entry {name}"
    for path in settings.get("config_paths", []):
        if _config_gone(str(path), point, listing, before, known):
            yield f"config {path}"


def _config_gone(
    path: str, point: Mapping[str, Any], listing: Listing, before: Sequence[Mapping[str, Any]], known: Known
) -> bool:
    """Whether a path of the configuration was there before, or stands in the baseline, and most of it now is not."""
    valid = known.valid(point["time"])
    wanted = [name for name in (*below(valid.files, path), path) if name in valid.files] if valid else []
    if wanted:
        return sum(name in listing.paths for name in wanted) < HALF * len(wanted)
    had = any(path in (row["source"].get("config_paths") or ()) for row in before[-1:])
    return had and path not in listing.paths and not any(name.startswith(path + "/") for name in listing.paths)


def _missing(settings: Mapping[str, Any], point: Mapping[str, Any], listing: Listing, known: Known) -> list[str]:
    """Files of the web root, outside of writable folders, that the baseline knows and the point does not hold."""
    valid, root = known.valid(point["time"]), str(settings["root"]).rstrip("/")
    if valid is None:
        return []
    writable = tuple(f"{root}/{str(name).strip('/')}/" for name in settings.get("writable_paths", []))
    wanted = (
        path for path in below(valid.files, root) if path not in listing.paths and not path.startswith(writable or "\0")
    )
    left_out = [str(pattern) for pattern in settings.get("exclude", [])]
    gone = [path for path in wanted if path not in known.gone and not _excluded(path, left_out)]
    return sorted(path for path in gone if all(path in one.files for one in known.later(point["time"])))


def _excluded(path: str, patterns: Sequence[str]) -> bool:
    """Whether the inventory has it left out, as restic reads such patterns: by one name, or by the whole path."""
    while path not in ("/", ""):
        for pattern in patterns:
            name = path if "/" in pattern else posixpath.basename(path)
            if fnmatch.fnmatchcase(name, pattern.rstrip("/")):
                return True
        path = posixpath.dirname(path)
    return False
