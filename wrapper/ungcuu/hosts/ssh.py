"""The only way to a host outside Ansible: OpenSSH, with the host key pinned.

What holds for every connection made here:

1. The host key is the enrolled one. An unknown or changed key is ``HostKeyRefused``, never a question.
2. Nothing of the user's own ssh configuration applies: no agent, no forwarding, no password prompt.
3. A black hole is noticed within 30 s (keep-alives), and is ``LOST``: the remote effect may have happened.
4. What ssh itself says travels on its own channel (``-E``), so that a host can't imitate it on standard error.
5. Output is bounded, standard error too: one byte over the quota and the process is killed. Memory is flat while
   streaming.

Only the standard library is imported: the cut of a host off the network starts with this module.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ungcuu.hosts import ssh_process
from ungcuu.hosts.ssh_command import Target, master_command, shared_connection, ssh_command, ssh_options
from ungcuu.hosts.ssh_ending import Ending, HostKeyRefused, judge
from ungcuu.hosts.ssh_pump import PIPE, STDERR_QUOTA, Pump, Reply

# One name for what callers need of the modules beside this one.
__all__ = [
    "Ending",
    "HostKeyRefused",
    "Reply",
    "Result",
    "Streamed",
    "Target",
    "how_it_ended",
    "master_command",
    "run",
    "shared_connection",
    "ssh_command",
    "ssh_options",
    "stream",
]


@dataclass(frozen=True)
class Result:
    """What one command gave back. Bytes come from the host: neutralise them before they are shown."""

    ending: Ending
    returncode: int | None
    stdout: bytes
    stderr: bytes
    seconds: float
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the command ran to its end and said so with 0."""
        return self.ending is Ending.EXITED and self.returncode == 0

    @property
    def unknown(self) -> bool:
        """Whether the remote effect may or may not have happened."""
        return self.ending in (Ending.LOST, Ending.TIMED_OUT, Ending.QUOTA)


@dataclass(frozen=True)
class Streamed:
    """What a streamed command delivered: ``size`` bytes, of this SHA-256, have reached the sink, however it ended."""

    ending: Ending
    returncode: int | None
    size: int
    sha256: str
    stderr: bytes
    seconds: float
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the stream is whole: the command ended with 0 within its quota and time."""
        return self.ending is Ending.EXITED and self.returncode == 0


def run(
    target: Target,
    command: Sequence[str] | str,
    *,
    stdin: bytes = b"",
    timeout: float = 60.0,
    byte_quota: int = 16 << 20,
    control_path: Path | None = None,
) -> Result:
    """Run one command (or, given as one text, a POSIX shell script) and return what it said.

    Args:
        target: The host.
        command: An argv, or a script for ``sh -c``. Never a secret: a process list shows it.
        stdin: Sent to the command's standard input, which is then closed.
        timeout: Seconds for everything, the connection included.
        byte_quota: Most bytes of standard output that are kept; one more ends the command.
        control_path: Socket of a shared connection.

    Raises:
        HostKeyRefused: The host isn't the one that was enrolled.
    """
    kept: list[bytes] = []
    streamed = stream(
        target, command, kept.append, stdin=stdin, timeout=timeout, quota=byte_quota, control_path=control_path
    )
    return Result(
        streamed.ending, streamed.returncode, b"".join(kept), streamed.stderr, streamed.seconds, streamed.detail
    )


def stream(
    target: Target,
    command: Sequence[str] | str,
    sink: Callable[[bytes], object],
    *,
    stdin: bytes = b"",
    reply: Reply | None = None,
    timeout: float = 600.0,
    quota: int = 1 << 40,
    control_path: Path | None = None,
    deadline: Callable[[], float] | None = None,
    hashed: bool = True,
    started: tuple[subprocess.Popen[bytes], int] | None = None,
) -> Streamed:
    """Run a command and hand its standard output to ``sink`` piece by piece, hashed on the way.

    At most ``quota`` bytes reach the sink. An exception of the sink (a full disk) ends the command and is raised.
    ``reply``, in place of ``stdin``, is called with each piece of output until it returns what to send: the command
    says something first, and the answer depends on it, all in one connection.
    ``deadline`` returns a time of the monotonic clock and is asked again after every piece, and ten times a second: a
    command that does one thing after another can be given a limit for each, and can be stopped from another thread.
    ``timeout`` stays the limit of the whole. ``hashed`` is False where the sink hashes by itself: ``sha256`` is empty
    then. ``started``: this very command, started before, and the descriptor of its log.

    Raises:
        HostKeyRefused: The host isn't the one that was enrolled.
    """
    argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
    begun = time.monotonic()
    log = started[1] if started else ssh_process.own_log()
    try:
        pump = Pump(sink, quota, begun + timeout, deadline, hashed)
        process = started[0] if started else ssh_process.start(ssh_command(target, argv, control_path), log)
        try:
            assert process.stdout  # noqa: S101 - a pipe, see ssh_process
            with contextlib.suppress(OSError):
                fcntl.fcntl(process.stdout.fileno(), fcntl.F_SETPIPE_SZ, PIPE)
            cut = pump.run(process, stdin, reply)
        finally:
            ssh_process.end(process)
        said = _read_log(log)
    finally:
        os.close(log)
    digest = pump.digest.hexdigest() if pump.digest else ""
    ending, detail = judge(target, process.returncode, cut, said)
    code = process.returncode if ending is Ending.EXITED else None
    return Streamed(ending, code, pump.size, digest, bytes(pump.stderr), time.monotonic() - begun, detail)


def how_it_ended(target: Target, process: subprocess.Popen[bytes], log: int) -> tuple[Ending, str]:
    """Return how an ssh of :mod:`ssh_process` ended by itself, and what ssh said; ``log`` is the descriptor of its log.

    Raises:
        HostKeyRefused: The host isn't the one that was enrolled.
    """
    return judge(target, process.returncode, None, _read_log(log))


def _read_log(log: int) -> list[str]:
    text = os.pread(log, STDERR_QUOTA, 0).decode("utf-8", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()]
