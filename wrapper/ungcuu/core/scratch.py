"""Folders for the length of one piece of work: private, and gone afterwards, even where the work was killed.

A folder holds its own lock while its maker lives; the kernel lets go of it however the maker ends. Whoever makes the
next one removes those of the same user whose lock is free and that no process names on its command line: an
ansible-playbook can outlive the wrapper that was killed. A folder without a lock is nobody's scratch and stays (the
snapshot of a cut may lie in one).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ungcuu.core import process_guard

PREFIX = "ungcuu-"
LOCK = ".lock"
_TRIES = 20


@contextmanager
def private_folder(*parts: str, base: Path | None = None) -> Iterator[Path]:
    """Give a folder of this work alone, in memory where the system offers that, and remove it afterwards.

    ``parts`` are folders to make in it, mode 0700. ``base``: where it is made instead.

    Raises:
        OSError: it can't be made.
    """
    base = base or _base()
    remove_left(base)
    folder, lock = _make(base)
    try:
        for name in parts:
            (folder / name).mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_left(base: Path) -> list[Path]:
    """Remove the folders that killed work of this user left in ``base``; returns them."""
    gone = []
    for folder in sorted(base.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            if _is_left(folder):
                gone.append(folder)
    return gone


def _base() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(runtime if runtime and os.access(runtime, os.W_OK) else tempfile.gettempdir())


def _make(base: Path) -> tuple[Path, int]:
    """Make a folder and hold its lock; another one where somebody who looked for left folders was quicker."""
    for _try in range(_TRIES):
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        lock = -1
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_nlink:
                return folder, lock
        except OSError:
            if not _is_taken(folder):
                raise
        if lock >= 0:
            os.close(lock)
    raise OSError(f"no folder could be made in {base}")


def _is_taken(folder: Path) -> bool:
    """Whether the folder is gone or its lock is held: someone else removes it."""
    return not folder.exists() or (folder / LOCK).exists()


def _is_left(folder: Path) -> bool:
    """Remove a folder if it is ours, its maker is dead and no process works in it; the answer says whether."""
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o066:
        return False
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if process_guard.processes(str(folder)):
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(lock)
