"""Run a command in a terminal, on a copy of this machine's files, and note what it says, writes, holds and costs.

The copy is an overlay: the whole tree can be read, and each file that the command writes outside of the folders handed
in lands in a layer of its own, where it is found afterwards.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import shlex
import signal
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ungcuu.core import process_guard

COLUMNS = 200
MOST_RAW = 64 << 20  # bytes of output that are kept
GRACE_SECONDS = 30.0  # after Ctrl-C


@dataclass
class Ran:
    """One command that ended, or had to be ended."""

    command: Sequence[str]
    code: int = -1
    seconds: float = 0.0
    memory: int = 0  # most bytes that all its processes held together
    raw: bytes = b""
    outside: list[str] = field(default_factory=list)  # files that it wrote outside of its own folders
    interrupted: bool = False  # it was still at work after its time, and got Ctrl-C
    killed: bool = False  # Ctrl-C did not end it
    commands: set[str] = field(default_factory=set)  # what a process list showed of it
    left: list[str] = field(default_factory=list)  # processes of it that were still there when it had ended

    @property
    def text(self) -> str:
        """What it wrote, as text."""
        return self.raw.decode("utf-8", "replace")


_SEAL = """
mount --make-rprivate / && mount -t tmpfs -o size=1g none {layer} || exit 97
mkdir {layer}/up {layer}/work {layer}/all || exit 97
mount -t overlay -o lowerdir=/,upperdir={layer}/up,workdir={layer}/work overlay {layer}/all || exit 97
for place in /proc /sys /dev {own}; do
    mkdir -p {layer}/all$place
    mount --rbind $place {layer}/all$place || exit 97
done
chroot {layer}/all env --default-signal=INT -C {folder} {command}
code=$?
cd {layer}/up && find . -type f -o -type l -o -type p >{notes}
exit $code
"""


def watch(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    own: Path,
    folder: Path,
    patience: float,
) -> Ran:
    """Run it; ``own`` is the folder that it may write to, ``folder`` where it stands, ``patience`` its seconds."""
    ran = Ran(command)
    with tempfile.TemporaryDirectory(prefix="hl-") as place:
        layer, notes = Path(place, "layer"), Path(place, "notes")
        layer.mkdir()
        words = {"layer": layer, "notes": notes, "own": own, "folder": folder, "command": shlex.join(command)}
        sealed = ["unshare", "--mount", "sh", "-c", _SEAL.format(**words)]
        begun = time.monotonic()
        process, terminal = _start(sealed, environment)
        try:
            _follow(process, terminal, ran, begun + patience)
        finally:
            os.close(terminal)
            ran.left = _left(own)
        ran.seconds = time.monotonic() - begun
        ran.code = process.returncode
        if ran.code == 97:
            raise RuntimeError(f"no sealed copy of this machine could be made: {ran.text[-300:]}")
        with contextlib.suppress(OSError):
            ran.outside = [line[1:] for line in notes.read_text("utf-8", "backslashreplace").splitlines()]
    return ran


def _start(command: Sequence[str], environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=inner, stderr=inner, env=dict(environment), start_new_session=True
    )
    os.close(inner)
    return process, terminal


def _follow(process: subprocess.Popen[bytes], terminal: int, ran: Ran, until: float) -> None:
    """Read until the command ends; weigh it meanwhile; end it where its time is over."""
    raw = bytearray()
    weighed = 0.0
    while True:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                piece = os.read(terminal, 1 << 16)
            except OSError:
                piece = b""
            raw += piece[: MOST_RAW - len(raw)]
            if not piece:
                break
        elif process.poll() is not None:
            break
        if time.monotonic() - weighed > 0.25:
            there = _below(process.pid)
            ran.memory = max(ran.memory, process_guard.memory(there))
            ran.commands |= {_words(pid) for pid in there}
            weighed = time.monotonic()
        if time.monotonic() > until:
            ran.killed, ran.interrupted = ran.interrupted, True
            _signal(process.pid, signal.SIGKILL if ran.killed else signal.SIGINT)
            until = time.monotonic() + GRACE_SECONDS
    process.wait()
    ran.raw = bytes(raw)


def _signal(pid: int, number: int) -> None:
    """Send it to the command and what it started, but not to the shells around it: they write down what was written."""
    inner = _below(pid)[1:] or [pid]
    for one in inner[:1] if number == signal.SIGINT else [*inner, pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, number)


def _words(pid: int) -> str:
    """The command line of a process, as everybody can read it."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _below(pid: int) -> list[int]:
    """A process and all its descendants, parents first."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                with contextlib.suppress(OSError):
                    found += map(int, (task / "children").read_text("ascii").split())
    return found


def _left(own: Path) -> list[str]:
    """Processes that still name the command's own folder, ended; ssh's shared connections are to end by themselves."""
    found = []
    for pid in process_guard.processes(str(own)):
        with contextlib.suppress(OSError):
            line = _words(pid)
            if line and not line.startswith(("ssh: ", "/usr/sbin/sshd", "sshd")) and "replies.py" not in line:
                found.append(line[:200])
    return found
