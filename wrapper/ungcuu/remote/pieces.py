"""Read what of a file is looked at: all of it, or its head, its tail and the places where code that acts is densest.

On the host, on a vault and on the controller: standard library only, bounded memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from heapq import nlargest
from itertools import chain
from pathlib import Path

WHOLE = 1 << 20  # bytes up to which a file is looked at whole
WINDOW = 32 << 10
OVERLAP = 1 << 10  # bytes that two windows share: what is cut in one is whole in the other
_HOT = re.compile(
    rb"\b(?:eval|assert|create_function|base64_decode|gzinflate|gzuncompress|str_rot13|shell_exec|passthru|popen|"
    rb"proc_open|system|move_uploaded_file|fromCharCode|atob|unescape)\s{0,9}\(|\$_(?:GET|POST|REQUEST|COOKIE)\b|<\?php",
    re.IGNORECASE,
)
# Ends whatever text or remark a piece was cut out of.
_BREAK = b"\n*/ ?>\n"


def of(data: bytes) -> bytes:
    """Return what is looked at of bytes at hand."""
    return _BREAK.join(parts(data, WHOLE))


def parts(data: bytes, whole: int) -> list[bytes]:
    """Return all up to ``whole``, else a quarter of that from each end and the hottest windows; each begins as code."""
    return [data] if len(data) <= whole else _chosen([data], whole)


def read(path: Path) -> bytes:
    """Return what is looked at of a file, with bounded memory.

    Raises:
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        return from_blocks(iter(lambda: file.read(WHOLE), b""))


def from_blocks(blocks: Iterator[bytes]) -> bytes:
    """Return what is looked at of a file that comes in blocks: all of ``WHOLE`` bytes, but for a shorter last one."""
    first, second = next(blocks, b""), next(blocks, b"")
    if not second:
        return first
    return _BREAK.join(_chosen(chain((first, second), blocks), WHOLE))


def _chosen(blocks: Iterable[bytes], whole: int) -> list[bytes]:
    """Return the head, the hottest windows in their order, and the tail."""
    head, tail = b"", b""

    def windows() -> Iterator[tuple[int, int, bytes]]:
        nonlocal head, tail
        rest, place = b"", 0
        for block in blocks:
            head = head or block[: whole // 4]
            tail = (tail + block)[-whole // 4 :]
            rest += block
            at = 0
            while len(rest) - at >= WINDOW + OVERLAP:
                yield _heat(rest[at : at + WINDOW + OVERLAP]), place, rest[at : at + WINDOW + OVERLAP]
                at, place = at + WINDOW, place + 1
            rest = rest[at:]
        yield _heat(rest), place, rest

    hottest = nlargest(whole // 2 // WINDOW, (one for one in windows() if one[0]), key=lambda one: one[0])
    chosen = [part for _warmth, _place, part in sorted(hottest, key=lambda one: one[1])]
    return [head, *(b"<?php \n" + part for part in [*chosen, tail])]


def _heat(part: bytes) -> int:
    return len(_HOT.findall(part))
