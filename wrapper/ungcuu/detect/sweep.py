"""Judge every restore point by today's detectors, and say since when a file of an intruder's was there.

1. The vault streams the files (`roles/backup_vault/files/ungcuu_vault/sweep.py`); they are judged here, as they come:
   each content once, one file at a time in memory, none of them on a disk.
2. Files that the signed baseline knows are judged too: it may have been signed after the break-in. Only what a
   known-good archive or a person's verdict vouches for is left out.
3. A point that can't be read is no clean one, and the day of a file that may have come with it is "not before".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ungcuu.core.clock import format_time
from ungcuu.core.terminal import clean
from ungcuu.detect.content.judge import DETECTED, Judgement, judge
from ungcuu.hosts import vault

_MOST_LINE = 64 << 10
_MOST_BYTES = 4 << 20
_SHOWN = 4096
_MOST_POINTS = 20_000  # a vault that lies may have points without end
_MOST_FILES = 200_000  # detected ones of one point
MOST_SECONDS = 6 * 3600.0
CLEAN, SUSPECT = "clean", "suspect"


class StrangeAnswerError(Exception):
    """What came is not what the vault's program writes."""


class Frames:
    """Take the stream apart: lines of JSON, each with the bytes that it announces. Memory is bounded by one file."""

    def __init__(self, take: Callable[[Mapping[str, Any], bytes], None]) -> None:
        self._take, self._rest = take, bytearray()
        self._head: Mapping[str, Any] | None = None
        self._wanted = 0

    def push(self, block: bytes) -> None:
        """Take the next block.

        Raises:
            StrangeAnswerError: It is of another form.
        """
        self._rest += block
        while self._step():
            pass

    def _step(self) -> bool:
        if self._head is not None:
            if len(self._rest) < self._wanted:
                return False
            data, head, self._head = bytes(self._rest[: self._wanted]), self._head, None
            del self._rest[: self._wanted]
            self._take(head, data)
            return True
        end = self._rest.find(b"\n", 0, _MOST_LINE)
        if end < 0:
            if len(self._rest) >= _MOST_LINE:
                raise StrangeAnswerError("a line without an end")
            return False
        try:
            head = json.loads(self._rest[:end])
            self._wanted = int(head.get("bytes", 0))
        except (AttributeError, TypeError, ValueError, RecursionError) as error:
            raise StrangeAnswerError("a line that is no record") from error
        if not 0 <= self._wanted <= _MOST_BYTES:
            raise StrangeAnswerError("a file without measure")
        del self._rest[: end + 1]
        self._head = head
        return True


@dataclass
class Point:
    """One restore point as the sweep saw it. ``detected`` maps a path to the SHA-256 of what stands there."""

    id: str
    time: str
    damaged: bool = False
    verdict: str = ""
    suspects: tuple[tuple[str, str], ...] = ()
    files: int = 0
    failed: str = ""
    ended: bool = False
    detected: dict[str, str] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether it was read to its end, nothing was detected, and the vault's own verdict is not against it."""
        return self.ended and not self.damaged and not self.detected and self.verdict != SUSPECT

    def brief(self) -> dict[str, Any]:
        """Return it as records hold it."""
        judged = CLEAN if self.clean else "not read" if not self.ended else SUSPECT
        return {"id": self.id, "time": self.time, "judged": judged, "detected": len(self.detected)} | (
            {"why": self.failed} if self.failed else {}
        )


