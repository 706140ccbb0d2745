"""Folders reached from ``/`` one part at a time, without following a link; the store of what was taken."""

from __future__ import annotations

import base64
import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from ungcuu.remote.config import CONFIG
from ungcuu.remote.quarantine.basis import Action, RefusedError


@contextmanager
def folder(path: bytes, make: bool = False) -> Iterator[int]:
    """A descriptor of a folder, reached without following any link.

    Raises:
        FileNotFoundError: A part of the path does not exist.
        RefusedError: A part of the path is a link.
    """
    handle = os.open(b"/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in [part for part in path.split(b"/") if part]:
            if part in (b".", b".."):
                raise RefusedError("the path is not plain")
            if make:
                make_folder(part, handle)
            deeper = step_into(part, handle)
            os.close(handle)
            handle = deeper
        yield handle
    finally:
        os.close(handle)


def step_into(part: bytes, handle: int) -> int:
    """Open one folder below another."""
    try:
        return os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise RefusedError("a part of the path is a link or no folder") from error
        raise


def make_folder(part: bytes, handle: int) -> None:
    """Make one folder if it is missing."""
    try:
        os.mkdir(part, 0o700, dir_fd=handle)
    except FileExistsError:
        return


@contextmanager
def place(action: Action) -> Iterator[tuple[int, bytes]]:
    """(descriptor of the parent, name) of the action's path."""
    path = base64.b64decode(action["path"])
    parent, name = os.path.split(path)
    if not path.startswith(b"/") or not name or name in (b".", b"..") or b"\0" in path:
        raise RefusedError("the path is not plain")
    with folder(parent) as handle:
        yield handle, name


@contextmanager
def store(identity: str) -> Iterator[int]:
    """The folder of one quarantined thing, of root alone; in check mode it is not made."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,80}", identity):
        raise RefusedError("the quarantine id is not plain")
    base = os.fsencode(CONFIG["store"])
    real = not CONFIG.get("check")
    with folder(base, make=real) as handle:
        if real:
            os.fchown(handle, 0, 0)
            os.fchmod(handle, 0o700)
    with folder(base + b"/" + identity.encode(), make=real) as handle:
        if real:
            os.fchown(handle, 0, 0)
        yield handle
