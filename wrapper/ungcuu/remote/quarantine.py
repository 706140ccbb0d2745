"""Take things out of use on this host, each with what is needed to put it back. Nothing is deleted.

Runs on the managed host as ``python3 -I -S -`` as root, from standard input. It prints one JSON object an action.

What holds:

1. A path is walked from ``/`` one folder at a time with ``O_NOFOLLOW``: no link leads out of it, none is followed.
2. The manifest is on disk before the thing moves; a run that breaks off is finished or undone by the next one.
3. A file that is what the baseline says is left alone, whatever the order was.
4. Nothing goes through a shell.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import json
import os
import re
import signal
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ungcuu.remote.config import CONFIG

CHUNK = 1 << 20
LINE_FILE_LIMIT = 16 << 20
GET_FLAGS, SET_FLAGS = 0x80086601, 0x40086602  # FS_IOC_GETFLAGS, FS_IOC_SETFLAGS
APPEND_ONLY, IMMUTABLE = 0x20, 0x10
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?")
UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,200}\.(?:service|timer|path|socket|mount|automount|target|slice)")

Action = dict[str, Any]
Answer = dict[str, Any]


class RefusedError(Exception):
    """The action is not done: it would touch something that it must not, or that is not what was ordered."""


# --- paths ----------------------------------------------------------------------------------------------------------


@contextmanager
def folder(path: bytes, make: bool = False) -> Iterator[int]:
    """A descriptor of a folder, reached without following any link.

    Raises:
        FileNotFoundError: A part of the path does not exist.
        RefusedError: A part of the path is a link.
    """
    handle = os.open(b"/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in [part for part in path.split(b"/") if part]:
            if part in (b".", b".."):
                raise RefusedError("the path is not plain")
            if make:
                make_folder(part, handle)
            deeper = step_into(part, handle)
            os.close(handle)
            handle = deeper
        yield handle
    finally:
        os.close(handle)


def step_into(part: bytes, handle: int) -> int:
    """Open one folder below another."""
    try:
        return os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise RefusedError("a part of the path is a link or no folder") from error
        raise


def make_folder(part: bytes, handle: int) -> None:
    """Make one folder if it is missing."""
    try:
        os.mkdir(part, 0o700, dir_fd=handle)
    except FileExistsError:
        return


@contextmanager
def place(action: Action) -> Iterator[tuple[int, bytes]]:
    """(descriptor of the parent, name) of the action's path."""
    path = base64.b64decode(action["path"])
    parent, name = os.path.split(path)
    if not path.startswith(b"/") or not name or name in (b".", b"..") or b"\0" in path:
        raise RefusedError("the path is not plain")
    with folder(parent) as handle:
        yield handle, name