@dataclass(frozen=True)
class Trace:
    """One content at one path: since when it was there. ``before`` is the last point without it that could be read."""

    path: str
    sha256: str
    severity: str
    reasons: tuple[str, ...]
    first: Point
    before: Point | None
    last: Point
    gaps: int = 0

    def brief(self) -> dict[str, Any]:
        """Return it as records hold it."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "severity": self.severity,
            "reasons": list(self.reasons),
            "first_point": self.first.id,
            "first_time": self.first.time,
            "before_point": self.before.id if self.before else "",
            "before_time": self.before.time if self.before else "",
            "last_time": self.last.time,
            "unread_between": self.gaps,
        }


@dataclass
class Sweep:
    """What a sweep sees as it goes. ``named``: SHA-256 of a file that a finding of the case names → the finding's id;
    ``excused``: (path, SHA-256) pairs that a person's verdict vouches for.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    excused: frozenset[tuple[str, str]] = frozenset()
    points: list[Point] = field(default_factory=list)
    judged: int = 0
    unjudged: int = 0
    outcome: str = ""
    reason: str = ""
    _bad: dict[tuple[str, str], Judgement] = field(default_factory=dict)
    _now: dict[str, str] = field(default_factory=dict)

    def take(self, row: Mapping[str, Any], data: bytes) -> None:
        """Take one record of the stream.

        Raises:
            StrangeAnswerError: It is of another form.
        """
        try:
            self._record(row, data)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise StrangeAnswerError(f"a record of another form: {error}") from error

    def _record(self, row: Mapping[str, Any], data: bytes) -> None:
        if "outcome" in row:
            self.outcome, self.reason = str(row["outcome"]), clean(str(row.get("reason", "")), 300)
            if self.outcome == "DONE" and row["points"] != sum(one.ended for one in self.points):
                raise ValueError("points are missing")
        elif "point" in row:
            rows = tuple((clean(str(path), _SHOWN), str(rule)) for path, rule in row["suspects"])
            if len(self.points) >= _MOST_POINTS:
                raise ValueError("too many points")
            damaged, said = bool(row["damaged"]), str(row["verdict"])
            time = format_time(datetime.fromisoformat(str(row["time"])))
            self.points.append(Point(str(row["point"]), time, damaged, said, rows))
        elif "read" in row:
            if row["read"] == "whole":
                self._now.clear()
        elif "file" in row:
            self._file(clean(str(row["file"]), _SHOWN), str(row["sha256"]), data)
        elif "gone" in row:
            self._now.pop(clean(str(row["gone"]), _SHOWN), None)
        elif "failed" in row:
            self.points[-1].failed = clean(str(row["failed"]), 300)
            self._now.clear()
        elif "end" in row:
            point = self.points[-1]
            point.files, point.ended, point.detected = int(row["files"]), True, dict(self._now)
        else:
            raise ValueError("unknown")

    def _file(self, path: str, digest: str, data: bytes) -> None:
        key = (digest, path.rpartition(".")[2][-12:].lower())
        if data:
            self.judged += 1
            verdict = judge(path, data)
            self.unjudged += not verdict.complete
            if verdict.severity in DETECTED:
                self._bad[key] = verdict
        hit = key in self._bad or digest in self.named
        if hit and (path, digest) not in self.excused:
            if len(self._now) >= _MOST_FILES:
                raise ValueError("too many files")
            self._now[path] = digest
        else:
            self._now.pop(path, None)

    @property
    def traces(self) -> list[Trace]:
        """Return each detected file with its first and last point, the earliest first."""
        found: dict[tuple[str, str], Trace] = {}
        read: list[Point] = []
        gaps = 0
        for point in self.points:
            if not point.ended:
                gaps += 1
                continue
            for path, digest in point.detected.items():
                known = found.get((path, digest))
                if known is None:
                    found[(path, digest)] = self._trace(path, digest, point, read[-1] if read else None, gaps)
                else:
                    found[(path, digest)] = Trace(**{**vars(known), "last": point})
            read.append(point)
            gaps = 0
        return sorted(found.values(), key=lambda one: (one.first.time, one.path))

    def _trace(self, path: str, digest: str, point: Point, before: Point | None, gaps: int) -> Trace:
        verdict = self._bad.get((digest, path.rpartition(".")[2][-12:].lower()))
        reasons = verdict.reasons if verdict else ()
        severity = verdict.severity if verdict else "high"
        return Trace(path, digest, severity, reasons, point, before, point, gaps)

    @property
    def newest_clean(self) -> Point | None:
        """The newest point in which nothing was detected, from before the first one that is not clean."""
        first = next((at for at, one in enumerate(self.points) if one.ended and not one.clean), len(self.points))
        return next((one for one in reversed(self.points[:first]) if one.clean), None)


def known_list(sums: Sequence[str]) -> bytes:
    """Return what the vault is given: the sums of what is known as good."""
    return json.dumps({"known": sorted(sums)}).encode()


def run(vault_name: str, variables: Mapping[str, Any], name: str, seen: Sweep, known: Sequence[str] = ()) -> str:
    """Have the vault stream the points of a host and judge them. Returns why it is not whole; empty where it is."""
    frames = Frames(seen.take)
    try:
        broken = vault.stream(
            vault_name,
            variables,
            "sweep",
            name,
            given=known_list(known),
            sink=frames.push,
            seconds=MOST_SECONDS,
        )
    except StrangeAnswerError as error:
        return str(error)
    if seen.outcome == "DONE":
        return ""
    return seen.reason or broken or "the vault's answer has no end"
