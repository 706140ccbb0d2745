"""Commands, files and faults: what every other part of the program stands on."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HOME = Path("/var/lib/ungcuu/patch")
UNIT = "ungcuu-patch"
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
    """Run a command with our environment and keep what it says; never raises for an exit code."""
    return subprocess.run(
        list(command),
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
        **more,
    )


def tail(text: str, lines: int = 3) -> str:
    """The last telling lines of a program's output, for a message."""
    telling = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(telling[-lines:])[:MAX_WORDS]


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
