"""How many files a host may report before it is stopped: what its baseline makes plausible, or the inventory states.

The list is on disk, so the limit guards the disk and the time, not the memory: an intruder who makes files without end
must not be able to keep a scan from its end. What was read until then is judged all the same.
"""

from __future__ import annotations

FIRST = 500_000  # while there is no baseline
ROOM = 100_000  # more than the baseline has: a restored copy beside a small site, a new release
BYTES_EACH = 1024  # of a record; most have 350


def most_files(stated: int, known: int | None) -> int:
    """Return the limit. ``stated``: what the inventory says, 0 for nothing; ``known``: files of the baseline."""
    if stated > 0:
        return stated
    return FIRST if known is None else max(2 * known, known + ROOM)
