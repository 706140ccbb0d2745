"""Stage: unpack what the vault streams, beside the live data, where nobody but root can reach it."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from ungcuu_site import database
from ungcuu_site.common import (
    RESTORE_AREA,
    RefusedError,
    database_of,
    locked,
    need_space,
    now,
    restore_id,
    say,
    write_json,
)
from ungcuu_site.save import DUMP_FOLDER
from ungcuu_site.state import load

_COPY_BYTES = 2**18
_PARTS = ("files", "database", "config")
Writer = Callable[[memoryview], object]


class _Stream:
    """Standard input as tarfile wants a file; it only goes forward. What a member holds is copied without detours."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.bytes = stream, 0
        self._buffer = memoryview(bytearray(_COPY_BYTES))

    def tell(self) -> int:
        return self.bytes

    def seek(self, position: int) -> None:
        self.copy(position - self.bytes)

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self.bytes += len(block)
        return block

    def copy(self, size: int, write: Writer | None = None) -> None:
        """Hand on the next `size` bytes, or pass over them.

        Raises:
            EOFError: the stream ends before.
        """
        while size > 0:
            count = self._stream.readinto(self._buffer[: min(size, _COPY_BYTES)])
            if not count:
                raise EOFError("it ends in the middle")
            if write:
                write(self._buffer[:count])
            self.bytes += count
            size -= count


def stage_root(site: dict[str, Any], identity: str) -> Path:
    """Where the staged tree stands: on the live tree's file system, in a folder that only root may enter."""
    root = Path(site["root"])
    return root.parent / ".ungcuu-stage" / identity / root.name


def stage(request: dict[str, Any]) -> dict[str, Any]:
    """Unpack the stream; the answer holds its hash and what each part holds.

    Raises:
        RefusedError: no room, a path or a kind of entry that has no place in a website's backup, or a torn stream.
    """
    identity, site = restore_id(request), request["site"]
    with locked("restore"):
        _private_places(site, identity, int(request["bytes"]))
        state: dict[str, Any] = {"restore": identity, "step": "staging", "point": request["point"], "began": now()}
        state |= {
            "site": site,
            "config_paths": request["config_paths"],
            "only": [part for part in _PARTS if part in request["only"]],
            "path": _checked_path(str(request.get("path", ""))),
        }
        area = RESTORE_AREA / identity
        write_json(area / "state.json", state)
        unpacker = _Unpacker(site, identity, request["source_root"], request["config_paths"], state["only"])
        stream = _Stream(sys.stdin.buffer)
        try:
            unpacker.unpack(stream)
        except (tarfile.TarError, EOFError) as error:
            raise RefusedError(f"the stream from the vault is torn: {error}", "live data is untouched") from None
        state |= {"step": "staged", "counts": unpacker.counts, "notes": unpacker.notes[:200], "staged": now()}
        write_json(area / "state.json", state)
        return {"bytes": stream.bytes, "counts": unpacker.counts}


def _checked_path(path: str) -> str:
    """A path below the web root, or none."""
    if path and (path.startswith("/") or any(piece in ("", ".", "..") for piece in path.split("/")) or "\0" in path):
        raise RefusedError(f"{path!r} is no path below the web root")
    return path


def drop(request: dict[str, Any]) -> dict[str, Any]:
    """Remove a stage that will not be used. The live data and what was kept of it stay as they are.

    Raises:
        RefusedError: this host knows no such restore, or its swap has begun: what stands there may be the way back.
    """
    identity = restore_id(request)
    with locked("restore"):
        state = load(identity)
        if state["step"] not in ("staging", "staged", "checked", "dropped", "undone"):
            raise RefusedError(f"only a stage that is not in use can be removed; this one stands at '{state['step']}'")
        staged = stage_root(state["site"], identity)
        shutil.rmtree(staged.parent, ignore_errors=True)
        for name in ("config", "database"):
            shutil.rmtree(RESTORE_AREA / identity / name, ignore_errors=True)
        if state["site"].get("database"):
            database.engine(state["site"]["database"]).drop(database_of(identity, "stage"))
        if state["step"] != "undone":
            write_json(RESTORE_AREA / identity / "state.json", state | {"step": "dropped"})
    return {"restore": identity, "step": "dropped"}