@contextmanager
def store(identity: str) -> Iterator[int]:
    """The folder of one quarantined thing, of root alone."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,80}", identity):
        raise RefusedError("the quarantine id is not plain")
    base = os.fsencode(CONFIG["store"])
    with folder(base, make=True) as handle:
        os.fchown(handle, 0, 0)
        os.fchmod(handle, 0o700)
    with folder(base + b"/" + identity.encode(), make=True) as handle:
        os.fchown(handle, 0, 0)
        yield handle


# --- one file -------------------------------------------------------------------------------------------------------


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


# --- actions --------------------------------------------------------------------------------------------------------


def move(action: Action) -> Answer:
    """Move a file, link, socket or pipe to quarantine."""
    with place(action) as (handle, name):
        info = look(handle, name)
        if info is None:
            return {"outcome": "gone"}
        if stat.S_ISDIR(info.st_mode):
            raise RefusedError("folders are not moved, only what is in them")
        known = describe(handle, name, info)
        if action.get("keep") and known["sha256"] == action["keep"]:
            return {"outcome": "good"}
        if CONFIG.get("check"):
            return {"outcome": "would", "known": known}
        known["flags"] = unlock(handle, name)
        with store(action["id"]) as kept:
            note(kept, action, known, "taking")
            carry(handle, name, kept, b"content")
            disarm(kept, b"content")
            note(kept, action, known, "taken")
    return {"outcome": "done", "known": known}


def note(kept: int, action: Action, known: dict[str, Any], state: str) -> None:
    """Write the manifest beside what is kept."""
    manifest = {"action": action, "known": known, "state": state, "time": int(time.time())}
    write_new(kept, b"manifest.json", json.dumps(manifest, sort_keys=True).encode())


def remove_lines(action: Action) -> Answer:
    """Take exactly these lines out of a shared file; the file as it was is kept."""
    unwanted = set(action["lines"])
    with place(action) as (handle, name):
        info = look(handle, name)
        if info is None:
            return {"outcome": "gone"}
        if not stat.S_ISREG(info.st_mode) or info.st_size > LINE_FILE_LIMIT:
            raise RefusedError("not a regular file of usual size")
        known = describe(handle, name, info)
        with os.fdopen(opened(handle, name), "rb") as file:
            before = file.read()
        after = b"".join(line for line in before.splitlines(keepends=True) if line_digest(line) not in unwanted)
        if after == before:
            return {"outcome": "gone"}
        known["after"] = hashlib.sha256(after).hexdigest()
        if CONFIG.get("check"):
            return {"outcome": "would", "known": known}
        check_sudoers(base64.b64decode(action["path"]), after)
        known["flags"] = unlock(handle, name)
        with store(action["id"]) as kept:
            write_new(kept, b"content", before)
            note(kept, action, known, "taken")
        replace(handle, name, after, known)
    return {"outcome": "done", "known": known}


def line_digest(line: bytes) -> str:
    """The hash under which the reader told the line: without its end."""
    return hashlib.sha256((line.splitlines() or [b""])[0]).hexdigest()


def check_sudoers(path: bytes, data: bytes) -> None:
    """A broken sudoers file locks everyone out, us first."""
    if not path.startswith(b"/etc/sudoers"):
        return
    done = subprocess.run(
        ["visudo", "-c", "-f", "-"], input=data, capture_output=True, env=ENVIRONMENT, timeout=20, check=False
    )
    if done.returncode != 0:
        raise RefusedError("sudo would no longer accept the file without these lines")


def replace(handle: int, name: bytes, data: bytes, known: dict[str, Any]) -> None:
    """Put new content in place of a file, with its owner, rights and attributes."""
    temporary = b"." + name[:200] + b".ungcuu"
    write_new(handle, temporary, data)
    dress(handle, temporary, known)
    os.rename(temporary, name, src_dir_fd=handle, dst_dir_fd=handle)
    os.fsync(handle)


def run(*argv: str) -> tuple[int, str]:
    """Run a program of the host; (exit code, what it said)."""
    try:
        done = subprocess.run(argv, capture_output=True, env=ENVIRONMENT, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 255, type(error).__name__
    return done.returncode, (done.stdout + done.stderr)[-300:].decode("utf-8", "backslashreplace")


def stop_unit(action: Action) -> Answer:
    """Stop and disable a unit, quarantine its file, and mask its name so that nothing can start it again."""
    unit = action["unit"]
    if not UNIT.fullmatch(unit) or unit.startswith("-"):
        raise RefusedError("the unit's name is not plain")
    enabled = run("systemctl", "is-enabled", "--", unit)[1].strip()[:40]
    active = run("systemctl", "is-active", "--", unit)[1].strip()[:40]
    with place(action) as (handle, name):
        info = look(handle, name)
        if info is None or (stat.S_ISLNK(info.st_mode) and os.readlink(name, dir_fd=handle) == b"/dev/null"):
            return {"outcome": "gone"}
    if CONFIG.get("check"):
        return move(action)
    run("systemctl", "disable", "--now", "--", unit)
    answer = move(action)
    run("systemctl", "daemon-reload")
    run("systemctl", "stop", "--", unit)
    run("systemctl", "mask", "--", unit)
    run("systemctl", "reset-failed", "--", unit)
    if answer["outcome"] == "done":
        answer["known"] |= {"enabled": enabled, "active": active}
    return answer


def account_row(name: str) -> list[str]:
    """The account's row of /etc/passwd, then the eighth field of its shadow row."""
    code, passwd = run("getent", "passwd", "--", name)
    code_shadow, shadow = run("getent", "shadow", "--", name)
    if code or code_shadow or len(passwd.strip().split(":")) != 7 or len(shadow.strip().split(":")) != 9:
        return []
    return [*passwd.strip().split(":"), shadow.split(":")[7], shadow.split(":")[1][:1]]


