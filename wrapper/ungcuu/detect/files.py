"""Each changed file goes to the judge of its area."""

from __future__ import annotations

from collections.abc import Iterator

from ungcuu.detect.baseline import Row
from ungcuu.detect.comparison import Comparison
from ungcuu.detect.data import data, dpkg_file
from ungcuu.detect.file_rows import side_by_side
from ungcuu.detect.findings import Finding
from ungcuu.detect.own import Stages
from ungcuu.detect.places import ADDED_LATER, UNIT_FOLDER
from ungcuu.detect.system import CRON, PHP_NAME, home, privileged, program, system, temporary
from ungcuu.detect.web import may_act, unknown, upload, web

_WITHOUT_BASELINE = ("upload", "temporary", "program", "privileged")
_COMPARED = ("type", "mode", "uid", "gid", "sha256", "target", "xattrs", "big")


def _changed_files(comparison: Comparison) -> Iterator[tuple[str, Row | None, Row | None]]:
    """Yield (path, before, now) of each file that differs, or that has no counterpart."""
    before = comparison.before.of("file") if comparison.before else {}
    for path, old, new in side_by_side(before, comparison.now.of("file"), unlike=True):
        if new is not None and comparison.policy.expected.get(path, "-") == new.get("sha256"):
            continue
        if old is None or new is None or any(old.get(name) != new.get(name) for name in _COMPARED):
            yield path, old, new


def files(comparison: Comparison) -> Iterator[Finding]:
    """Each changed file goes to the judge of its area."""
    stages = Stages(comparison)
    for path, old, new in _changed_files(comparison):
        if stages.take(path, new):
            continue
        if path in comparison.judged:
            yield from comparison.judged[path]
        else:
            yield from _judge(comparison, path, old, new)
    yield from stages.findings()


def of_one(comparison: Comparison, path: str) -> list[Finding]:
    """Return what is found of one file, whose bytes are at hand now and are not kept."""
    before = comparison.before.file(path) if comparison.before else None
    return list(_judge(comparison, path, before, comparison.now.file(path)))


def stands_alone(comparison: Comparison, path: str) -> bool:
    """Whether a file is judged by its own bytes alone: those of a unit explain its timer too."""
    area = (comparison.now.file(path) or {}).get("area")
    return area != "system" or not (CRON.match(path) or UNIT_FOLDER.match(path))


def _judge(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    row = new or old or {}
    area = row.get("area", "")
    if comparison.before is None:
        judge = unknown if area == "web" else _AREAS[area] if area in _WITHOUT_BASELINE else None
    elif comparison.before.reader < 2 and _is_unknown_to_old(path, row):
        judge = None
    else:
        judge = _AREAS.get(area)
    if judge is not None:
        yield from judge(comparison, path, old, new)


def _is_unknown_to_old(path: str, row: Row) -> bool:
    """Whether the first release's baselines say nothing of this place."""
    return row.get("area") in ("data", "dpkg") or bool(ADDED_LATER.match(path))


_AREAS = {
    "upload": upload,
    "web": web,
    "system": system,
    "home": home,
    "program": program,
    "privileged": privileged,
    "temporary": temporary,
    "data": data,
    "dpkg": dpkg_file,
}


def _is_asked(comparison: Comparison, path: str, new: Row) -> bool:
    """Whether the bytes of a file of the website say something that is not known: known-good ones need no judge."""
    if new.get("sha256") in comparison.policy.known_good or not may_act(path, new):
        return False
    return comparison.before is not None or not new.get("package_ok")


def interesting(comparison: Comparison) -> list[str]:
    """Return the paths whose bytes help to judge: new or changed code, pages, jobs and units."""
    wanted: list[tuple[int, str]] = []
    stages = Stages(comparison)
    for path, _old, new in _changed_files(comparison):
        if new is None or stages.take(path, new) or new.get("type") != "file":
            continue
        if new.get("area") == "web" and not _is_asked(comparison, path, new):
            continue
        rank = {"upload": 0, "web": 1, "temporary": 2}.get(new.get("area", ""), 3)
        code = PHP_NAME.search(path) and new.get("area") == "system"
        if rank < 3 or code or path.startswith("/var/www/") or CRON.match(path) or UNIT_FOLDER.match(path):
            wanted.append((rank, path))
    return [path for _rank, path in sorted(wanted)]
