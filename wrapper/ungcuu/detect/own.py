"""Copies that a restore of ungcuu left beside the website: one line each, not one a file.

A restore stages a point in ``.ungcuu-stage/<restore>/<site>`` beside the web root, where root alone can enter. One that
was cut off leaves it there. A name proves nothing, so the content decides: what the baseline (or the live website) has
at the same place, byte for byte, is ours; what it has not is one finding more that names the files, and the scan isn't
clean. A stage that others than root can enter is not of ungcuu: each file of it is judged like any other.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import phrase
from ungcuu.detect.baseline import Row, Snapshot
from ungcuu.detect.comparison import LOW, MEDIUM, Comparison
from ungcuu.detect.findings import Finding

FOLDER = ".ungcuu-stage"
_RESTORE = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_SHOWN = 20


@dataclass
class _Stage:
    """One staged copy: how many of its files are known, and those that are not."""

    known: int = 0
    other: list[str] = field(default_factory=list)


class Stages:
    """Collects what stands in staged copies while the changed files of a comparison are gone through."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        root = comparison.policy.web_root.rstrip("/")
        self._root, self._name = root, posixpath.basename(root)
        self._folder = f"{posixpath.dirname(root)}/{FOLDER}"
        self._private = self._is_private(comparison.now)
        self._stages: dict[str, _Stage] = {}

    def _is_private(self, now: Snapshot) -> bool:
        row = now.file(self._folder)
        return bool(row and row["type"] == "dir" and row["uid"] == 0 and not row["mode"] & 0o077)

    def take(self, path: str, new: Row | None) -> bool:
        """Take a file that stands in a staged copy; the answer says whether it does."""
        if path != self._folder and not path.startswith(f"{self._folder}/"):
            return False
        if new is None:
            return True  # a stage that the baseline had, and that is gone
        if not self._private:
            return False
        restore, _slash, below = path.removeprefix(self._folder).lstrip("/").partition("/")
        name, _slash, place = below.partition("/")
        if restore and (not _RESTORE.fullmatch(restore) or (name and name != self._name)):
            return False
        if new["type"] != "dir":
            self._count(restore, path, self._is_known(f"{self._root}/{place}", new))
        return True

    def _count(self, restore: str, path: str, known: bool) -> None:
        stage = self._stages.setdefault(restore, _Stage())
        if known:
            stage.known += 1
        else:
            stage.other.append(path)

    def _is_known(self, live: str, row: Row) -> bool:
        """Whether the baseline or the live website has the same file at the same place."""
        snapshots = [shot for shot in (self._comparison.before, self._comparison.now) if shot is not None]
        return any(
            old is not None
            and not row["mode"] & 0o6000
            and all(row.get(name) == old.get(name) for name in ("type", "sha256", "target"))
            and bool(row.get("sha256") or row.get("target"))
            for old in (shot.file(live) for shot in snapshots)
        )

    def findings(self) -> Iterator[Finding]:
        """One line for what is ours, one more where a copy holds what nobody knows."""
        for restore, stage in sorted(self._stages.items()):
            path = f"{self._folder}/{restore}"
            if stage.known:
                seen = phrase(Seen.STAGE_KNOWN, count=stage.known)
                yield self._comparison.find("own.stage", LOW, "file", path, seen=seen)
            if stage.other:
                seen = phrase(Seen.STAGE_OTHER, count=len(stage.other))
                evidence = {"files": stage.other[:_SHOWN], "count": len(stage.other)}
                yield self._comparison.find("own.stage-differs", MEDIUM, "file", path, seen=seen, evidence=evidence)
