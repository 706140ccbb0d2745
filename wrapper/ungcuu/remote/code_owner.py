"""Take the website's code away from the user that PHP runs as, or give it back. Standard library only, as root.

1. Folders that the site must write stay its own, and so does what lies in them. One that it can't write is opened: what
   was taken from the user there goes back, and each folder becomes the user's. Files are not given to it otherwise.
2. Owner, group and mode before are written down before anything changes; giving back puts exactly those back.
3. What is looked at is opened without following links and changed through that handle: the site's user may swap files
   while this runs, and must not turn it on files of others.
4. A file that PHP could then no longer read (another group's, closed to the world) is left and counted as such.
"""

from __future__ import annotations

import json
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

KEPT = Path("/var/lib/ungcuu/before/code_owner.json")
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class User(NamedTuple):
    """Whom the code is taken from."""

    uid: int
    groups: frozenset[int]

    @classmethod
    def named(cls, name: str) -> User:
        """The user with all its groups."""
        known = pwd.getpwnam(name)
        return cls(known.pw_uid, frozenset(os.getgrouplist(name, known.pw_gid)))


def can_change(user: User, info: os.stat_result) -> bool:
    """Whether the user may write it, or give itself the right to."""
    if info.st_uid == user.uid:
        return True
    return bool(info.st_mode & (stat.S_IWGRP if info.st_gid in user.groups else stat.S_IWOTH))


def after(user: User, info: os.stat_result) -> tuple[int, int, int] | None:
    """Owner, group and mode that let the user read and nothing more; None where that needs a decision by people."""
    mode = stat.S_IMODE(info.st_mode) & ~0o022
    if info.st_uid != user.uid:
        return info.st_uid, info.st_gid, mode
    needed = (mode & 0o500) >> 3
    if info.st_gid in user.groups:
        return 0, info.st_gid, mode | needed
    return (0, info.st_gid, mode) if mode & (needed >> 3) == needed >> 3 else None


def code(path: Path, writable: list[Path], parent: int | None = None) -> Iterator[tuple[Path, int]]:
    """Every file and folder of the code with an open handle, folders first; links and writable folders are left out."""
    try:
        handle = os.open(path if parent is None else path.name, _OPEN, dir_fd=parent)
    except OSError:  # a link, a socket, or gone
        return
    try:
        kind = os.fstat(handle).st_mode
        if stat.S_ISDIR(kind) or stat.S_ISREG(kind):
            yield path, handle
        for name in sorted(os.listdir(handle)) if stat.S_ISDIR(kind) else []:  # noqa: PTH208  (by handle)
            if path / name not in writable:
                yield from code(path / name, writable, handle)
    finally:
        os.close(handle)


def keep(rows: dict[str, list[int]]) -> None:
    """Write down how it was, before anything changes; the first state known of a path stays."""
    KEPT.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write(rows | kept())


def write(rows: dict[str, list[int]]) -> None:
    """Replace what is kept, whole."""
    partial = KEPT.with_suffix(".new")
    partial.write_text(json.dumps(rows), encoding="utf-8", errors="surrogateescape")
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.replace(KEPT)


def kept() -> dict[str, list[int]]:
    """How it was before."""
    return json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}


def below(root: Path, rows: dict[str, list[int]]) -> dict[str, list[int]]:
    """What is kept of one website: a host may serve several."""
    return {path: row for path, row in rows.items() if path == str(root) or path.startswith(f"{root}/")}


def look(root: Path, user: User, writable: list[Path]) -> tuple[dict[str, list[int]], int]:
    """What the user can change, with owner, group and mode; and how much of that must be left."""
    found, left = {}, 0
    for path, handle in code(root, writable):
        info = os.fstat(handle)
        if not can_change(user, info):
            continue
        if after(user, info) is None:
            left += 1
        else:
            found[str(path)] = [info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)]
    return found, left


def take(root: Path, user: User, writable: list[Path]) -> None:
    """Folders first, so that nothing can be swapped below one that was dealt with."""
    for _path, handle in code(root, writable):
        info = os.fstat(handle)
        wanted = after(user, info) if can_change(user, info) else None
        if wanted:
            os.fchown(handle, wanted[0], wanted[1])
            os.fchmod(handle, wanted[2])


