"""Finds, weighs and ends the processes of one run: those that name its private folder on their command line."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path


def processes(folder: str) -> list[int]:
    """Return the ids of all processes whose command line names ``folder``, and of their descendants."""
    needle = folder.encode()
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError, ValueError):
            place = Path(entry.path)
            stat = (place / "stat").read_text("latin-1")
            parents[int(entry.name)] = int(stat.rsplit(")", 1)[1].split()[1])
            if needle in (place / "cmdline").read_bytes():
                found.add(int(entry.name))
    if not found:
        return []
    growing = True
    while growing:
        new = {pid for pid, parent in parents.items() if parent in found and pid not in found}
        found |= new
        growing = bool(new)
    return sorted(found)


def memory(pids: Sequence[int]) -> int:
    """Return the bytes that the processes hold together; shared pages count once."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) << 10
                    break
    return total


def kill(pids: Sequence[int]) -> None:
    """End the processes at once."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
