"""Files and folders as records: owner, rights, times, hash, and what a package says of them."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Any

from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state.bytecode import judge_bytecode
from ungcuu.remote.host_state.marks import content_marks
from ungcuu.remote.host_state.reading import CHUNK, emit, escaped, open_quietly, read_small, tick

# First 16 digits of the SHA-256 of programs that were as their package brought them when the baseline was taken.
KNOWN = frozenset(CONFIG.get("known", []))
HASH_LIMIT = 256 << 20
SEEN: set[bytes] = set()
CONFFILES: set[bytes] = set()


def package_sums() -> dict[bytes, tuple[str, str]]:
    """Absolute path → (MD5, package), as dpkg recorded them; merged-/usr paths and diversions resolved."""
    merged = all(os.path.islink("/" + name) for name in ("bin", "lib"))
    diverted = diversions()
    sums: dict[bytes, tuple[str, str]] = {}
    folder = b"/var/lib/dpkg/info"
    for name in sorted(os.listdir(folder) if os.path.isdir(folder) else []):
        if not name.endswith(b".md5sums"):
            continue
        package = escaped(name[:-8])
        for line in read_small(folder + b"/" + name, 16 * CHUNK).splitlines():
            digest, _, path = line.partition(b"  ")
            path = b"/" + path
            moved, owner = diverted.get(path, (path, package))
            path = path if owner == package.partition(":")[0] else moved
            if merged and path.startswith((b"/bin/", b"/sbin/", b"/lib/", b"/lib64/", b"/lib32/")):
                path = b"/usr" + path
            sums[path] = (digest.decode("ascii", "replace"), package)
    return conffiles() | sums


def conffiles() -> dict[bytes, tuple[str, str]]:
    """Configuration files → (MD5 as the package brought them, package); they stand in dpkg's status alone."""
    found: dict[bytes, tuple[str, str]] = {}
    package = ""
    for line in read_small(b"/var/lib/dpkg/status", 64 * CHUNK).splitlines():
        row = line.split()
        if line.startswith(b"Package: "):
            package = escaped(row[1])
        elif line.startswith(b" /") and len(row) == 2 and len(row[1]) == 32:
            found[row[0]] = (row[1].decode("ascii", "replace"), package)
    CONFFILES.update(found)
    return found


def diversions() -> dict[bytes, tuple[bytes, str]]:
    """Diverted path → (where dpkg put every other package's file, the package that keeps the path itself)."""
    lines = read_small(b"/var/lib/dpkg/diversions").splitlines()
    return {row[0]: (row[1], escaped(row[2])) for row in zip(lines[0::3], lines[1::3], lines[2::3], strict=False)}


def blocks(path: bytes) -> Iterator[bytes]:
    """A file's bytes, piece by piece."""
    with os.fdopen(open_quietly(path), "rb", buffering=0) as file:
        while block := file.read(CHUNK):
            tick()
            yield block


def digest_file(path: bytes, info: os.stat_result, marks: bool) -> dict[str, object]:
    """Hash and content marks of one regular file; a file above 256 MiB is marked, not hashed."""
    if info.st_size > HASH_LIMIT:
        return {"big": True}
    sha, found, tail = hashlib.sha256(), set(), b""
    for block in blocks(path):
        sha.update(block)
        if marks:
            found |= content_marks(tail + block, first=not tail)
            tail = block[-8:]
    fields: dict[str, object] = {"sha256": sha.hexdigest()}
    if found:
        fields["marks"] = sorted(found)
    return fields


def as_packaged(path: bytes, digest: object, wanted: str) -> bool:
    """Whether dpkg's own sum is right. MD5 is slow: a file that the baseline knows to be right is not summed again."""
    if not isinstance(digest, str):
        return False
    if digest[:16] in KNOWN:
        return True
    md5 = hashlib.md5(usedforsecurity=False)
    for block in blocks(path):
        md5.update(block)
    return md5.hexdigest() == wanted


def file_record(path: bytes, info: os.stat_result) -> dict[str, Any]:
    """Everything about one directory entry that needs no reading."""
    kind = {
        stat.S_IFREG: "file",
        stat.S_IFDIR: "dir",
        stat.S_IFLNK: "link",
        stat.S_IFCHR: "char",
        stat.S_IFBLK: "block",
        stat.S_IFIFO: "fifo",
        stat.S_IFSOCK: "socket",
    }[stat.S_IFMT(info.st_mode)]
    record: dict[str, Any] = {"path": escaped(path), "type": kind, "size": info.st_size if kind == "file" else 0}
    record |= {"mode": stat.S_IMODE(info.st_mode), "uid": info.st_uid, "gid": info.st_gid}
    record |= {"mtime": int(info.st_mtime), "ctime": int(info.st_ctime)}
    if kind == "link":
        record["target"] = escaped(os.readlink(path))
    return record


def attributes(path: bytes) -> dict[str, str]:
    """Extended attributes that grant rights: file capabilities and access lists."""
    found = {}
    for name in ("security.capability", "system.posix_acl_access"):
        try:
            found[name] = os.getxattr(path, name, follow_symlinks=False).hex()
        except OSError:
            continue
    return found


def entries(root: bytes, skip: Iterable[bytes]) -> Iterator[tuple[bytes, os.stat_result]]:
    """Every entry below ``root`` and the root itself, on its file system, in sorted order, no link followed."""
    skipped, pending = set(skip), [root]
    try:
        device = os.lstat(root).st_dev
    except OSError:
        return
    while pending:
        tick()
        path = pending.pop()
        try:
            info = os.lstat(path)
            if path in skipped:
                continue
            yield path, info
            if stat.S_ISDIR(info.st_mode) and info.st_dev == device:
                pending.extend(sorted((os.path.join(path, name) for name in os.listdir(path)), reverse=True))
        except OSError as problem:
            emit("unread", path=escaped(path), why=type(problem).__name__)


def emit_path(
    path: bytes, info: os.stat_result, area: str, sums: dict[bytes, tuple[str, str]], marks: bool = False
) -> None:
    """Emit one entry once, with its hash, rights and what dpkg says of it."""
    if path in SEEN:
        return
    SEEN.add(path)
    record = file_record(path, info)
    owned = sums.get(path)
    try:
        if record["type"] == "file":
            record |= digest_file(path, info, marks)
            if owned is not None:
                record["package"] = owned[1]
                record["package_ok"] = as_packaged(path, record.get("sha256"), owned[0])
                if path in CONFFILES:
                    record["conffile"] = True
            if path.endswith(b".pyc"):
                known = hashlib.sha256(f"{record['path']} {record.get('sha256')}".encode()).hexdigest()[:16] in KNOWN
                record["bytecode"] = "same" if known else judge_bytecode(path)
        if record["type"] != "link" and (xattrs := attributes(path)):
            record["xattrs"] = xattrs
    except OSError as problem:
        emit("unread", path=escaped(path), why=type(problem).__name__)
        return
    emit("file", area=area, **record)
