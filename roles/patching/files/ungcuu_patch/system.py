"""Commands, files and faults: what every other part of the program stands on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HOME = Path("/var/lib/ungcuu/patch")
UNIT = "ungcuu-patch"
ARCHIVES = Path("/var/cache/apt/archives")
MAX_WORDS = 600
# Nothing may ask, page, list changes or restart services behind our back.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    "NEEDRESTART_SUSPEND": "1",
    "UCF_FORCE_CONFFOLD": "1",
}


class Fault(Exception):
    """Something that stops the work: a code for programs, words for people."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words

    def record(self) -> dict[str, str]:
        """The fault as data."""
        return {"code": self.code, "words": self.words[:MAX_WORDS]}


def run(command: Sequence[str], timeout: float = 900, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command with our environment and keep what it says, whatever its exit code.

    Raises:
        Fault: ``timeout``; the command and all that it started are gone then.
    """
    with subprocess.Popen(
        list(command),
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        **more,
    ) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            # apt gives dpkg a session of its own: ended alone, it would leave a hanging script behind, with the lock.
            for pid in family(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            raise Fault("timeout", f"{command[0]} did not end within {timeout:.0f} s and was stopped") from None
    return subprocess.CompletedProcess(list(command), process.returncode, out, err)


def family(root: int) -> list[int]:
    """A process and all that it started, children first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            # The parent stands after the command's name, which is in brackets and may hold anything.
            parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, index = [root], 0
    while index < len(found):
        found += children.get(found[index], [])
        index += 1
    return found[::-1]


def tail(text: str, lines: int = 3) -> str:
    """The last lines with text of a program's output, for a message."""
    lines_with_text = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines_with_text[-lines:])[:MAX_WORDS]


def write_json(path: Path, data: object) -> None:
    """Write a file whole or not at all, so that whoever polls it never reads half of one."""
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="ascii") as stream:
        json.dump(data, stream)
        stream.flush()
        os.fsync(stream.fileno())
    partial.rename(path)


def read_json(path: Path) -> dict[str, Any]:
    """What ``write_json`` wrote, or an empty mapping."""
    try:
        data = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
