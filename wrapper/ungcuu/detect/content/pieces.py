"""Read what of a file is looked at: all of it, or its head, its tail and the places where code that acts is densest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

WHOLE = 1 << 20  # bytes up to which a file is looked at whole
HEAD = 256 << 10
WINDOW = 32 << 10
WINDOWS = 12
_BLOCK = 1 << 20
_HOT = re.compile(
    rb"\b(?:eval|assert|create_function|base64_decode|gzinflate|gzuncompress|str_rot13|shell_exec|passthru|popen|"
    rb"proc_open|system|move_uploaded_file|fromCharCode|atob|unescape)\s{0,9}\(|\$_(?:GET|POST|REQUEST|COOKIE)\b|<\?php",
    re.IGNORECASE,
)


def of(data: bytes) -> bytes:
    """Return what is looked at of bytes at hand."""
    if len(data) <= WHOLE:
        return data
    blocks = [data[start : start + WINDOW] for start in range(0, len(data), WINDOW)]
    return _chosen(data[:HEAD], data[-HEAD:], [(_heat(block), place, block) for place, block in enumerate(blocks)])


def read(path: Path) -> bytes:
    """Return what is looked at of a file, with bounded memory: two blocks and the hottest windows.

    Raises:
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        data = file.read(WHOLE + 1)
        return data if len(data) <= WHOLE else _streamed(file, data)


def _streamed(file: BinaryIO, start: bytes) -> bytes:
    head, tail, hot, place = start[:HEAD], b"", [], 0
    block = start
    while block:
        for at in range(0, len(block), WINDOW):
            part = block[at : at + WINDOW]
            if heat := _heat(part):
                hot.append((heat, place, part))
            place += 1
        hot = sorted(hot, key=lambda one: -one[0])[:WINDOWS]
        tail = (tail + block)[-HEAD:]
        block = file.read(_BLOCK)
    return _chosen(head, tail, hot)


def _heat(part: bytes) -> int:
    return len(_HOT.findall(part))


def _chosen(head: bytes, tail: bytes, hot: list[tuple[int, int, bytes]]) -> bytes:
    hottest = sorted((one for one in hot if one[0]), key=lambda one: -one[0])[:WINDOWS]
    # Each piece begins as code, and ends whatever text or remark it was cut out of.
    parts = [part for _heat, _place, part in sorted(hottest, key=lambda one: one[1])]
    return head + b"".join(b"\n*/ ?>\n<?php \n" + part for part in [*parts, tail])
