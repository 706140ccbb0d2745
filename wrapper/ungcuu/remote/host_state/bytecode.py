"""Whether compiled Python code is what its source says: a poisoned cache runs in every program that imports it.

Compiling costs time (about 4 ms a file), so it is done only for a cache file that the baseline does not know.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import re

from ungcuu.remote.host_state.reading import CHUNK, read_small, tick

CACHED = re.compile(rb"^(.*)/__pycache__/([^/]+)\.[a-z]+-\d+(?:\.opt-([12]))?\.pyc$")
LIMIT = 16 * CHUNK


def source_of(path: bytes) -> tuple[bytes, int]:
    """The source that a cache file stands for, and the level of optimisation in its name."""
    found = CACHED.match(path)
    if found:
        return os.path.realpath(found[1] + b"/" + found[2] + b".py"), int(found[3] or 0)
    return os.path.realpath(path[:-1]), 0


def judge_bytecode(path: bytes) -> str:
    """``same``, ``differs``, ``stale`` (not used), ``alone`` (no source) or ``other`` (another Python's)."""
    tick()
    data, (source, level) = read_small(path, LIMIT), source_of(path)
    if data[:4] != importlib.util.MAGIC_NUMBER:
        return "other"
    try:
        info = os.stat(source)
    except OSError:
        return "alone"
    flags = int.from_bytes(data[4:8], "little")
    stamp = (int(info.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little") + (info.st_size & 0xFFFFFFFF).to_bytes(4, "little")
    if not flags & 1 and data[8:16] != stamp:
        return "stale"
    try:
        wanted = compile(read_small(source, LIMIT), "", "exec", dont_inherit=True, optimize=level)
        # Compared, never run. Whoever writes such a file is root here already.
        return "same" if marshal.loads(data[16:]) == wanted else "differs"  # noqa: S302
    except (SyntaxError, ValueError, EOFError, TypeError, RecursionError):
        return "differs"
