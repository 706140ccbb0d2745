"""Read everything, in the order in which it matters, or the files that the controller asks for."""

from __future__ import annotations

import base64
import os
import time
from typing import Any

from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state.access import accounts, keys, shared_lines
from ungcuu.remote.host_state.data import data_files, package_records
from ungcuu.remote.host_state.database import database
from ungcuu.remote.host_state.facts import libraries, manager_environment, packet_filter, user_units
from ungcuu.remote.host_state.files import emit_path, package_sums
from ungcuu.remote.host_state.processes import processes
from ungcuu.remote.host_state.reading import STARTED, OutOfTimeError, emit, escaped, read_small
from ungcuu.remote.host_state.running import listeners, modules, units
from ungcuu.remote.host_state.runtime import runtime
from ungcuu.remote.host_state.system import configured_trees, packages, privileged_files, programs
from ungcuu.remote.host_state.web import web_files


def contents() -> None:
    """The bytes of the files that the controller asks for, each at most 512 KiB."""
    for wanted in CONFIG["contents"]:
        path = base64.b64decode(wanted)
        data = read_small(path, 512 << 10)
        emit("content", path=escaped(path), data=base64.b64encode(data).decode())


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
            emit("failed", section=name, why=type(problem).__name__)
        emit("section", name=name, seconds=round(time.monotonic() - begun, 3))
    emit("end", seconds=round(time.monotonic() - STARTED, 2), time=int(time.time()))
