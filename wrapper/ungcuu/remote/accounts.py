"""Lock accounts of this host and of the site's application, and give back what undoes it. Standard library only.

1. The management account, and whatever shares its user id or its home, is never touched.
2. Nothing is deleted: passwords and hashes get a mark in front, keys and session records another name, and processes
   are stopped (SIGSTOP), so that their memory stays evidence.
3. Homes belong to people who may be the intruder: no link in them is followed.
4. What is locked already is left as it is, and is not unlocked later.
"""

from __future__ import annotations

import os
import pwd
import re
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

KEYS = ("authorized_keys", "authorized_keys2")
SUFFIX = ".ungcuu-locked"
NEVER_VALID = "!ungcuu!"
LONG_AGO = "1970-01-02"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?")
_TABLE = re.compile(r"[A-Za-z0-9_]{1,64}")


class Failed(Exception):
    """A program refused; the message says which."""


def run(argv: list[str], stdin: str = "") -> str:
    """Run a program; give what it printed."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, errors="replace", check=False, timeout=60)
    if done.returncode:
        raise Failed(f"{argv[0]} {argv[-1]}: {done.stderr.strip()[-300:]}")
    return done.stdout


def candidates(keep: list[str], wanted: list[str]) -> tuple[list[pwd.struct_passwd], list[str]]:
    """Accounts to lock, and those that are left alone with the reason. Without names: everybody who can log in."""
    kept = [entry for entry in pwd.getpwall() if entry.pw_name in keep]
    found, left = [], []
    for entry in pwd.getpwall():
        chosen = entry.pw_name in wanted if wanted else can_log_in(entry)
        if not chosen or not _NAME.fullmatch(entry.pw_name):
            continue
        if entry.pw_name in keep or any(entry.pw_uid == own.pw_uid for own in kept):
            left.append(f"{entry.pw_name}: manages this host, or shares the user id of the account that does")
        else:
            found.append(entry)
    missing = set(wanted) - {entry.pw_name for entry in pwd.getpwall()}
    return found, left + [f"{name}: no such account" for name in sorted(missing)]


def can_log_in(entry: pwd.struct_passwd) -> bool:
    """Whether this is an account of a person, or root."""
    shell = entry.pw_shell.rpartition("/")[2]
    return shell not in ("nologin", "false", "sync", "") and (entry.pw_uid == 0 or 1000 <= entry.pw_uid < 65000)


def shadow(name: str) -> tuple[str, str]:
    """The password field and the day of expiry."""
    with Path("/etc/shadow").open(encoding="utf-8", errors="replace") as file:
        for line in file:
            fields = line.rstrip("\n").split(":")
            if fields[0] == name and len(fields) >= 8:
                return fields[1], fields[7]
    return "*", ""


def lock(entry: pwd.struct_passwd, *, check: bool) -> dict[str, Any]:
    """Lock one account; give what undoes it. With ``check`` nothing is locked, and the answer is the same."""
    undo: dict[str, Any] = {"name": entry.pw_name, "uid": entry.pw_uid}
    password, expires = shadow(entry.pw_name)
    if not password.startswith("!"):
        undo["password"] = True
        if not check:
            run(["usermod", "-L", entry.pw_name])
    # An expired root would stop root's own cron jobs, those of the system among them.
    if entry.pw_uid != 0 and expires != "1":
        undo["expires"] = expires
        if not check:
            run(["usermod", "-e", LONG_AGO, entry.pw_name])
    undo["keys"] = rename_keys(entry, "", SUFFIX, check=check)
    undo["stopped"] = 0 if check else halt(entry.pw_uid, signal.SIGSTOP)
    return undo


def unlock(undo: dict[str, Any]) -> None:
    """Undo a lock."""
    name = str(undo["name"])
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return
    if undo.get("password") and shadow(name)[0] not in ("!", "!!"):
        run(["usermod", "-U", name])
    if "expires" in undo:
        day = str(undo["expires"])
        run(["chage", "-E", day if day.isdecimal() else "-1", name])
    if undo.get("keys"):
        rename_keys(entry, SUFFIX, "")
    if undo.get("stopped"):
        halt(entry.pw_uid, signal.SIGCONT)


def rename_keys(entry: pwd.struct_passwd, old: str, new: str, *, check: bool = False) -> list[str]:
    """Give the files of keys another name, without following a link anywhere below the home; give which.

    With ``check`` they keep their names.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    renamed = []
    try:
        home = os.open(entry.pw_dir, flags)
    except OSError:
        return []
    try:
        folder = os.open(".ssh", flags, dir_fd=home)
    except OSError:
        return []
    finally:
        os.close(home)
    try:
        if os.fstat(folder).st_uid not in (0, entry.pw_uid):
            return []
        for key in KEYS:
            if exists(key + old, folder) and not exists(key + new, folder):
                if not check:
                    os.rename(key + old, key + new, src_dir_fd=folder, dst_dir_fd=folder)
                renamed.append(key)
    finally:
        os.close(folder)
    return renamed


