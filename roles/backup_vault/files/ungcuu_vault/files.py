"""A restic repository as files: their names, and folders that hold the same files by hard links.

A hard link costs no space, and the file below it stays when the folder beside it is emptied. Nothing here follows a
symbolic link: the account without rights owns some of these folders, and a host talks with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ungcuu_vault.common import VaultError, account, write_json

ID = re.compile(r"[0-9a-f]{64}")
KINDS = ("keys", "index", "snapshots", "data")
CONFIG = "config"
_LINK_PROBE = "link-probe"


@dataclass(frozen=True)
class Files:
    """Names of a repository's files by kind; `config`, which each has, is not counted."""

    keys: frozenset[str] = frozenset()
    index: frozenset[str] = frozenset()
    snapshots: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()

    @classmethod
    def of(cls, folder: Path) -> Files:
        """What a folder that only root writes holds.

        Raises:
            VaultError: it can't be read.
        """
        found: dict[str, set[str]] = {kind: set() for kind in KINDS}
        try:
            for kind in KINDS[:3]:
                found[kind] = {entry.name for entry in os.scandir(folder / kind) if ID.fullmatch(entry.name)}
            for below in os.scandir(folder / "data"):
                found["data"] |= {entry.name for entry in os.scandir(below) if ID.fullmatch(entry.name)}
        except OSError as error:
            raise VaultError(f"the repository {folder} can't be read: {error.strerror}") from None
        return cls(**{kind: frozenset(names) for kind, names in found.items()})

    @classmethod
    def load(cls, path: Path) -> Files:
        """A list that `save` wrote.

        Raises:
            OSError, ValueError: there is none, or it can't be read.
        """
        row = json.loads(path.read_text("ascii"))
        return cls(**{kind: frozenset(row[kind]) for kind in KINDS})

    def save(self, path: Path) -> None:
        """Write the list, flushed to the disk."""
        write_json(path, {kind: sorted(getattr(self, kind)) for kind in KINDS}, indent=None)

    def paths(self) -> list[str]:
        """Paths below the repository's folder, the config first."""
        plain = [f"{kind}/{name}" for kind in KINDS[:3] for name in getattr(self, kind)]
        return [CONFIG, *plain, *(data_path(name) for name in self.data)]

    def __or__(self, other: Files) -> Files:
        return Files(**{kind: getattr(self, kind) | getattr(other, kind) for kind in KINDS})


def data_path(name: str) -> str:
    """Where a pack lies below the repository's folder."""
    return f"data/{name[:2]}/{name}"


def make_folders(folder: Path, *, writable: bool, shards: Iterable[str] | None = None) -> None:
    """The folders of a repository: the account's own, or root's where it may only read.

    `shards` are the folders below `data` that are needed; all 256 when not given.
    """
    known = account()
    owner, mode = (known.pw_uid, 0o700) if writable else (0, 0o750)
    names = [f"{number:02x}" for number in range(256)] if shards is None else sorted(set(shards))
    plain = ["", *KINDS, *(["locks"] if writable else [])]
    for path in (*(folder / name for name in plain), *(folder / "data" / name for name in names)):
        path.mkdir(exist_ok=True)
        os.chown(path, owner, known.pw_gid)
        path.chmod(mode)


def link_files(source: Path, target: Path, paths: Iterable[str]) -> None:
    """Give each of these files a second name below `target`; one that is there already stays.

    Raises:
        VaultError: a file is missing, or the disk can't do it.
    """
    for path in paths:
        try:
            os.link(source / path, target / path, follow_symlinks=False)
        except FileExistsError:
            continue
        except OSError as error:
            raise VaultError(f"{source / path} can't be linked below {target}: {error.strerror}") from None


def clone(source: Path, target: Path, files: Files) -> None:
    """The same files in folders that the account owns: it can add to them and never change what was there."""
    make_folders(target, writable=True)
    link_files(source, target, files.paths())


def need_links(folder: Path) -> None:
    """See that the file system gives a file two names.

    Raises:
        VaultError: it does not; with what to do.
    """
    if reason := why_no_links(folder):
        raise VaultError(reason)


def why_no_links(folder: Path) -> str:
    """Why the vault can't work on this file system; empty where it can."""
    first, second = folder / _LINK_PROBE, folder / f"{_LINK_PROBE}.second"
    try:
        for path in (first, second):
            path.unlink(missing_ok=True)
        first.touch()
        os.link(first, second)
    except OSError as error:
        return (
            f"the file system of {folder} makes no hard links ({error.strerror}), and the vault needs them to keep"
            " restore points apart from what a host writes. Put it on ext4, XFS or Btrfs"
        )
    finally:
        for path in (first, second):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return ""


def take_folder(folder: Path) -> None:
    """Make a folder root's, whoever owned it before; what lies in it stays as it is.

    Raises:
        VaultError: it is no folder.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise VaultError(f"{folder} is no folder: {error.strerror}") from None
    try:
        os.fchown(descriptor, 0, account().pw_gid)
        os.fchmod(descriptor, 0o750)
    finally:
        os.close(descriptor)


def take_file(path: Path) -> str:
    """Make a file of the account root's, readable and for nobody to write; why not, or nothing where it was done.

    A process that still holds it open for writing could change it after the check: a lease shows that there is none.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        return str(error.strerror)
    try:
        state, known = os.fstat(descriptor), account()
        if not stat.S_ISREG(state.st_mode):
            return "not a file"
        if state.st_uid == known.pw_uid and state.st_nlink == 1:
            os.fchown(descriptor, 0, known.pw_gid)
            os.fchmod(descriptor, 0o440)
        elif state.st_uid != 0:
            return "another account's, or a second name of another file"
        return _still_written(descriptor)
    finally:
        os.close(descriptor)


def _still_written(descriptor: int) -> str:
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return "still being written"
    except OSError:
        return ""  # a file system without leases; what holds it open was ended with the server
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return ""


def flush(paths: Iterable[Path]) -> None:
    """Bring files and folders to the disk.

    Raises:
        VaultError: the disk refuses.
    """
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise VaultError(f"{path} can't be brought to the disk: {error.strerror}") from None


def folders_of(folder: Path, files: Files) -> list[Path]:
    """The folders that names of these files stand in."""
    return [folder, *(folder / kind for kind in KINDS), *{folder / "data" / name[:2] for name in files.data}]


def remove(path: Path) -> None:
    """Remove a folder and all below it, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


def size(path: Path) -> int:
    """Bytes of a file that may be gone."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def read_json(path: Path) -> Any:
    """A document of our own; None where there is none.

    Raises:
        VaultError: it can't be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise VaultError(f"{path} can't be read: {error}") from None
