"""Bounded reading of files and of what programs print. What could not be read is noted, not passed over.

Part of programs that run on a host: standard library only.
"""

from __future__ import annotations

import os
import stat
import subprocess
import time
from pathlib import Path

TEXT = 256 << 10  # bytes of one file
OUTPUT = 2 << 20  # bytes that one program prints
SECONDS = 10.0
LEFT_OUT: list[str] = []
_until = [float("inf")]


def stop_after(seconds: float) -> None:
    """Start no more work once this time is over."""
    _until[0] = time.monotonic() + seconds


def late() -> bool:
    """Whether the time is over."""
    return time.monotonic() > _until[0]


def left_out(what: object, why: object) -> None:
    """Note what was not looked at, and why."""
    if len(LEFT_OUT) < 50:
        LEFT_OUT.append(f"{what}: {why}"[:300])


def printed(*argv: str, needed: bool = True, user: str | None = None) -> str:
    """What a program prints on standard output; empty where it failed, which is noted if the program was needed."""
    if late():
        left_out(argv[0], "no time left")
        return ""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=environment,
            cwd="/",
            user=user or None,
        )
    except (OSError, subprocess.SubprocessError) as error:
        if needed:
            left_out(argv[0], type(error).__name__)
        return ""
    if done.returncode and needed:
        left_out(" ".join(argv[:3]), done.stderr[-200:].decode("utf-8", "replace").strip() or done.returncode)
    if len(done.stdout) > OUTPUT:
        left_out(" ".join(argv[:3]), "too much output")
    return str(done.stdout[:OUTPUT].decode("utf-8", "replace"))


def text_of(path: str, limit: int = TEXT) -> str | None:
    """The text of a regular file, or None. A pipe or device that stands in its place is not waited for."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        data = os.read(fd, limit + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
    if len(data) > limit:
        left_out(path, "longer than what is read")
    return data[:limit].decode("utf-8", "replace")


def texts(pattern: str, root: str = "/") -> dict[str, str]:
    """Path and text of each file below ``root`` that a pattern names."""
    found = {}
    for path in sorted(Path(root).glob(pattern))[:200]:
        text = text_of(str(path))
        if text is not None:
            found[str(path)] = text
    return found
