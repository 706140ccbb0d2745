"""Starts one ssh: with its own log in memory, and in a session of its own.

Only what a start needs is imported: a cut begins with this before anything else of ungcuu is there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence


def own_log() -> int:
    """Return a descriptor in memory for ssh's own messages: it needs no disk and the host can't write to it."""
    return os.memfd_create("ssh-log", os.MFD_CLOEXEC)


def start(command: Sequence[str], log: int) -> subprocess.Popen[bytes]:
    """Start ssh in a session of its own, so that a Ctrl-C reaches this program first and it decides.

    ssh closes what it inherits, so it opens the log through this process's own entry in /proc.
    """
    return subprocess.Popen(
        [command[0], "-E", f"/proc/{os.getpid()}/fd/{log}", *command[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Leave no ssh behind: what was cut short would go on and act on the host."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
