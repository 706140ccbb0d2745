"""What web servers wrote into their access logs since the last look. Runs on the host; writes nothing.

A log is read from the offset at which the last look ended. The bytes before that offset have to be those that stood
there: where they are not, the rest is looked for in the rotated files beside it, compressed or not. Whole lines alone
are given. What is more than the quota waits for the next look; nothing is skipped.
"""

from __future__ import annotations

import base64
import glob
import gzip
import hashlib
import json
import os
import re
import stat
import time
import zlib
from typing import Any

from ungcuu.remote.config import CONFIG

_TAIL = 512  # bytes before the offset by which a file is known again
_LONG = 1 << 16  # a line without end is given in pieces of so much
_ROTATED = 40  # files beside one log
_POSTED = re.compile(rb'"POST (/[^ "?]{1,400})[ ?"]')
_PROGRAM = re.compile(rb"(.*?\.ph[a-z0-9]{1,3})(?:/|$)", re.IGNORECASE | re.DOTALL)
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")
_NAMES = 200


class Log:
    """One file as it is now, read from some place on. What is counted of a compressed one are its plain bytes.

    ``tail``: the last bytes that were read, by which the place is known again.
    """

    def __init__(self, path: str, until: float) -> None:
        self.file = open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # noqa: SIM115
        self.about = os.fstat(self.file.fileno())
        if not stat.S_ISREG(self.about.st_mode):
            self.file.close()
            raise OSError("no regular file")
        self.until, self.packed = until, path.endswith(".gz")
        self.rewind()

    def rewind(self) -> None:
        """Go to the beginning."""
        self.file.seek(0)
        self.stream: Any = gzip.GzipFile(fileobj=self.file) if self.packed else self.file
        self.at, self.tail = 0, b""

    def read(self, most: int) -> bytes:
        """Some bytes; none where the file is damaged."""
        try:
            data = bytes(self.stream.read(most))
        except (OSError, EOFError, zlib.error):
            data = b""
        self.at, self.tail = self.at + len(data), (self.tail + data)[-_TAIL:]
        return data

    def forward(self, offset: int) -> bool:
        """Go to an offset, and take in the bytes before it; whether it was reached in time."""
        if not self.packed:
            self.at = max(0, offset - _TAIL)
            self.stream.seek(self.at)
        while self.at < offset:
            if time.monotonic() > self.until or not self.read(min(1 << 20, offset - self.at)):
                return False
        return True

    def lines(self, quota: int) -> bytes:
        """Whole lines of at most so many bytes; the pieces of a line without end."""
        before, at = self.tail, self.at
        data = self.read(quota)
        end = data.rfind(b"\n") + 1
        if end or len(data) < min(quota, _LONG):
            data = data[:end]
            self.at, self.tail = at + end, (before + data)[-_TAIL:]
        return data

    def goes_on(self, cursor: dict[str, Any]) -> bool:
        """Whether the last look ended in this file, which then stands at that place; else at its beginning."""
        offset = int(cursor["offset"])
        if offset and (self.packed or self.about.st_size >= offset):
            if self.forward(offset) and mark(self.tail) == cursor["mark"]:
                return True
            self.rewind()
        return not offset and bool(self.about.st_ino == cursor["inode"])

    def cursor(self) -> dict[str, Any]:
        """Where the next look goes on."""
        return {"inode": self.about.st_ino, "offset": self.at, "mark": mark(self.tail)}


def mark(tail: bytes) -> str:
    """By what the bytes before an offset are known again."""
    return hashlib.blake2b(tail, digest_size=12).hexdigest()


def opened(path: str, until: float) -> Log | None:
    """A file that can be read, else nothing."""
    try:
        return Log(path, until)
    except OSError:
        return None


def chain(path: str, cursor: dict[str, Any], until: float) -> tuple[list[Log], bool]:
    """The files to read, the oldest first, and whether the place where the last look ended was found."""
    now = opened(path, until)
    newest = [now] if now else []
    if now and now.goes_on(cursor):
        return newest, True
    beside = [*glob.glob(glob.escape(path) + ".*"), *glob.glob(glob.escape(path) + "-*")]
    logs = [one for one in (opened(name, until) for name in beside[:_ROTATED]) if one]
    logs.sort(key=lambda one: one.about.st_mtime_ns, reverse=True)
    for number, log in enumerate(logs):
        if log.goes_on(cursor) or not cursor["offset"]:
            return [*reversed(logs[: number + 1]), *newest], True
    return newest, not cursor["offset"]


def first(path: str, until: float) -> list[Log]:
    """A log that was never looked at: its last lines alone."""
    log = opened(path, until)
    if log and (start := log.about.st_size - int(CONFIG["first"])) > 0:
        log.forward(start)
        line = log.stream.readline(_LONG)
        log.at, log.tail = log.at + len(line), (log.tail + line)[-_TAIL:]
    return [log] if log else []


def read(path: str, cursor: dict[str, Any] | None, quota: int, until: float) -> dict[str, Any] | None:
    """One log: its new lines, where the next look goes on, whether something between was lost, and what waits."""
    logs, found = chain(path, cursor, until) if cursor else (first(path, until), True)
    if not logs:
        return {"path": path, "cursor": None, "lost": not found, "waiting": 0, "data": b""} if cursor else None
    data, left = b"", quota
    for log in logs:
        data += log.lines(left)
        left = quota - len(data)
        if left <= 0:
            break
    waiting = sum(one.about.st_size - (one.at if not one.packed else 0) for one in logs[logs.index(log) :])
    return {"path": path, "cursor": log.cursor(), "lost": not found, "waiting": max(0, waiting), "data": data}


def ages(data: bytes) -> dict[str, float]:
    """When each program that got a POST last changed (``ctime``), where it is a file below the website's folder."""
    found: dict[str, float] = {}
    for target in dict.fromkeys(_POSTED.findall(data)):
        plain = _ESCAPED.sub(lambda hit: bytes([int(hit[1], 16)]), target)
        program = _PROGRAM.match(os.path.normpath(b"/" + plain.lstrip(b"/")))
        if not program or len(found) >= _NAMES:
            continue
        try:
            about = os.lstat(os.fsencode(CONFIG["root"]) + program[1])
        except (OSError, ValueError):
            continue
        if stat.S_ISREG(about.st_mode):
            found[program[1].decode("utf-8", "replace")] = about.st_ctime
    return found


def main() -> None:
    """Print what is new in all logs."""
    until, quota = time.monotonic() + float(CONFIG["seconds"]), int(CONFIG["bytes"])
    cursors = CONFIG["cursors"]
    paths = {
        name for pattern in CONFIG["patterns"] for name in glob.glob(pattern) if "error" not in os.path.basename(name)
    }
    rows, files = [], {}
    for path in sorted({*paths, *cursors})[: int(CONFIG["logs"])]:
        row = read(path, cursors.get(path), quota, until)
        if row is None:
            continue
        quota -= len(row["data"])
        files.update(ages(row["data"]))
        row["data"] = base64.b64encode(zlib.compress(row["data"], 1)).decode()
        rows.append(row)
    print(json.dumps({"logs": rows, "files": files, "time": time.time()}))


if __name__ == "__main__":
    main()
