"""Known vulnerabilities, from advisories that the site supplies: OSV's JSON, one entry a file, a list, or a folder.

OSV: https://ossf.github.io/osv-schema/. Nothing is fetched. An entry that can't be judged for a version is shown as
not known, never as passed; how old the files are is said wherever they are used.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from ungcuu.core.errors import InventoryError
from ungcuu.core.i18n import _
from ungcuu.prepare.versions import compare

MOST_BYTES = 512 << 20
_MOST_FILES = 200_000


class Verdict(StrEnum):
    """What an advisory says of one version."""

    AFFECTED = "affected"
    NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Hole:
    """One advisory that concerns a part. ``fixed``: the first version without it, where it says one."""

    id: str
    aliases: tuple[str, ...]
    verdict: Verdict
    fixed: str
    summary: str


@dataclass(frozen=True)
class Advisories:
    """All entries by ``ECOSYSTEM:package``. ``newest``: when the newest entry was last changed."""

    place: str = ""
    entries: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    count: int = 0
    newest: datetime | None = None

    def age(self, now: datetime) -> str:
        """Say how old they are, for a person."""
        if not self.place:
            return _("no advisories: website_advisories names no file, so known vulnerabilities were not looked for")
        if self.newest is None:
            return _("{count} advisories of {place}, whose age is not known").format(count=self.count, place=self.place)
        return _("{count} advisories of {place}; the newest is of {date} ({days} days old)").format(
            count=self.count, place=self.place, date=f"{self.newest:%Y-%m-%d}", days=max(0, (now - self.newest).days)
        )

    def holes(self, names: Iterable[str], version: str, scheme: str) -> list[Hole]:
        """Return those of one version, under all the names of its part; what is not known stands last."""
        found: dict[str, Hole] = {}
        for name in names:
            for entry in self.entries.get(name.lower(), ()):
                if hole := _hole(entry, name.lower(), version, scheme):
                    found.setdefault(hole.id, hole)
        return sorted(found.values(), key=lambda hole: (hole.verdict is Verdict.NOT_KNOWN, hole.id))


def load(path: Path) -> Advisories:
    """Read a file of advisories, or every ``*.json`` of a folder.

    Raises:
        InventoryError: There is none, or one is not OSV's JSON; it is named.
    """
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not path.exists() or not files:
        raise _wrong(path, _("there is no such file, or no *.json in that folder"))
    if len(files) > _MOST_FILES or sum(file.stat().st_size for file in files) > MOST_BYTES:
        raise _wrong(path, _("it is larger than {size} MiB").format(size=MOST_BYTES >> 20))
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    seen: set[str] = set()
    newest: datetime | None = None
    for file in files:
        for entry in _entries(file):
            moment = _moment(entry.get("modified"))
            newest = max(filter(None, (newest, moment)), default=None)
            if entry.get("withdrawn") or entry["id"] in seen:
                continue
            seen.add(str(entry["id"]))
            for name in {_package(affected) for affected in entry["affected"]}:
                by_name.setdefault(name, []).append(entry)
    return Advisories(str(path), by_name, len(seen), newest)


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    """Yield each entry of one file, checked as far as it is used."""
    try:
        known = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _wrong(file, str(error)) from error
    rows = known.get("vulns", [known]) if isinstance(known, dict) else known
    for number, row in enumerate(rows if isinstance(rows, list) else [None], 1):
        if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not _is_well_formed(row.get("affected")):
            raise _wrong(file, _("entry {number} is not an advisory in OSV's format").format(number=number))
        yield row


def _is_well_formed(affected: object) -> bool:
    return isinstance(affected, list) and all(
        isinstance(row, dict)
        and isinstance(row.get("package", {}), dict)
        and _texts(row.get("versions", []))
        and isinstance(row.get("ranges", []), list)
        and all(_is_range(span) for span in row.get("ranges", []))
        for row in affected
    )


def _is_range(span: object) -> bool:
    events = span.get("events") if isinstance(span, dict) else None
    return isinstance(events, list) and all(
        isinstance(event, dict) and _texts(list(event.values())) for event in events
    )


def _texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _wrong(path: Path, why: str) -> InventoryError:
    return InventoryError(
        _("website_advisories: {path}: {why}").format(path=path, why=why),
        _("Nothing was touched."),
        _("Name a file or folder with advisories in OSV's JSON; see docs/how-to/patch-application.md."),
    )


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _package(affected: Mapping[str, Any]) -> str:
    package = affected.get("package") or {}
    return f"{package.get('ecosystem', '')}:{package.get('name', '')}".lower()


def _hole(entry: Mapping[str, Any], name: str, version: str, scheme: str) -> Hole | None:
    """Judge one version by one advisory; None where it does not concern it."""
    known = [_judged(row, version, scheme) for row in entry["affected"] if _package(row) == name]
    verdicts = [verdict for verdict, _fixed in known if verdict]
    if not verdicts:
        return None
    worst = Verdict.AFFECTED if Verdict.AFFECTED in verdicts else Verdict.NOT_KNOWN
    fixed = next((fixed for verdict, fixed in known if verdict is worst and fixed), "")
    aliases = tuple(map(str, entry.get("aliases") or ()))
    return Hole(str(entry["id"]), aliases, worst, fixed, str(entry.get("summary") or "")[:200])


def _judged(affected: Mapping[str, Any], version: str, scheme: str) -> tuple[Verdict | None, str]:
    """Return the verdict on a version, with the first fixed one after it."""
    spans = [span for span in affected.get("ranges", []) if span.get("type") != "GIT"]
    results = [_in_range(span["events"], version, scheme) for span in spans]
    if version and version in affected.get("versions", []):
        return Verdict.AFFECTED, next((fixed for _verdict, fixed in results if fixed), "")
    for wanted in (Verdict.AFFECTED, Verdict.NOT_KNOWN):
        for verdict, fixed in results:
            if verdict is wanted:
                return wanted, fixed
    # A list of versions names every one; commits of a repository say nothing of a version.
    judged = bool(version) and (bool(spans) or bool(affected.get("versions")))
    return (None if judged else Verdict.NOT_KNOWN), ""


def _in_range(events: Sequence[Mapping[str, str]], version: str, scheme: str) -> tuple[Verdict | None, str]:
    """Whether a version lies where a range's events say, in OSV's own way; what can't be placed is not known."""
    affected, fixed = False, ""
    for event in _sorted(events, scheme):
        for kind, at in event.items():
            order = 1 if at == "0" else compare(version, at, scheme)
            if order is None:
                return Verdict.NOT_KNOWN, ""
            if kind == "introduced" and order >= 0:
                affected, fixed = True, ""
            elif (kind in ("fixed", "limit") and order >= 0) or (kind == "last_affected" and order > 0):
                affected = False
            elif kind == "fixed" and affected and not fixed:
                fixed = at
    return (Verdict.AFFECTED, fixed) if affected else (None, "")


def _sorted(events: Sequence[Mapping[str, str]], scheme: str) -> list[Mapping[str, str]]:
    """Events in the order of their versions; as written where they can't be compared, which the caller finds."""

    def order(one: Mapping[str, str], other: Mapping[str, str]) -> int:
        left, right = next(iter(one.values()), "0"), next(iter(other.values()), "0")
        if "0" in (left, right):
            return (right == "0") - (left == "0")
        return compare(left, right, scheme) or 0

    return sorted(events, key=functools.cmp_to_key(order))
