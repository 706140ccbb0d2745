"""Judge the bytes of suspicious files as they come from the host: one in memory at a time, whatever their number.

1. The host gives the whole of a short file, and of a long one its head, its tail and where code that acts is densest.
2. Only what was asked for is taken, once each: a host may send what it likes.
3. There is a limit of time, not of number; what was not judged within it is counted, and is a finding.
"""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ungcuu.detect import baseline, files
from ungcuu.detect.comparison import MEDIUM, Comparison
from ungcuu.detect.findings import Finding
from ungcuu.detect.records import checked
from ungcuu.hosts import remote_program, ssh

SECONDS = 300.0
_KEPT_BYTES = 32 << 20  # of files that are judged together with others
_LINE_BYTES = 3 << 20
_QUOTA_EACH = 2 << 20


class _OutOfTimeError(Exception):
    pass


@dataclass
class Fetching:
    """One stream of contents. ``judged`` has the findings of each file that stands alone, ``contents`` the others."""

    comparison: Comparison
    wanted: set[str]
    judged: dict[str, Sequence[Finding]] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    end: float = 0.0
    _rest: bytearray = field(default_factory=bytearray)
    _kept: int = 0

    def push(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            _OutOfTimeError: The time is over.
        """
        self._rest += block
        while (end := self._rest.find(b"\n")) >= 0:
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            self._take(line)
            if time.monotonic() > self.end:
                raise _OutOfTimeError
        if len(self._rest) > _LINE_BYTES:
            self._rest.clear()

    def _take(self, line: bytes) -> None:
        row = checked(line)
        path = str(row.get("path", "")) if row and row["k"] == "content" else ""
        if row is None or path not in self.wanted:
            return
        data = str(row.get("data", ""))
        if files.stands_alone(self.comparison, path):
            self.judged[path] = files.of_one(replace(self.comparison, contents={path: data}), path)
        elif self._kept + len(data) <= _KEPT_BYTES:
            self._kept += len(data)
            self.contents[path] = data
        else:
            return
        self.wanted.discard(path)


def fetch(target: ssh.Target, comparison: Comparison, paths: Sequence[str], seconds: float = SECONDS) -> Fetching:
    """Have the host send these files, those that show most first, and judge them.

    Raises:
        UngcuuError: The host did not answer as expected.
    """
    found = Fetching(comparison, set(paths), end=time.monotonic() + seconds)
    if not paths:
        return found
    wanted = [base64.b64encode(baseline.path_bytes(path)).decode() for path in paths]
    config: dict[str, Any] = {"contents": wanted, "seconds": seconds}
    quota = len(paths) * _QUOTA_EACH
    with contextlib.suppress(_OutOfTimeError):
        remote_program.stream_program(target, "host_state", config, found.push, seconds=seconds + 60, quota=quota)
    return found


def unjudged(comparison: Comparison, found: Fetching, asked: int) -> list[Finding]:
    """Return what is to be said of files whose bytes were not judged."""
    if not found.wanted:
        return []
    worst = sorted(found.wanted)[:20]
    seen = f"{len(found.wanted)} of {asked} files"
    return [comparison.find("reading.incomplete", MEDIUM, "reading", "contents", seen=seen, evidence={"paths": worst})]
