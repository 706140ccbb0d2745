"""New passwords and SSH keys for the people of this host; the old ones are set aside, and proven dead.

1. The management account, and whatever shares its user id, is never touched: a mistake here would lock the owner out.
2. Who has no password or no key gets none. A locked account stays locked: unlocking it later gives the new ones.
3. Homes belong to people who may be the intruder: no link in them is followed. sshd follows them, so a link in the
   place of a file of keys counts as one and is set aside. Named as left is an account whose folder of keys is a link,
   whose keys can't be read, that has an odd name, or for which there is no room.
4. Secrets come on standard input; the answer holds names, digests and proofs.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import pwd
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ungcuu_site.common import AREA, RefusedError, last_words, locked, now, run

_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
_PUBLIC = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]{68}")
_SECRET = re.compile(r"[A-Za-z0-9]{24,128}")
# sshd also takes a tab, and the short name of a kind. One sign before the blanks: 1 MiB of others is looked at once.
_KEY_LINE = re.compile(rb"[A-Za-z0-9][ \t]+AAAA[A-Za-z0-9+/]{16}")
_FILES = ("authorized_keys", "authorized_keys2")
_LOCKED = ".ungcuu-locked"  # the name that `ungcuu lock` gives these files
_MOST = 50
_MOST_LEFT = 50
_LARGEST = 1 << 20


def listed(request: dict[str, Any]) -> dict[str, Any]:
    """Who has a password or keys to rotate, and who is left alone, with the reason."""
    kept = {entry.pw_uid for entry in pwd.getpwall() if entry.pw_name in request["keep"]}
    wanted, found = [str(name) for name in request["accounts"]], []
    left: list[dict[str, Any]] = []
    for entry in pwd.getpwall():
        if wanted and entry.pw_name not in wanted:
            continue
        if _is_linked(entry) and entry.pw_uid not in kept:
            left.append({"code": "account_linked", "account": _shown(entry.pw_name)})
        has = {"password": _is_set(_field(entry.pw_name)), "keys": False}
        try:
            has["keys"] = _has_keys(entry)
        except OSError:
            if entry.pw_uid not in kept:
                left.append({"code": "account_unread", "account": _shown(entry.pw_name)})
        if not any(has.values()):
            continue
        if entry.pw_uid in kept:
            left.append({"code": "account_manages", "account": _shown(entry.pw_name)})
        elif _NAME.fullmatch(entry.pw_name) and len(found) < _MOST:
            found.append({"name": entry.pw_name} | has)
        else:
            left.append({"code": "account_other", "account": _shown(entry.pw_name)})
    if len(left) > _MOST_LEFT:
        left[_MOST_LEFT - 1 :] = [{"code": "accounts_more", "count": len(left) - _MOST_LEFT + 1}]
    return {"accounts": found, "left": left}


def _shown(name: str) -> str:
    """A name as it may be printed: whoever can make accounts chose it."""
    return "".join(sign if sign.isprintable() else "?" for sign in name)[:64]


def rotate(request: dict[str, Any]) -> dict[str, Any]:
    """Set what the controller made: for each account a password, a public key, or both.

    Raises:
        RefusedError: a name or a secret of a wrong shape, or a program that refuses; what was done before it stays.
    """
    rows = request["accounts"]
    if any(not _NAME.fullmatch(row["name"]) or row["name"] in request["keep"] for row in rows):
        raise RefusedError("an account's name has a wrong shape, or manages this host")
    done = []
    with locked("restore"):
        aside = AREA / "rotated" / now().replace(":", "")
        aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        for row in rows:
            entry = pwd.getpwnam(row["name"])
            proofs, result = [], {"name": entry.pw_name}
            if "password" in row:
                result["digest"] = _set_password(entry.pw_name, row["password"], proofs)
            if "public" in row:
                result["key_files"] = _set_key(entry, row["public"], aside, proofs)
            done.append(result | {"proofs": proofs})
    return {"accounts": done}


def _field(name: str) -> str:
    with Path("/etc/shadow").open(encoding="utf-8", errors="replace") as lines:
        return next((line.split(":")[1] for line in lines if line.startswith(name + ":")), "*")


def _is_set(field: str) -> bool:
    return field.lstrip("!").startswith("$")


def _set_password(name: str, password: str, proofs: list[dict[str, Any]]) -> str:
    """A new password; a locked account stays locked. Gives the digest that a scan will see while it is unlocked."""
    if not _SECRET.fullmatch(password):
        raise RefusedError("a new password has a wrong shape")
    old = _field(name)
    _run(["chpasswd", "-c", "SHA512"], f"{name}:{password}\n")
    fresh = _field(name)
    if old.startswith("!"):
        _run(["chpasswd", "-e"], f"{name}:!{fresh}\n")
    changed = _is_set(fresh) and fresh.lstrip("!") != old.lstrip("!")
    proofs.append({"name": "old_password", "account": name, "side": "host", "passed": changed, "detail": {}})
    return hashlib.sha256(f"{name}:{fresh}".encode()).hexdigest()[:16]


def _run(command: list[str], given: str) -> None:
    done = run(command, given.encode())
    if done.returncode:
        raise RefusedError(f"{command[0]}: {last_words(done.stderr)}", "accounts before this one have new secrets")


@contextlib.contextmanager
def _folder(entry: pwd.struct_passwd) -> Iterator[int | None]:
    """The account's .ssh, opened without following a link; None where there is none of its own."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    opened: list[int] = []
    try:
        opened.append(os.open(entry.pw_dir, flags))
        opened.append(os.open(".ssh", flags, dir_fd=opened[0]))
        yield opened[1] if os.fstat(opened[1]).st_uid in (0, entry.pw_uid) else None
    except (FileNotFoundError, NotADirectoryError):
        if len(opened) == 2:
            raise
        yield None
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _read(name: str, folder: int) -> bytes:
    """The first bytes of a regular file; empty where the file is missing or is not a regular file."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):  # nothing, a link, a socket
            return b""
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        with os.fdopen(descriptor, "rb", closefd=False) as handle:
            return handle.read(_LARGEST)
    finally:
        os.close(descriptor)


def _is_linked(entry: pwd.struct_passwd) -> bool:
    """Whether the account's keys lie behind a link: nobody knows whose folder that is."""
    folder = Path(entry.pw_dir, ".ssh")
    return folder.is_symlink() or (Path(entry.pw_dir).is_symlink() and folder.is_dir())


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _names() -> list[str]:
    return [name + suffix for name in _FILES for suffix in ("", _LOCKED)]


