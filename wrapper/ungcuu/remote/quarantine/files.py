"""One file: what it is, how it is carried off whole, disarmed, and dressed again as it was."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import struct
from contextlib import suppress
from typing import Any

from ungcuu.remote.quarantine.basis import CHUNK, RefusedError

GET_FLAGS, SET_FLAGS = 0x80086601, 0x40086602  # FS_IOC_GETFLAGS, FS_IOC_SETFLAGS
APPEND_ONLY, IMMUTABLE = 0x20, 0x10


def look(handle: int, name: bytes) -> os.stat_result | None:
    """What stands there, a link itself; None where nothing does."""
    try:
        return os.stat(name, dir_fd=handle, follow_symlinks=False)
    except FileNotFoundError:
        return None


def opened(handle: int, name: bytes, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a regular file, no link followed."""
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=handle)


def digest(handle: int, name: bytes) -> str:
    """SHA-256 of a regular file, of a link's target, or of nothing."""
    info = os.stat(name, dir_fd=handle, follow_symlinks=False)
    if stat.S_ISLNK(info.st_mode):
        return hashlib.sha256(os.readlink(name, dir_fd=handle)).hexdigest()
    if not stat.S_ISREG(info.st_mode):
        return ""
    sha = hashlib.sha256()
    with os.fdopen(opened(handle, name), "rb", buffering=0) as file:
        while block := file.read(CHUNK):
            sha.update(block)
    return sha.hexdigest()


def unlock(handle: int, name: bytes) -> int:
    """Take away the immutable and append-only flags that keep a file in its place. Returns the flags before."""
    try:
        file = opened(handle, name)
    except OSError:
        return 0
    try:
        raw = fcntl.ioctl(file, GET_FLAGS, struct.pack("l", 0))
        flags = int(struct.unpack("l", raw)[0])
        if flags & (APPEND_ONLY | IMMUTABLE):
            fcntl.ioctl(file, SET_FLAGS, struct.pack("l", flags & ~(APPEND_ONLY | IMMUTABLE)))
        return flags
    except OSError:
        return 0
    finally:
        os.close(file)


def describe(handle: int, name: bytes, info: os.stat_result) -> dict[str, Any]:
    """Everything that is needed to put the file back as it was."""
    known: dict[str, Any] = {"mode": stat.S_IMODE(info.st_mode), "uid": info.st_uid, "gid": info.st_gid}
    known |= {
        "size": info.st_size,
        "mtime_ns": info.st_mtime_ns,
        "atime_ns": info.st_atime_ns,
        "sha256": digest(handle, name),
    }
    known["type"] = "link" if stat.S_ISLNK(info.st_mode) else "file" if stat.S_ISREG(info.st_mode) else "special"
    if known["type"] == "file":
        file = opened(handle, name)
        try:
            known["xattrs"] = {key: os.getxattr(file, key).hex() for key in os.listxattr(file)}
        except OSError:
            known["xattrs"] = {}
        finally:
            os.close(file)
    return known


def write_new(handle: int, name: bytes, data: bytes, mode: int = 0o600) -> None:
    """Write a file in one step."""
    temporary = b"." + name + b".ungcuu"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=handle)
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=handle)
    with os.fdopen(file, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(file)
    os.rename(temporary, name, src_dir_fd=handle, dst_dir_fd=handle)
    os.fsync(handle)


def carry(source: int, name: bytes, target: int, new: bytes) -> None:
    """Move one entry into another folder; across file systems a copy is checked before the original goes."""
    try:
        os.rename(name, new, src_dir_fd=source, dst_dir_fd=target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(source, name, target, new)
        if digest(source, name) != digest(target, new):
            os.unlink(new, dir_fd=target)
            raise RefusedError("the file changed while it was copied") from error
        os.unlink(name, dir_fd=source)
    os.fsync(target)
    os.fsync(source)


def copy(source: int, name: bytes, target: int, new: bytes) -> None:
    """Copy a regular file or a link; nothing that exists is overwritten."""
    info = os.stat(name, dir_fd=source, follow_symlinks=False)
    if stat.S_ISLNK(info.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), new, dir_fd=target)
        return
    if not stat.S_ISREG(info.st_mode):
        raise RefusedError("only files and links cross file systems")
    out = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=target)
    with os.fdopen(opened(source, name), "rb", buffering=0) as reader, os.fdopen(out, "wb", buffering=0) as writer:
        while block := reader.read(CHUNK):
            writer.write(block)
        os.fsync(writer.fileno())


def disarm(handle: int, name: bytes) -> None:
    """In quarantine nobody may run or read it, and it keeps no root rights."""
    try:
        file = opened(handle, name)
    except OSError:
        return
    try:
        if stat.S_ISREG(os.fstat(file).st_mode):
            os.fchown(file, 0, 0)
            os.fchmod(file, 0)
            os.removexattr(file, "security.capability")
    except OSError:
        return
    finally:
        os.close(file)


def dress(handle: int, name: bytes, known: dict[str, Any]) -> None:
    """Owner, rights, attributes and times as they were."""
    if known["type"] == "link":
        os.chown(name, known["uid"], known["gid"], dir_fd=handle, follow_symlinks=False)
    elif known["type"] == "file":
        file = opened(handle, name)
        try:
            os.fchown(file, known["uid"], known["gid"])
            os.fchmod(file, known["mode"])
            for key, value in known.get("xattrs", {}).items():
                os.setxattr(file, key, bytes.fromhex(value))
        finally:
            os.close(file)
    os.utime(name, ns=(known["atime_ns"], known["mtime_ns"]), dir_fd=handle, follow_symlinks=False)


def replace(handle: int, name: bytes, data: bytes, known: dict[str, Any]) -> None:
    """Put new content in place of a file, with its owner, rights and attributes."""
    temporary = b"." + name[:200] + b".ungcuu"
    write_new(handle, temporary, data)
    dress(handle, temporary, known)
    os.rename(temporary, name, src_dir_fd=handle, dst_dir_fd=handle)
    os.fsync(handle)
