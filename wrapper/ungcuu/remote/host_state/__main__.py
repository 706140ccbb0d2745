"""Read everything, in the order in which it matters, or the files that the controller asks for."""

from __future__ import annotations

import base64
import os
import stat
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ungcuu.remote import pieces
from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state.access import accounts, keys, shared_lines
from ungcuu.remote.host_state.data import data_files, package_records
from ungcuu.remote.host_state.database import database
from ungcuu.remote.host_state.facts import libraries, manager_environment, packet_filter, user_units
from ungcuu.remote.host_state.files import emit_path, package_sums
from ungcuu.remote.host_state.processes import processes
from ungcuu.remote.host_state.reading import STARTED, OutOfTimeError, emit, escaped, open_quietly
from ungcuu.remote.host_state.running import listeners, modules, units
from ungcuu.remote.host_state.runtime import runtime
from ungcuu.remote.host_state.system import configured_trees, packages, privileged_files, programs
from ungcuu.remote.host_state.web import web_files

_MOST_BLOCKS = 64  # of a file whose content is asked for; its end comes too


def contents() -> None:
    """What is looked at of the files that the controller asks for: all of a short one, of a long one its pieces."""
    for wanted in CONFIG["contents"]:
        path = base64.b64decode(wanted)
        emit("content", path=escaped(path), data=base64.b64encode(looked_at(path)).decode())


def looked_at(path: bytes) -> bytes:
    """The pieces of a regular file, out of its first 64 MiB and its end; empty where it can't be read."""
    try:
        with os.fdopen(open_quietly(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return pieces.from_blocks(_blocks(file, size))
    except OSError:
        pass
    return b""


def _blocks(file: Any, size: int) -> Iterator[bytes]:
    yield from islice(iter(lambda: file.read(pieces.WHOLE), b""), _MOST_BLOCKS)
    if size > _MOST_BLOCKS * pieces.WHOLE:
        file.seek(-pieces.WHOLE, os.SEEK_END)
        yield file.read(pieces.WHOLE)


def look() -> None:
    """Report again what the controller doubts: single paths, each with the area in which it stands."""
    sums = package_sums()
    for wanted, area in CONFIG["look"]:
        path = base64.b64decode(wanted)
        try:
            emit_path(path, os.lstat(path), area, sums, marks=area in ("web", "upload"))
        except OSError as problem:
            emit("unread", path=escaped(path), why=type(problem).__name__)


def main() -> None:
    """Read everything, then say that it was everything."""
    if CONFIG.get("contents"):
        contents()
        emit("end", seconds=round(time.monotonic() - STARTED, 2))
        return
    if CONFIG.get("look"):
        look()
        emit("end", seconds=round(time.monotonic() - STARTED, 2), time=int(time.time()))
        return
    sums = package_sums()
    steps: list[tuple[str, Any]] = [
        ("lines", shared_lines),
        ("accounts", accounts),
        ("keys", keys),
        ("processes", lambda: processes(sums)),
        ("listeners", listeners),
        ("units", units),
        ("modules", modules),
        ("environment", manager_environment),
        ("libraries", libraries),
        ("packet filter", packet_filter),
        ("packages", packages),
        ("database", database),
        ("web", lambda: web_files(sums)),
        ("trees", lambda: configured_trees(sums)),
        ("people's units", lambda: user_units(sums)),
        ("privileged", lambda: privileged_files(sums)),
        ("programs", lambda: programs(sums)),
        ("runtime", runtime),
        ("package records", package_records),
        ("data", lambda: data_files(sums)),
    ]
    for name, step in steps:
        begun = time.monotonic()
        try:
            step()
        except OutOfTimeError:
            emit("limit", section=name)
        except Exception as problem:
            silent = type(problem) is LookupError  # what must be there gave nothing
            emit("failed", section=name, why="no-answer" if silent else type(problem).__name__)
        emit("section", name=name, seconds=round(time.monotonic() - begun, 3))
    emit("end", seconds=round(time.monotonic() - STARTED, 2), time=int(time.time()))
