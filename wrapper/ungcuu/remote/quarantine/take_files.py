"""Files out of use: moved whole, single lines taken out of them, rights set back."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import subprocess
import time
from typing import Any

from ungcuu.remote.config import CONFIG
from ungcuu.remote.quarantine.basis import ENVIRONMENT, Action, Answer, RefusedError
from ungcuu.remote.quarantine.files import carry, describe, disarm, look, opened, replace, unlock, write_new
from ungcuu.remote.quarantine.paths import place, store

LINE_FILE_LIMIT = 16 << 20


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
        check_sudoers(base64.b64decode(action["path"]), after)
        if CONFIG.get("check"):
            return {"outcome": "would", "known": known}
        known["flags"] = unlock(handle, name)
        with store(action["id"]) as kept:
            write_new(kept, b"content", before)
            note(kept, action, known, "taken")
        replace(handle, name, after, known)
    return {"outcome": "done", "known": known}


def line_digest(line: bytes) -> str:
    """The hash under which the reader reported the line: without its end."""
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
