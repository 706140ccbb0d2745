"""What every action stands on: its terms, the refusal, and how another program is run."""

from __future__ import annotations

import re
import subprocess
from typing import Any

CHUNK = 1 << 20
Action = dict[str, Any]
Answer = dict[str, Any]
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?")
UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,200}\.(?:service|timer|path|socket|mount|automount|target|slice)")


class RefusedError(Exception):
    """The action is not done: it would touch something that it must not, or that is not what was ordered."""


def run(*argv: str) -> tuple[int, str]:
    """Run a program of the host; (exit code, what it said)."""
    try:
        done = subprocess.run(argv, capture_output=True, env=ENVIRONMENT, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 255, type(error).__name__
    return done.returncode, (done.stdout + done.stderr)[-300:].decode("utf-8", "backslashreplace")
