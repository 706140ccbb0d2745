"""Errors, locks, files and child processes of the vault."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ACCOUNT = "ungcuu-vault"
SETTINGS = Path("/etc/ungcuu-vault")
STORE = Path("/var/lib/ungcuu-vault")
RUN = Path("/run/ungcuu-vault")


# Before a command: it must not go on when this process is killed. A server would stay open, a writer go on writing.
WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


# What reading an answer of another form ends with: a host, or a first vault, may be an intruder's.
ODD_ANSWER = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class VaultError(Exception):
    """Not done, or (outcome UNKNOWN) perhaps done on a host that was lost; `state` says what is certain."""

    def __init__(self, reason: str, state: str = "nothing was changed", outcome: str = "NOT DONE") -> None:
        super().__init__(reason)
        self.reason, self.state, self.outcome = printable(reason), printable(state), outcome


def printable(text: object) -> str:
    """Text that a host may have had a hand in: printable ASCII, 500 characters at most."""
    return re.sub(r"[^\x20-\x7e]", "?", str(text))[:500]


def now() -> datetime.datetime:
    """The vault's clock, which is the one that restore points are dated by."""
    return datetime.datetime.now(datetime.UTC)


def stamp(moment: datetime.datetime) -> str:
    """A time as text: UTC, to the second."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime.datetime:
    """A time from text; without a zone it is UTC.

    Raises:
        VaultError: not a time.
    """
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text)  # restic writes nanoseconds
    try:
        moment = datetime.datetime.fromisoformat(trimmed)
    except ValueError:
        raise VaultError(f"{text!r} is neither a restore point nor a time like 2026-01-31T08:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def run_folder() -> None:
    """Make the folder for locks and passwords of one run; the account may pass through it."""
    RUN.mkdir(exist_ok=True)
    RUN.chmod(0o711)


@contextlib.contextmanager
def locked(name: str, patience: float = 0.0) -> Iterator[None]:
    """Hold a site's lock. While another run holds it, wait for `patience` seconds.

    Raises:
        VaultError: the other run still holds it; the reason says which and since when.
    """
    run_folder()
    deadline = time.monotonic() + patience
    with (RUN / f"{name}.lock").open("a+", encoding="ascii") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(0.2)
                    continue
                handle.seek(0)
                holder = printable(handle.read(60).strip()) or "another run"
                raise VaultError(f"the vault is busy with {name}: {holder}") from None
        handle.truncate(0)
        handle.write(f"process {os.getpid()}, since {stamp(now())}")
        handle.flush()
        yield


def busy(name: str) -> bool:
    """Whether somebody holds that lock now."""
    try:
        with (RUN / f"{name}.lock").open("r", encoding="ascii") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def account() -> pwd.struct_passwd:
    """The account without rights that talks with hosts."""
    return pwd.getpwnam(ACCOUNT)


def as_account() -> dict[str, Any]:
    """Arguments for subprocess that run a child as that account, with nothing of root's environment."""
    known = account()
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(STORE)}
    return {"user": known.pw_uid, "group": known.pw_gid, "extra_groups": [], "env": environment, "cwd": "/"}


def secret_pipe(text: str) -> int:
    """A descriptor that the account's child can read a secret from, once."""
    reader, writer = os.pipe()
    known = account()
    os.fchown(reader, known.pw_uid, known.pw_gid)
    os.write(writer, text.encode())
    os.close(writer)
    return reader


def write_json(path: Path, document: object, indent: int | None = 1) -> None:
    """Replace a JSON file in one step, flushed to the disk.

    Raises:
        VaultError: the vault's disk is full or refuses.
    """
    fresh = path.with_name(path.name + ".new")
    try:
        with fresh.open("w", encoding="utf-8") as handle:
            json.dump(document, handle, indent=indent, sort_keys=True)
            handle.flush()
            os.fsync(handle.fileno())
        fresh.rename(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise VaultError(f"{path} can't be written: {error.strerror}") from None


def need_space(folder: Path, wanted: int) -> None:
    """Refuse before the start when the vault can't take it.

    Raises:
        VaultError: too little is free.
    """
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise VaultError(
            f"{wanted // 2**20} MiB must be free in {folder}, {free // 2**20} MiB are. Earlier points are whole"
        )


def last_words(text: bytes) -> str:
    """The last line that a program said."""
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return printable(" | ".join(lines[-3:])) if lines else "it said nothing"


def restic(repository: Path, password: str, arguments: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start restic on a repository of this vault, as the account without rights."""
    descriptor = secret_pipe(password)
    options_of_restic = ["--no-cache", f"--repo={repository}", f"--password-file=/dev/fd/{descriptor}"]
    command = [*WITH_US, "restic", *options_of_restic, *arguments]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=[descriptor],
            **as_account(),
            **({"stderr": subprocess.PIPE} | options),
        )
    finally:
        os.close(descriptor)


def stream_restic(repository: Path, password: str, *arguments: str) -> Iterator[bytes]:
    """What restic prints, line by line while it does.

    Raises:
        VaultError: restic failed; with its last words.
    """
    with tempfile.TemporaryFile() as errors, restic(repository, password, arguments, stderr=errors) as process:
        assert process.stdout is not None
        yield from process.stdout
        if process.wait():
            errors.seek(0)
            raise VaultError(f"restic {arguments[0]} failed: {last_words(errors.read())}")


def ask_restic(repository: Path, password: str, *arguments: str) -> bytes:
    """What restic prints, as a whole.

    Raises:
        VaultError: restic failed; with its last words.
    """
    return b"".join(stream_restic(repository, password, *arguments))
