"""Flags that keep a file as it is, also from root (`chattr +i`, `+a`): taken away for one change, and set again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_GET, _SET = 0x80086601, 0x40086602  # FS_IOC_GETFLAGS, FS_IOC_SETFLAGS
_LOCKS = 0x10 | 0x20  # immutable, append only


def open_for_change(paths: Iterable[Path]) -> dict[str, int]:
    """Take the flags from these files and their folders; gives which had which."""
    found = {}
    for path in sorted({place for one in paths for place in (one, one.parent)}):
        if flags := _flags(path) & _LOCKS:
            found[str(path)] = flags
            _write(path, _flags(path) & ~flags)
    return found


def closed_again(known: Mapping[str, int]) -> None:
    """Set the flags again on what stands there now; what is gone has none."""
    for name, flags in known.items():
        path = Path(name)
        if path.exists():
            _write(path, _flags(path) | flags)


def _flags(path: Path) -> int:
    with contextlib.suppress(OSError), _opened(path) as descriptor:
        raw = fcntl.ioctl(descriptor, _GET, struct.pack("l", 0))
        return int(struct.unpack("l", raw)[0])
    return 0


def _write(path: Path, flags: int) -> None:
    with _opened(path) as descriptor:
        fcntl.ioctl(descriptor, _SET, struct.pack("l", flags))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
