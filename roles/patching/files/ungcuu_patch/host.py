"""State of the host that decides whether an upgrade may start: locks, space, configuration files set aside."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
from pathlib import Path
from typing import Any

LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")
# struct flock on 64-bit Linux: type, whence, start, length, pid.
FLOCK = "hhqqi4x"
MARGIN = 64 * 1024 * 1024
KERNEL_BYTES = 150 * 1024 * 1024
SET_ASIDE = (".dpkg-dist", ".dpkg-new", ".ucf-dist", ".ucf-new")


def lock_holder() -> str:
    """Who holds one of dpkg's or apt's locks, or an empty text. The lock is only asked about, never taken."""
    for path in LOCKS:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR)
            try:
                question = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
            finally:
                os.close(descriptor)
            if kind != fcntl.F_UNLCK:
                return f"{program(pid)} (pid {pid}) holds {path}"
    return ""


def program(pid: int) -> str:
    """Name of a process."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    return "a process"


def wait_for_lock(seconds: float) -> str:
    """Wait until nobody holds a lock; gives the holder who outlasted the wait, or an empty text."""
    deadline = time.monotonic() + seconds
    while (holder := lock_holder()) and time.monotonic() < deadline:
        time.sleep(1)
    return holder


def free(path: str) -> int:
    """Bytes that root may still write there."""
    state = os.statvfs(path)
    return state.f_bavail * state.f_frsize


def shortages(download: int, grows: int, largest: int, kernel: bool) -> list[dict[str, Any]]:
    """File systems without room for an upgrade.

    The cache holds the new packages and our folder the old ones (about as many bytes); dpkg keeps old and new files of
    a package side by side until it is unpacked.
    """
    needs: dict[int, dict[str, Any]] = {}
    wanted = [("/var/cache/apt/archives", download), ("/var/lib/ungcuu", download), ("/usr", max(0, grows) + largest)]
    for path, size in [*wanted, *([("/boot", KERNEL_BYTES)] if kernel else [])]:
        place = path if Path(path).exists() else "/var/lib"
        row = needs.setdefault(Path(place).stat().st_dev, {"path": path, "needed": MARGIN, "free": free(place)})
        row["needed"] += size
    return [row for row in needs.values() if row["needed"] > row["free"]]


def set_aside() -> dict[str, float]:
    """New configuration files that packages brought and dpkg put beside the kept ones, with their times."""
    found = {}
    for folder, _, names in os.walk("/etc"):
        for name in names:
            if name.endswith(SET_ASIDE):
                path = Path(folder, name)
                with contextlib.suppress(OSError):
                    found[str(path)] = path.lstat().st_mtime_ns + path.lstat().st_ino
    return found