def exists(name: str, folder: int) -> bool:
    """Whether something of that name is in the folder."""
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) != 0
    except FileNotFoundError:
        return False


def halt(uid: int, number: int) -> int:
    """Send a signal to all processes of a person; those of root and of services go on."""
    if uid < 1000:
        return 0
    count = 0
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and process.stat().st_uid == uid:
                os.kill(int(process.name), number)
                count += 1
        except OSError:
            continue
    return count


# --- the site's application ---------------------------------------------------------------------------------------


def wordpress(database: str, *, locking: bool, check: bool = False) -> int:
    """Lock or unlock every account of a WordPress site, its sessions and application passwords; give how many.

    With ``check`` they are only counted.
    """
    if not _TABLE.fullmatch(database):
        raise Failed("the database's name can't be used")
    query = f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{database}'"  # noqa: S608
    tables = set(run(["mariadb", "-N", "--batch"], query).split())
    count = 0
    for users in sorted(table for table in tables if table.endswith("users") and _TABLE.fullmatch(table)):
        meta = f"{users[:-5]}usermeta"
        if meta in tables and _TABLE.fullmatch(meta):
            query = counting(users, locking=locking) if check else statements(users, meta, locking=locking)
            count += int(run(["mariadb", "-N", "--batch", database], query).split()[0])
    return count


def counting(users: str, *, locking: bool) -> str:
    """SQL that counts the accounts which `statements` would change."""
    return f"SELECT COUNT(*) FROM {users} WHERE user_pass {'NOT ' if locking else ''}LIKE '{NEVER_VALID}%';\n"  # noqa: S608


def statements(users: str, meta: str, *, locking: bool) -> str:
    """SQL that locks or unlocks; each can be run again without effect."""
    names = [("session_tokens", "ungcuu_session_tokens"), ("_application_passwords", "ungcuu_application_passwords")]
    if locking:
        change = f"UPDATE {users} SET user_pass = CONCAT('{NEVER_VALID}', user_pass) WHERE user_pass NOT LIKE '{NEVER_VALID}%'"  # noqa: S608, E501
    else:
        change = f"UPDATE {users} SET user_pass = SUBSTRING(user_pass, {len(NEVER_VALID) + 1}) WHERE user_pass LIKE '{NEVER_VALID}%'"  # noqa: S608, E501
    lines = ["START TRANSACTION", change, "SELECT ROW_COUNT()"]
    for plain, put_by in names:
        old, new = (plain, put_by) if locking else (put_by, plain)
        lines.append(f"UPDATE {meta} SET meta_key = '{new}' WHERE meta_key = '{old}'")  # noqa: S608
    return ";\n".join([*lines, "COMMIT"]) + ";\n"


def perform(order: dict[str, Any]) -> dict[str, Any]:
    """Lock, or undo; in check mode say what would be done, and do nothing."""
    check = bool(order["check"])
    if order["state"] == "unlocked" and check:
        rows = [{"name": undo["name"], "uid": undo.get("uid")} for undo in order["undo"].get("accounts", [])]
        site = wordpress(order["database"], locking=False, check=True) if order["undo"].get("site") else 0
        return {"accounts": rows, "site": site, "left": []}
    if order["state"] == "unlocked":
        for undo in order["undo"].get("accounts", []):
            unlock(undo)
        site = wordpress(order["database"], locking=False) if order["undo"].get("site") else 0
        return {"accounts": [], "site": site, "left": []}
    found, left = candidates(order["keep"], order["accounts"])
    accounts = [lock(entry, check=check) for entry in found]
    site = 0
    if order["application"] == "wordpress" and order["engine"] == "mariadb":
        site = wordpress(order["database"], locking=True, check=check)
    elif order["application"]:
        place = f"{order['application']} on {order['engine'] or 'no database'}"
        left.append(f"NOT locked: the accounts of the site ({place}); lock them there, or keep the site isolated")
    return {"accounts": accounts, "site": site, "left": left}


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome; what failed is an answer too."""
    try:
        return perform(order)
    except (Failed, OSError, KeyError, ValueError, subprocess.TimeoutExpired) as error:
        return {"failed": True, "msg": f"{type(error).__name__}: {error}"}
