"""Places, locks, careful file moves, and running other programs."""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import errno
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

AREA = Path("/var/lib/ungcuu")
SAVE_AREA = AREA / "backup"
RESTORE_AREA = AREA / "restore"
KEPT_AREA = AREA / "compromised"
SPARE_BYTES = 64 * 2**20  # what a host needs free beside the work itself
_RESTORE_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_DATABASE = re.compile(r"[A-Za-z0-9_]{1,48}")
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_COPY_BYTES = 2**20


class Names(NamedTuple):
    """The three databases of a swap: the website's own, the checked one beside it, and what was live."""

    live: str
    scratch: str
    aside: str


class RefusedError(Exception):
    """The request can't be done; `reason` says why, `state` what the host's state is now."""

    def __init__(self, reason: str, state: str = "nothing was changed") -> None:
        super().__init__(reason)
        self.reason, self.state = reason, state


def say(event: str, **fields: object) -> None:
    """One line of JSON, ASCII only, so that no byte of the host's reaches a terminal as it is."""
    sys.stdout.write(json.dumps({"event": event, **fields}, default=str) + "\n")
    sys.stdout.flush()


def restore_id(request: dict[str, Any]) -> str:
    """The request's restore id, refused unless it has the only shape that we give."""
    text = str(request["restore"])
    if not _RESTORE_ID.fullmatch(text):
        raise RefusedError("the restore id has a wrong shape")
    return text


def database_of(identity: str, purpose: str) -> str:
    """Name of a restore's own database: "stage" for what is checked, "kept" for what was live.

    By the restore, not by its point: that one may be restored again while the first time's databases are still there.
    """
    return f"ungcuu_{purpose}_{identity.replace('-', '_').lower()}"


def checked_name(name: object) -> str:
    """A schema's name that needs no quoting and leaves room for a suffix."""
    if not isinstance(name, str) or not _DATABASE.fullmatch(name):
        raise RefusedError(f"the database name {name!r} is not letters, digits and underscores (48 at most)")
    return name


@contextlib.contextmanager
def locked(what: str) -> Iterator[None]:
    """Hold the host's lock for `what`; a second one is refused with the time since when."""
    AREA.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (AREA / f"{what}.lock").open("a+", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise RefusedError(
                f"another {what} has been running here since {handle.read(40).strip() or 'a moment ago'}"
            ) from None
        handle.truncate(0)
        handle.write(now())
        handle.flush()
        yield


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def need_space(folder: Path, wanted: int, what: str) -> None:
    """Refuse before the start when `folder` can't take `wanted` bytes and some to spare."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < wanted + SPARE_BYTES:
        raise RefusedError(
            f"{what} needs {(wanted + SPARE_BYTES) // 2**20} MiB in {folder}, {free // 2**20} MiB are free"
        )


def run(
    command: Sequence[str], given: bytes | None = None, descriptors: Sequence[int] = (), cwd: str | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end and keep what it says; the caller judges the exit code."""
    given_or_nothing: dict[str, Any] = {"input": given} if given is not None else {"stdin": subprocess.DEVNULL}
    return subprocess.run(command, capture_output=True, check=False, pass_fds=descriptors, cwd=cwd, **given_or_nothing)


def last_words(text: bytes) -> str:
    """The last line that a program said, short and printable."""
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return re.sub(r"[^\x20-\x7e]", "?", " | ".join(lines[-3:]))[-400:] if lines else "it said nothing"


def secret_pipe(text: str) -> int:
    """A descriptor from which a child reads a secret once: not in argv, not in the environment, not on a disk."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    return reader


def write_json(path: Path, document: object) -> None:
    """Replace a JSON file in one step, flushed to the disk."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("w", encoding="utf-8") as handle:
        json.dump(document, handle, indent=1, sort_keys=True)
        handle.flush()
        os.fsync(handle.fileno())
    fresh.rename(path)


def stop_when_hung_up(process: subprocess.Popen[bytes]) -> None:
    """Kill `process` when whoever asked is gone: standard input ends."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        if process.poll() is None:
            process.kill()

    threading.Thread(target=watch, daemon=True).start()


def exchange(one: Path, other: Path) -> bool:
    """Swap two directories in one step (renameat2). False where the file system can't, with nothing changed."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    if done == 0:
        return True
    if ctypes.get_errno() in (errno.EXDEV, errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(one))


def move(source: Path, target: Path) -> None:
    """Rename; where the kernel refuses (another file system, an overlay's lower layer) move entry by entry."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_slowly(source, target)


def _move_slowly(source: Path, target: Path) -> None:
    if source.is_symlink() or not source.is_dir():
        shutil.copy2(source, target, follow_symlinks=False)
        _keep_owner(source, target)
        source.unlink()
        return
    target.mkdir(mode=0o700)
    _keep_owner(source, target)  # at once: a move that is killed leaves folders that somebody will go on with
    for entry in sorted(source.iterdir()):
        move(entry, target / entry.name)
    shutil.copystat(source, target, follow_symlinks=False)
    _keep_owner(source, target)
    source.rmdir()


def _keep_owner(source: Path, target: Path) -> None:
    known = source.lstat()
    os.chown(target, known.st_uid, known.st_gid, follow_symlinks=False)
    if not source.is_symlink():
        target.chmod(known.st_mode & 0o7777)