def _has_keys(entry: pwd.struct_passwd) -> bool:
    """Whether a file of keys holds one, is a link, or is too long to be read whole.

    Raises:
        OSError: It can't be read.
    """
    with _folder(entry) as folder:
        return folder is not None and any(_may_hold_keys(name, folder) for name in _names())


def _may_hold_keys(name: str, folder: int) -> bool:
    text = _read(name, folder)
    return len(text) == _LARGEST or _KEY_LINE.search(text) is not None or _is_link(name, folder)


def _set_key(entry: pwd.struct_passwd, public: str, aside: Path, proofs: list[dict[str, Any]]) -> list[str]:
    """One new key in the place of all others; the old files are set aside. Gives the paths written."""
    if not _PUBLIC.fullmatch(public):
        raise RefusedError("a new public key has a wrong shape")
    content, written = f"{public} ungcuu\n".encode(), []
    with _folder(entry) as folder:
        if folder is None:
            raise RefusedError(
                f"{entry.pw_name} has no folder for keys of its own", "earlier accounts have new secrets"
            )
        for name in _names():
            if not (_read(name, folder) or _is_link(name, folder)):
                continue
            _set_aside(name, folder, aside / f"{entry.pw_name}.{name}")
            if not written:
                _write(name, folder, content, entry)
                written.append(f"{entry.pw_dir}/.ssh/{name}")
        left = [
            name for name in _names() if _is_link(name, folder) or ((text := _read(name, folder)) and text != content)
        ]
    seen = {"code": "named", "names": left} if left else {}
    proofs.append({"name": "old_keys", "account": entry.pw_name, "side": "host", "passed": not left, "detail": seen})
    return written


def _set_aside(name: str, folder: int, aside: Path) -> None:
    """Move a file as it is, whole and with its owner and times; from another file system its beginning is copied."""
    try:
        os.rename(name, aside, src_dir_fd=folder)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        linked = _is_link(name, folder)
        aside.write_bytes(os.fsencode(os.readlink(name, dir_fd=folder)) if linked else _read(name, folder))
        os.unlink(name, dir_fd=folder)


def _write(name: str, folder: int, content: bytes, entry: pwd.struct_passwd) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as handle:
        os.fchown(handle.fileno(), entry.pw_uid, entry.pw_gid)
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