def give_back(root: Path, writable: list[Path]) -> None:
    """Put owner, group and mode back to what was kept."""
    rows = kept()
    for path, handle in code(root, writable):
        if row := rows.get(str(path)):
            os.fchown(handle, row[0], row[1])
            os.fchmod(handle, row[2])
    left = {path: row for path, row in rows.items() if path not in below(root, rows)}  # another website's
    if left:
        write(left)
    else:
        KEPT.unlink(missing_ok=True)


def folder(root: Path, name: str) -> int | None:
    """Handle of a folder below the root, reached without following a link; None where there is no such folder."""
    handle = os.open(root, _OPEN | os.O_DIRECTORY)
    for part in Path(name).parts:
        above = handle
        try:
            handle = os.open(part, _OPEN | os.O_DIRECTORY, dir_fd=above)
        except OSError:
            return None
        finally:
            os.close(above)
    return handle


def may_write(user: User, info: os.stat_result) -> bool:
    """Whether the user can make files in a folder."""
    mode = stat.S_IMODE(info.st_mode)
    bits = mode >> 6 if info.st_uid == user.uid else mode >> 3 if info.st_gid in user.groups else mode
    return bits & 3 == 3


def opening(path: Path, parent: int, user: User, rows: dict[str, list[int]]) -> Iterator[tuple[int, list[int]]]:
    """What has to change for the user to write in a folder: handles with owner, group and mode; the deepest first.

    A file is given back only where it was taken, and has no second name: that one may be a file of the system.
    """
    for name in sorted(os.listdir(parent)):
        try:
            handle = os.open(name, _OPEN, dir_fd=parent)
        except OSError:
            continue
        try:
            info, row = os.fstat(handle), rows.get(str(path / name))
            if stat.S_ISDIR(info.st_mode):
                yield from opening(path / name, handle, user, rows)
            elif row and stat.S_ISREG(info.st_mode) and info.st_nlink == 1 and info.st_uid == 0 != row[0]:
                yield handle, row
        finally:
            os.close(handle)
    info = os.fstat(parent)
    if not may_write(user, info):
        yield parent, rows.get(str(path)) or [user.uid, info.st_gid, stat.S_IMODE(info.st_mode) | 0o700]


def open_writable(root: Path, user: User, names: list[str], do: bool) -> tuple[int, list[int]]:
    """Open the folders that the site must write, or count what that would change; and which of them are no folders."""
    count, absent, rows = 0, list[int](), kept()
    for number, name in enumerate(names):
        handle = folder(root, name)
        if handle is None:
            absent += [] if is_open(root / name, user) else [number]
            continue
        try:
            for found, (uid, gid, mode) in opening(root / name, handle, user, rows):
                count += 1
                if do:
                    os.fchown(found, uid, gid)
                    os.fchmod(found, mode)
        finally:
            os.close(handle)
    return count, absent


def is_open(path: Path, user: User) -> bool:
    """Whether a link, as packages put them into a web root, leads to a folder that the user can write."""
    try:
        info = path.stat()
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and may_write(user, info)


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked for, or look alone where ``check`` says so; return numbers.

    ``changes`` is how much was, or would be, changed. ``absent`` are positions in the list of writable folders.
    """
    root = Path(os.path.realpath(order["root"]))
    writable = [root / folder for folder in order["writable"]]
    try:
        user = User.named(order["user"])
    except KeyError:
        return {"changes": 0, "left": 0, "absent": []}
    if order["do"] == "open":
        count, absent = open_writable(root, user, order["writable"], False)
        if count and not absent and not order["check"]:
            open_writable(root, user, order["writable"], True)
        return {"changes": count, "left": 0, "absent": absent}
    if order["do"] == "give back":
        count = len(below(root, kept()))
        if count and not order["check"]:
            give_back(root, writable)
        return {"changes": count, "left": 0, "absent": []}
    found, left = look(root, user, writable)
    if found and not order["check"]:
        keep(found)
        take(root, user, writable)
    return {"changes": len(found), "left": left, "absent": []}
