"""Finds, weighs and ends the processes of one run: those that name its private folder on their command line."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection, Sequence
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


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


def children(folder: str) -> list[int]:
    """Return those of :func:`processes` that this process or a descendant of it started.

    It reads only them, a hundredth of the work, so that it can be asked all the time. What let go of its parent (a
    connection that stays up for the next task) is missing.
    """
    needle = folder.encode()
    found: list[int] = []
    left = [(os.getpid(), False)]
    while left:
        parent, ours = left.pop()
        for pid in started_by(parent):
            with contextlib.suppress(OSError):  # it may end at any moment
                mine = ours or needle in Path(f"/proc/{pid}/cmdline").read_bytes()
                left.append((pid, mine))
                if mine:
                    found.append(pid)
    return found


def alive(pid: int) -> bool:
    """Return whether there is a process of this id that has not ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("latin-1").rsplit(")", 1)[1].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def started_by(parent: int) -> list[int]:
    """Return the ids of a process's children; none of one that has ended meanwhile."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{parent}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text("ascii").split())
    return found


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


def forks(main: int, pids: Sequence[int]) -> list[int]:
    """Return those that run the very command line of ``main``: its workers, and no program that they started."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        own = Path(f"/proc/{main}/cmdline").read_bytes()
        for pid in pids:
            with contextlib.suppress(OSError):
                if pid != main and Path(f"/proc/{pid}/cmdline").read_bytes() == own:
                    found.append(pid)
    return found


def most_read(pids: Sequence[int]) -> int:
    """Return the most bytes that a thread of these processes has read, from files and pipes together.

    By thread: Linux adds to a process's own sum what its children had read when they ended.
    """
    most = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    most = max(most, int((task / "io").read_text("ascii").split()[1]))
    return most


class Scale:
    """Weighs processes again and again: exactly, with :func:`memory`, only when they may be too heavy.

    An exact look at a dozen processes takes some milliseconds, in which the kernel holds their memory. What they hold
    together can't have grown by more than each of them has since then, and that number is cheap.
    """

    def __init__(self) -> None:
        self._exact = 0
        self._resident: dict[int, int] = {}

    def is_over(self, pids: Sequence[int], most: int) -> bool:
        """Return whether the processes hold more than ``most`` bytes together."""
        resident = {pid: _resident(pid) for pid in pids}
        growth = sum(max(0, now - self._resident.get(pid, 0)) for pid, now in resident.items())
        if self._exact + growth <= most:
            return False
        self._exact, self._resident = memory(pids), resident
        return self._exact > most


def _resident(pid: int) -> int:
    """Return the bytes that a process holds, with those that it shares."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def end(folder: str) -> None:
    """End the processes of :func:`processes` at once.

    They are held still first: one that forked between the look and the blow would leave a child that nobody knows.
    """
    held: set[int] = set()
    while new := set(processes(folder)) - held:
        _signal(new, signal.SIGSTOP)
        held |= new
    _signal(held, signal.SIGKILL)


def kill(pids: Collection[int]) -> None:
    """End these processes at once; those that have ended already are no fault."""
    _signal(pids, signal.SIGSTOP)
    _signal(pids, signal.SIGKILL)


def _signal(pids: Collection[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
