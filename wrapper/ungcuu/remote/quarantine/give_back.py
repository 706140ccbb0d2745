"""The way back of each action, as it was written down before anything was taken."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from typing import Any

from ungcuu.remote.config import CONFIG
from ungcuu.remote.quarantine.basis import NAME, UNIT, Action, Answer, RefusedError, run
from ungcuu.remote.quarantine.files import carry, digest, dress, look, opened, replace
from ungcuu.remote.quarantine.paths import place, store
from ungcuu.remote.quarantine.take_files import LINE_FILE_LIMIT, note, set_mode
from ungcuu.remote.quarantine.take_system import account_row


def file_back(action: Action, known: dict[str, Any]) -> Answer:
    """The file returns to its place, unless something stands there now."""
    with place(action) as (handle, name), store(action["id"]) as kept:
        if look(kept, b"content") is None:
            return {"outcome": "gone"}
        if digest(kept, b"content") != known["sha256"]:
            raise RefusedError("what is in quarantine is no longer what was put there")
        if look(handle, name) is not None and not _is_masked(action, handle, name):
            raise RefusedError("something else stands in its place now")
        if CONFIG.get("check"):
            return {"outcome": "would"}
        carry(kept, b"content", handle, name)
        dress(handle, name, known)
        note(kept, action, known, "put back")
    return {"outcome": "done"}


def _is_masked(action: Action, handle: int, name: bytes) -> bool:
    """Whether our own mask of a unit stands there: in check mode it was not taken away yet."""
    if not (CONFIG.get("check") and action["do"] == "stop_unit"):
        return False
    try:
        return os.readlink(name, dir_fd=handle) == b"/dev/null"
    except OSError:
        return False


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
    known, row = run("getent", "group", "--", action["group"])
    if known:
        raise RefusedError("the group is not there any more")
    if action["account"] in row.strip().rpartition(":")[2].split(","):
        return {"outcome": "gone"}
    if CONFIG.get("check"):
        return {"outcome": "would"}
    code, said = run("gpasswd", "--add", action["account"], action["group"])
    if code:
        raise RefusedError(said)
    return {"outcome": "done"}


def mode_back(action: Action, known: dict[str, Any]) -> Answer:
    """Owner and rights as they were found."""
    return set_mode({**action, "uid": known["uid"], "gid": known["gid"], "mode": known["mode"]})


BACK: dict[str, Callable[[Action, dict[str, Any]], Answer]] = {
    "move": file_back,
    "remove_lines": lines_back,
    "stop_unit": unit_back,
    "lock_account": account_back,
    "remove_member": member_back,
    "set_mode": mode_back,
}


def put_back(action: Action) -> Answer:
    """Undo one action with what the controller remembers of it; the host's own manifest is not believed."""
    return BACK[action["do"]](action, action["known"])
