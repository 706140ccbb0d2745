"""How fast the journal takes records and how fast a case is read: ``python wrapper/bench/journal.py [RECORDS]``.

Compared in the same run with the price of the disk alone: the same lines written and synced without anything else.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from ungcuu.case.derivation import derive
from ungcuu.case.journal import Journal, read_records
from ungcuu.case.journal_check import verify


def main(count: int) -> None:
    """Measure and print one line for each thing."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:  # noqa: S108 - a disk, not memory
        root = Path(name)
        journal = Journal.open(root / "cases" / "UC-1", root / "keys", root / "heads")
        data = {"host": "web01", "data": {"task": "Read the state of the host", "status": "ok", "number": 1}}
        show("append", count, seconds(lambda: [journal.append("step", data) for _ in range(count)]))
        line = journal.path.read_bytes().splitlines(keepends=True)[-1]
        show("disk alone (write, sync twice)", count, seconds(lambda: disk(root / "plain", line, count)))
        show("verify", count, seconds(lambda: verify(journal.folder, journal.public, journal.head_path)))
        show("read and derive", count, seconds(lambda: derive(read_records(journal.folder))))
        show("open", 1, seconds(lambda: Journal.open(root / "cases" / "UC-1", root / "keys", root / "heads")))


def disk(path: Path, line: bytes, count: int) -> None:
    """What no journal can be faster than: a line and a head, both synced."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(count):
        os.write(fd, line)
        os.fsync(fd)
        os.fsync(fd)
    os.close(fd)


def seconds(work) -> float:
    """Time one piece of work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def show(name: str, count: int, took: float) -> None:
    """Print one result."""
    print(f"{name:<32} {took / count * 1000:9.3f} ms each {count / took:9.0f}/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