def _private_places(site: dict[str, Any], identity: str, wanted: int) -> None:
    root = Path(site["root"])
    if root.is_mount():
        raise RefusedError(f"{root} is a mount point: it can't be replaced by a rename. Mount its parent instead")
    parent = root.parent.stat()
    if parent.st_uid != 0 or parent.st_mode & 0o022:
        raise RefusedError(f"{root.parent} can be written by others than root: what is staged there could be swapped")
    need_space(root.parent, wanted, "the restore")
    RESTORE_AREA.mkdir(mode=0o700, parents=True, exist_ok=True)
    need_space(RESTORE_AREA, 0, "the restore")
    staged = stage_root(site, identity)
    for folder in (staged.parent.parent, staged.parent, RESTORE_AREA / identity):
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    if staged.exists():
        raise RefusedError("this restore was staged before")


class _Unpacker:
    """Writes only below its own folders, creates links last, gives no entry more rights than a website's file has."""

    def __init__(
        self, site: dict[str, Any], identity: str, source_root: str, config: list[str], only: list[str]
    ) -> None:
        self._root, self._source = stage_root(site, identity), source_root.rstrip("/")
        self._area, self._config, self._only = RESTORE_AREA / identity, config, only
        self._links: list[tuple[Path, tarfile.TarInfo]] = []
        self._folders: list[tuple[Path, tarfile.TarInfo]] = []
        self.counts = dict.fromkeys(_PARTS, 0)
        self.notes: list[str] = []

    def unpack(self, stream: _Stream) -> None:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # else it remembers every file of the website
                placed = self._place("/" + member.name.strip("/"))
                if placed:
                    part, target = placed
                    if part in self._only:
                        self._write(stream, member, target)
                        self.counts[part] += member.isreg()
        while stream.read(_COPY_BYTES):
            pass
        for target, member in self._links:
            target.symlink_to(member.linkname)
            os.chown(target, *self._owner(member), follow_symlinks=False)
        for target, member in reversed(self._folders):
            self._dress(target, member)
        say("step", text="staged")

    def _place(self, name: str) -> tuple[str, Path] | None:
        """Which part an entry belongs to and where it is staged; None for the folders on the way there."""
        if "\0" in name or any(piece in ("..", ".") for piece in name.split("/")):
            raise RefusedError(f"the backup holds the path {name!r}", "live data is untouched")
        if name == self._source or name.startswith(self._source + "/"):
            return "files", Path(str(self._root) + name[len(self._source) :])
        dump = str(DUMP_FOLDER)
        if name == dump or name.startswith(dump + "/"):
            return "database", Path(str(self._area / "database") + name[len(dump) :])
        for path in self._config:
            if name == path or name.startswith(path + "/"):
                return "config", Path(str(self._area / "config") + name)
        allowed = (self._source, dump, *self._config)
        if any(path.startswith(name.rstrip("/") + "/") for path in allowed):
            return None
        raise RefusedError(
            f"the backup holds a path that belongs to no part of the website: {name!r}", "live data is untouched"
        )

    def _write(self, stream: _Stream, member: tarfile.TarInfo, target: Path) -> None:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if member.isdir():
            target.mkdir(mode=0o700, exist_ok=True)
            self._folders.append((target, member))
        elif member.issym():
            self._links.append((target, member))
        elif member.isreg() and not member.issparse():
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as handle:
                stream.copy(member.size, handle.write)
            self._dress(target, member)
        else:
            raise RefusedError(
                f"the backup holds a device, a pipe or a socket: {member.name!r}", "live data is untouched"
            )

    def _dress(self, target: Path, member: tarfile.TarInfo) -> None:
        if member.mode & 0o6000 and member.isreg():
            self.notes.append(f"setuid or setgid dropped: {member.name!a}")
        os.chown(target, *self._owner(member))
        target.chmod(member.mode & (0o0777 if member.isreg() else 0o3777))
        os.utime(target, (member.mtime, member.mtime))

    def _owner(self, member: tarfile.TarInfo) -> tuple[int, int]:
        """By name, since a rebuilt host numbers its accounts again; root where the name is unknown here."""
        return _identity(member.uname, pwd.getpwnam, 2), _identity(member.gname, grp.getgrnam, 2)


_known: dict[tuple[str, object], int] = {}


def _identity(name: str, look_up: Callable[[str], Any], field: int) -> int:
    key = (name, look_up)
    if key not in _known:
        try:
            _known[key] = int(look_up(name)[field])
        except KeyError:
            _known[key] = 0
    return _known[key]