def lock_account(action: Action) -> Answer:
    """Lock the password, let the account expire, and give it a shell without login. Nothing of it is removed."""
    name = action["account"]
    if not NAME.fullmatch(name) or name in ("root", *CONFIG.get("protected", [])):
        raise RefusedError("this account is not locked by ungcuu")
    row = account_row(name)
    if not row:
        return {"outcome": "gone"}
    if row[6].endswith("/nologin") and row[7] == "1":
        return {"outcome": "gone"}
    known = {"shell": row[6], "expires": row[7], "locked": row[8] in ("!", "*"), "type": "account"}
    if CONFIG.get("check"):
        return {"outcome": "would", "known": known}
    with store(action["id"]) as kept:
        note(kept, action, known, "taken")
    code, said = run("usermod", "--lock", "--expiredate", "1", "--shell", "/usr/sbin/nologin", "--", name)
    if code:
        raise RefusedError(said)
    return {"outcome": "done", "known": known}


def remove_member(action: Action) -> Answer:
    """Take an account out of a group."""
    name, group = action["account"], action["group"]
    if not (NAME.fullmatch(name) and NAME.fullmatch(group)) or name in CONFIG.get("protected", []):
        raise RefusedError("this membership is not changed by ungcuu")
    members = run("getent", "group", "--", group)[1].strip().rpartition(":")[2].split(",")
    if name not in members:
        return {"outcome": "gone"}
    if CONFIG.get("check"):
        return {"outcome": "would", "known": {"type": "member"}}
    with store(action["id"]) as kept:
        note(kept, action, {"type": "member"}, "taken")
    code, said = run("gpasswd", "--delete", name, group)
    if code:
        raise RefusedError(said)
    return {"outcome": "done", "known": {"type": "member"}}


