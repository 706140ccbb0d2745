"""What everything here reads and reports with: quiet opening, one JSON object a line, the time budget."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time

from ungcuu.remote.config import CONFIG

STARTED = time.monotonic()
CHUNK = 1 << 20
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}


class OutOfTimeError(Exception):
    """The time budget of the whole reading is used up."""


def escaped(raw: bytes) -> str:
    """Bytes as reversible printable text: a backslash is doubled, what is not printable UTF-8 becomes ``\\xNN``."""
    if raw.isascii() and b"\\" not in raw:
        text = raw.decode("ascii")
        if text.isprintable():
            return text
    parts = []
    for char in raw.decode("utf-8", "surrogateescape"):
        if char == "\\":
            parts.append("\\\\")
        elif char.isprintable() and not "\udc80" <= char <= "\udcff":
            parts.append(char)
        else:
            parts.extend(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
    return "".join(parts)


def emit(kind: str, **fields: object) -> None:
    """Print one record."""
    sys.stdout.write(json.dumps({"k": kind, **{k: shown(v) for k, v in fields.items()}}, separators=(",", ":")) + "\n")


def shown(value: object) -> object:
    """Text of other programs in the printable form; text that already is stays as it is."""
    if isinstance(value, str) and not value.isprintable():
        return escaped(value.encode("utf-8", "surrogateescape"))
    return value


def tick() -> None:
    """Raises: OutOfTimeError when the budget is used up."""
    if time.monotonic() - STARTED > CONFIG.get("seconds", 60):
        raise OutOfTimeError


def run(*argv: str, feed: str | None = None) -> str:
    """Standard output of a program of this host, empty when it can't be run; at most 20 s, or a ninth of all time."""
    seconds = max(20, int(CONFIG.get("seconds", 60)) // 9)
    # systemd's own clients give up after 25 s, whatever is waited for them.
    environment = ENVIRONMENT | {"SYSTEMD_BUS_TIMEOUT": str(seconds)}
    try:
        done = subprocess.run(
            argv, capture_output=True, timeout=seconds, env=environment, input=(feed or "").encode(), check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "backslashreplace") if done.returncode == 0 else ""


def demand(known: bool) -> None:
    """Nothing where there must be something is no reading.

    Raises:
        LookupError: Reported to the controller, which does not take silence for innocence.
    """
    if not known:
        raise LookupError


def open_quietly(path: bytes) -> int:
    """A read-only descriptor that follows no link, never blocks and leaves the access time alone."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(path, flags)


def read_small(path: bytes, limit: int = CHUNK) -> bytes:
    """The first ``limit`` bytes of a regular file, empty when there is none."""
    try:
        handle = open_quietly(path)
    except OSError:
        return b""
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return b""
        return file.read(limit)
