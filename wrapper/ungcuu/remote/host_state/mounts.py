"""File systems of this machine's own: a setuid program on a partition for /home or /srv counts as one on the root's."""

from __future__ import annotations

import os
import re

from ungcuu.remote.host_state.reading import CHUNK, read_small

LOCAL = frozenset(
    (b"ext2", b"ext3", b"ext4", b"xfs", b"btrfs", b"f2fs", b"tmpfs", b"overlay", b"zfs", b"jfs", b"bcachefs")
)


def file_systems() -> list[bytes]:
    """The root, and every other mount point of a local file system that honours setuid bits, each device once."""
    found, devices = [b"/"], {os.stat("/").st_dev}
    for line in read_small(b"/proc/self/mountinfo", 16 * CHUNK).splitlines():
        fields, _, rest = line.partition(b" - ")
        row = fields.split()
        if len(row) < 6 or rest.split(b" ", 1)[0] not in LOCAL or b"nosuid" in row[5].split(b","):
            continue
        point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), row[4])
        try:
            info = os.stat(point)
        except OSError:
            continue
        if info.st_dev not in devices and os.path.isdir(point):
            devices.add(info.st_dev)
            found.append(point)
    return found