def set_mode(action: Action) -> Answer:
    """Give a file the owner and rights of the baseline."""
    with place(action) as (handle, name):
        info = look(handle, name)
        if info is None:
            return {"outcome": "gone"}
        if not stat.S_ISREG(info.st_mode) and not stat.S_ISDIR(info.st_mode):
            raise RefusedError("not a regular file or folder")
        wanted = (action["uid"], action["gid"], action["mode"])
        if (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == wanted:
            return {"outcome": "gone"}
        known = describe(handle, name, info)
        if CONFIG.get("check"):
            return {"outcome": "would", "known": known}
        with store(action["id"]) as kept:
            note(kept, action, known, "taken")
        file = opened(handle, name)
        try:
            os.fchown(file, action["uid"], action["gid"])
            os.fchmod(file, action["mode"])
        finally:
            os.close(file)
    return {"outcome": "done", "known": known}


def kill(action: Action) -> Answer:
    """End one process, the very one that was seen: pid and start time together."""
    pid = int(action["pid"])
    if pid <= 1 or pid == os.getpid():
        raise RefusedError("this process is not ended by ungcuu")
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return {"outcome": "gone"}
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            start = file.read().rpartition(b")")[2].split()[19].decode()
        if start != str(action["start"]):
            return {"outcome": "gone"}
        if CONFIG.get("check"):
            return {"outcome": "would", "known": {"type": "process"}}
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        return {"outcome": "gone"}
    finally:
        os.close(handle)
    return {"outcome": "done", "known": {"type": "process"}}


# --- the way back ---------------------------------------------------------------------------------------------------


def put_back(action: Action) -> Answer:
    """Undo one action with what the controller remembers of it; the host's own manifest is not believed."""
    return BACK[action["do"]](action, action["known"])


def file_back(action: Action, known: dict[str, Any]) -> Answer:
    """The file returns to its place, unless something stands there now."""
    with place(action) as (handle, name), store(action["id"]) as kept:
        if look(kept, b"content") is None:
            return {"outcome": "gone"}
        if digest(kept, b"content") != known["sha256"]:
            raise RefusedError("what is in quarantine is no longer what was put there")
        if look(handle, name) is not None:
            raise RefusedError("something else stands in its place now")
        if CONFIG.get("check"):
            return {"outcome": "would"}
        carry(kept, b"content", handle, name)
        dress(handle, name, known)
        note(kept, action, known, "put back")
    return {"outcome": "done"}


def lines_back(action: Action, known: dict[str, Any]) -> Answer:
    """The file as it was before its lines were taken, unless it was changed since."""
    with place(action) as (handle, name), store(action["id"]) as kept:
        now = digest(handle, name)
        if now == known["sha256"]:
            return {"outcome": "gone"}
        if now != known["after"]:
            raise RefusedError("the file was changed since; compare it with the copy in quarantine")
        with os.fdopen(opened(kept, b"content"), "rb") as file:
            before = file.read(LINE_FILE_LIMIT + 1)
        if hashlib.sha256(before).hexdigest() != known["sha256"]:
            raise RefusedError("what is in quarantine is no longer what was put there")
        if CONFIG.get("check"):
            return {"outcome": "would"}
        replace(handle, name, before, known)
        note(kept, action, known, "put back")
    return {"outcome": "done"}


def unit_back(action: Action, known: dict[str, Any]) -> Answer:
    """The unit's file and its wish to start; it is not started."""
    if not CONFIG.get("check") and UNIT.fullmatch(action["unit"]):
        run("systemctl", "unmask", "--", action["unit"])
    answer = file_back(action, known)
    if answer["outcome"] == "done":
        run("systemctl", "daemon-reload")
        if known.get("enabled") == "enabled":
            run("systemctl", "enable", "--", action["unit"])
    return answer


def account_back(action: Action, known: dict[str, Any]) -> Answer:
    """The account may log in as before."""
    if not NAME.fullmatch(action["account"]) or not re.fullmatch(r"[A-Za-z0-9/_.-]{0,100}", known["shell"]):
        raise RefusedError("the account's data are not plain")
    row = account_row(action["account"])
    if not row or row[6] == known["shell"]:
        return {"outcome": "gone"}
    if CONFIG.get("check"):
        return {"outcome": "would"}
    expires = known["expires"] if re.fullmatch(r"\d{1,6}", known["expires"]) else ""
    unlock_it = [] if known["locked"] else ["--unlock"]
    code, said = run("usermod", "--expiredate", expires, "--shell", known["shell"], *unlock_it, "--", action["account"])
    if code:
        raise RefusedError(said)
    return {"outcome": "done"}


def member_back(action: Action, _known: dict[str, Any]) -> Answer:
    """The account is in the group again."""
    if not (NAME.fullmatch(action["account"]) and NAME.fullmatch(action["group"])):
        raise RefusedError("the names are not plain")
    code, said = (0, "") if CONFIG.get("check") else run("gpasswd", "--add", action["account"], action["group"])
    if code:
        raise RefusedError(said)
    return {"outcome": "would" if CONFIG.get("check") else "done"}


def mode_back(action: Action, known: dict[str, Any]) -> Answer:
    """Owner and rights as they were found."""
    return set_mode({**action, "uid": known["uid"], "gid": known["gid"], "mode": known["mode"]})


DO: dict[str, Callable[[Action], Answer]] = {
    "move": move,
    "remove_lines": remove_lines,
    "stop_unit": stop_unit,
    "lock_account": lock_account,
    "remove_member": remove_member,
    "set_mode": set_mode,
    "kill": kill,
}
BACK: dict[str, Callable[[Action, dict[str, Any]], Answer]] = {
    "move": file_back,
    "remove_lines": lines_back,
    "stop_unit": unit_back,
    "lock_account": account_back,
    "remove_member": member_back,
    "set_mode": mode_back,
}


def perform(action: Action) -> Answer:
    """Do one action; whatever goes wrong with it must not keep the others from being done."""
    try:
        return put_back(action) if CONFIG.get("put_back") else DO[action["do"]](action)
    except FileNotFoundError:
        return {"outcome": "gone"}
    except RefusedError as error:
        return {"outcome": "refused", "why": str(error)[:300]}
    except Exception as error:
        return {"outcome": "failed", "why": f"{type(error).__name__}: {error}"[:300]}


def main() -> None:
    """Perform the actions in their order."""
    os.umask(0o077)
    for action in CONFIG.get("actions", []):
        sys.stdout.write(json.dumps({"id": action["id"], **perform(action)}) + "\n")
        sys.stdout.flush()
    sys.stdout.write(json.dumps({"end": True}) + "\n")
