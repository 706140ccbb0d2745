"""Each changed file goes to the judge of its area."""

from __future__ import annotations

from collections.abc import Iterator

from ungcuu.detect.baseline import Row, Snapshot
from ungcuu.detect.comparison import Comparison
from ungcuu.detect.data import data, dpkg_file
from ungcuu.detect.findings import Finding
from ungcuu.detect.own import Stages
from ungcuu.detect.places import ADDED_LATER, UNIT_FOLDER
from ungcuu.detect.system import CRON, PHP_NAME, home, privileged, program, system, temporary
from ungcuu.detect.web import upload, web

_COMPARED = ("type", "mode", "uid", "gid", "sha256", "target", "xattrs", "big")


def _changed_files(comparison: Comparison) -> Iterator[tuple[str, Row | None, Row | None]]:
    """Yield (path, before, now) of each file that differs, or that has no counterpart."""
    before, now = (comparison.before or Snapshot()).of("file"), comparison.now.of("file")
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if new is not None and comparison.policy.expected.get(key[0], "-") == new.get("sha256"):
            continue
        if old is None or new is None or any(old.get(name) != new.get(name) for name in _COMPARED):
            yield key[0], old, new


def files(comparison: Comparison) -> Iterator[Finding]:
    """Each changed file goes to the judge of its area."""
    stages = Stages(comparison)
    for path, old, new in _changed_files(comparison):
        if stages.take(path, new):
            continue
        row = new or old or {}
        if comparison.before is None and row.get("area") not in ("upload", "temporary", "program", "privileged"):
            continue
        if comparison.before is not None and comparison.before.reader < 2 and _is_unknown_to_old(path, row):
            continue
        judge = _AREAS.get(row.get("area", ""))
        if judge is not None:
            yield from judge(comparison, path, old, new)
    yield from stages.findings()


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


def interesting(comparison: Comparison) -> list[str]:
    """Return the paths whose bytes help to judge: new or changed code, pages, jobs and units."""
    wanted: list[tuple[int, str]] = []
    stages = Stages(comparison)
    for path, _old, new in _changed_files(comparison):
        if new is None or stages.take(path, new) or new.get("type") != "file":
            continue
        rank = {"upload": 0, "web": 1, "temporary": 2}.get(new.get("area", ""), 3)
        code = PHP_NAME.search(path) and new.get("area") == "system"
        if rank < 3 or code or path.startswith("/var/www/") or CRON.match(path) or UNIT_FOLDER.match(path):
            wanted.append((rank, path))
    return [path for _rank, path in sorted(wanted)]
