"""Which processes of a run are still there: the one that started it, and those that it left behind when it was killed.

1. A process is known by its id, its start and the boot of the machine: ids are given out again.
2. What a run starts carries the run's id in its environment (and after a slash the playbook run that it is part of),
   and so do the children of that.
3. A connection that ssh keeps open for the next run (its control master) does no work: it is no part of a run.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ungcuu.core import process_guard

RUN_VARIABLE = "UNGCUU_RUN"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_END_SECONDS = 5.0


def this_process() -> dict[str, object]:
    """Return what distinguishes this process from every other, for the record of a run's start."""
    return {"pid": os.getpid(), "started": _started(os.getpid()), "boot": _boot()}


def lives(process: Mapping[str, Any]) -> bool:
    """Return whether the process that :func:`this_process` described is still there; an empty one is not."""
    pid = process.get("pid")
    if not isinstance(pid, int) or pid < 1 or process.get("boot") != _boot():
        return False
    return process_guard.alive(pid) and process.get("started") == _started(pid)


def left_behind(run: str) -> list[int]:
    """Return the ids of the processes that this run started and that are still there, oldest first."""
    wanted = f"{RUN_VARIABLE}={run}".encode()
    found = (pid for pid in _all() if pid != os.getpid() and not _is_master(pid))
    return [pid for pid in found if any(row == wanted or row.startswith(wanted + b"/") for row in _environment(pid))]


def end_left_behind(run: str) -> list[int]:
    """End what a killed run left behind, and return the ids. Without its controller nobody records what it does."""
    ended: list[int] = []
    until = time.monotonic() + _END_SECONDS
    while (found := left_behind(run)) and time.monotonic() < until:
        process_guard.kill(found)
        ended += [pid for pid in found if pid not in ended]
        time.sleep(0.05)
    return ended


def _all() -> Iterator[int]:
    yield from sorted(int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())


def _environment(pid: int) -> list[bytes]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []


def _is_master(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"[mux]" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _started(pid: int) -> int:
    """Return when a process started, in clock ticks since the boot; 0 for one that is not there."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text("latin-1").rsplit(")", 1)[1].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def _boot() -> str:
    with contextlib.suppress(OSError):
        return _BOOT.read_text("ascii").strip()
    return ""
