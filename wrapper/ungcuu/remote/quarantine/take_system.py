"""Units, accounts, memberships and processes out of use."""

from __future__ import annotations

import os
import signal
import stat

from ungcuu.remote.config import CONFIG
from ungcuu.remote.quarantine.basis import NAME, UNIT, Action, Answer, RefusedError, run
from ungcuu.remote.quarantine.files import look
from ungcuu.remote.quarantine.paths import place, store
from ungcuu.remote.quarantine.take_files import move, note


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
