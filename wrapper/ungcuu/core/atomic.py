"""Files of the controller that a crash or a full disk must not leave half-written.

The standard library alone, and little of it: the fast cut writes its mark through here.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path


def put(path: Path, data: bytes | str, mode: int = 0o600) -> Path:
    """Put a file in place in one step and return its path: a reader sees the old one or the new one, now and after a
    power cut. Text is written as UTF-8.

    Raises:
        OSError: it can't be written; the old file, if any, stands as it was.
    """
    draft = write_beside(path, data, mode)
    try:
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    sync_folder(path.parent)
    return path


def put_json(path: Path, document: object, *, indent: int | None = 1) -> Path:
    """Write a document as JSON in the way of :func:`put`; ``indent=None`` for what is large and read by programs."""
    return put(path, json.dumps(document, indent=indent) + "\n")


def put_new(path: Path, data: bytes | str, mode: int = 0o600) -> Path:
    """Put a file in place whole, never over another one, and return its path. Text is written as UTF-8.

    The name is taken once everything is on disk, so a full disk leaves neither a part of the file nor its name.

    Raises:
        FileExistsError: There is a file of this name; it stands as it was.
        OSError: It can't be written; nothing is left behind.
    """
    draft = write_beside(path, data, mode)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return path


def make_private(folder: Path) -> Path:
    """Make a folder, and those above it that are missing, mode 0700, and return it.

    Raises:
        OSError: it can't be made.
    """
    for part in (*reversed(folder.parents), folder):
        if not part.exists():
            part.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextlib.contextmanager
def held(path: Path, seconds: float) -> Iterator[None]:
    """Hold a file's lock among the processes of this machine.

    Raises:
        TimeoutError: another process held it for so many seconds.
        OSError: the file can't be made.
    """
    import fcntl
    import time

    until = time.monotonic() + seconds
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "wb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise TimeoutError(f"{path} is held by another process") from None
                time.sleep(0.05)
        yield


def write_beside(path: Path, data: bytes | str, mode: int) -> Path:
    """Write a new file, synced, with a name of its own in the folder of ``path``.

    Raises:
        OSError: it can't be written; nothing is left behind.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            os.fchmod(fd, mode)
            write_all(fd, data.encode("utf-8") if isinstance(data, str) else data)
            os.fsync(fd)
        finally:
            os.close(fd)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # a full disk: write(2) knows no name
            error.filename = str(path)
        raise
    return draft


def write_all(fd: int, data: bytes) -> None:
    """Write all of ``data``, however little of it the system takes at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
