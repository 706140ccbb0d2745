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
import enum
import fcntl
import hashlib
import os
import selectors
import shlex
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ungcuu.core.phrases import Detail
from ungcuu.core.sentences import word
from ungcuu.hosts import ssh_process

CONNECT_SECONDS = 10
KEEP_ALIVE_SECONDS = 5
KEEP_ALIVE_COUNT = 4
# curve25519 alone: about 100 ms less than the post-quantum default on a small machine. The second name is for hosts
# whose sshd offers only the hybrid.
KEX = "curve25519-sha256,curve25519-sha256@libssh.org,sntrup761x25519-sha512@openssh.com"

_PIPE = 1 << 20  # bytes; the most that a kernel gives without asking
_CHUNK = _PIPE
# ssh writes some 40 KB at a time. A long stream that is read as quickly as that spends its time on waking up: from
# its second mebibyte on it's left to gather for a moment, in which the pipe doesn't fill up even at 1 GB/s.
_SMALL = _CHUNK // 4
_GATHER_SECONDS = 0.001
_STDERR_QUOTA = 1 << 16  # bytes that are kept of standard error
_STDERR_MOST = 64 << 20  # and those that are listened to: a stream that nobody keeps may have no end either
_ASK_SECONDS = 0.1  # between two questions for a deadline that may move

# What ssh logs when no command was started. Matched at the start of a line of ssh's own log.
_BEFORE_START = (
    "ssh: ",
    "kex_exchange_identification",
    "banner exchange",
    "Connection timed out during banner exchange",
    "Unable to negotiate",
    "Too many authentication failures",
    "no such identity",
    "Load key",
    "Bad owner or permissions",
)
_KEY_REFUSED = (
    "Host key verification failed",
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!",
    "@       WARNING: POSSIBLE DNS SPOOFING DETECTED!",
    "No ED25519 host key is known for",
    "No ECDSA host key is known for",
    "No RSA host key is known for",
)


Reply = Callable[[bytes], bytes | None]


@dataclass(frozen=True)
class Target:
    """How one host is reached.

    ``name`` is the inventory's name, and the name under which the host's key is pinned in ``known_hosts``.
    ``options`` are further ``-o`` values (``"ProxyJump=gate"``); they can't loosen the ones set here, since the first
    value wins. ``become`` runs commands as root through ``sudo -n``. ``master`` is the socket of a connection that is
    up already: it is joined, and never started; where it turns out to be gone, ssh makes a connection of its own.
    """

    name: str
    address: str
    port: int = 22
    user: str = "ungcuu"
    key: Path | None = None
    known_hosts: Path = Path("/dev/null")
    become: bool = True
    options: tuple[str, ...] = ()
    master: Path | None = field(default=None, repr=False)


class Ending(enum.Enum):
    """How a command on a host ended, as far as can be known from here."""

    EXITED = "exited"
    NOT_REACHED = "not reached"
    LOST = "lost"
    TIMED_OUT = "timed out"
    QUOTA = "over quota"


class HostKeyRefused(Exception):
    """The host showed a key other than the pinned one, or none is pinned. Nothing was sent to it."""

    def __init__(self, target: Target, code: Detail) -> None:
        super().__init__(f"{target.name}: {word(code)}")
        self.target = target
        self.code = code

    @property
    def detail(self) -> str:
        """What is wrong with the key, in the reader's language."""
        return word(self.code)

    @property
    def next_command(self) -> str:
        """The command that shows the host's key and pins it after a person has confirmed it."""
        return f"ungcuu enrol {self.target.name}"


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


def ssh_options(target: Target, control_path: Path | None = None, forwarded: Path | None = None) -> list[str]:
    """Return the ``-o`` values that every connection carries; ``control_path`` joins or starts a shared connection.

    ``forwarded`` is the socket of an ssh-agent that the host may use while the connection lasts.
    """
    options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        f"UserKnownHostsFile={_quoted(target.known_hosts)}",
        "GlobalKnownHostsFile=/dev/null",
        f"HostKeyAlias={target.name}",
        "UpdateHostKeys=no",
        "CheckHostIP=no",
        "PasswordAuthentication=no",
        "KbdInteractiveAuthentication=no",
        f'ForwardAgent="{forwarded}"' if forwarded else "ForwardAgent=no",
        "ForwardX11=no",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=no",
        "Tunnel=no",
        "EscapeChar=none",
        "LogLevel=ERROR",  # with INFO the host's banner is written to standard error, before what its programs say
        f"ConnectTimeout={CONNECT_SECONDS}",
        f"ServerAliveInterval={KEEP_ALIVE_SECONDS}",
        f"ServerAliveCountMax={KEEP_ALIVE_COUNT}",
        f"KexAlgorithms={KEX}",
    ]
    if target.key is not None:
        options += [f"IdentityFile={_quoted(target.key)}", "IdentitiesOnly=yes"]
        if forwarded:  # ssh forwards none where it knows of none itself; what is bound to other hosts it is not shown
            options.append(f'IdentityAgent="{forwarded}"')
        elif target.key.suffix != ".pub":  # a public half names a key that an agent holds: on a node, the forwarded one
            options.append("IdentityAgent=none")
    if control_path is None:
        options += ["ControlMaster=no", f"ControlPath={_quoted(target.master) if target.master else 'none'}"]
    else:
        options += ["ControlMaster=auto", f"ControlPath={_quoted(control_path)}", "ControlPersist=60"]
    return options + list(target.options)


def ssh_command(
    target: Target, remote_argv: Sequence[str], control_path: Path | None = None, forwarded: Path | None = None
) -> list[str]:
    """Return the argv of ``ssh`` that runs ``remote_argv`` on the target, as root where ``become`` says so.

    Each element reaches the remote program as one argument, whatever it holds. Secrets go through standard input.
    """
    command = ["ssh", "-F", "none", "-T", "-x", *(() if forwarded else ("-a",))]
    for option in ssh_options(target, control_path, forwarded):
        command += ["-o", option]
    remote = ["sudo", "-n", "--", *remote_argv] if target.become and target.user != "root" else list(remote_argv)
    return [*command, "-p", str(target.port), "-l", target.user, "--", target.address, shlex.join(remote)]


def master_command(target: Target, socket: Path) -> list[str]:
    """Return the argv of an ``ssh`` that runs nothing: it makes a connection that others may join by the socket."""
    command = ["ssh", "-F", "none", "-T", "-a", "-x", "-N"]
    for option in ("ControlMaster=yes", f"ControlPath={_quoted(socket)}", *ssh_options(target)):
        command += ["-o", option]  # the first value wins
    return [*command, "-p", str(target.port), "-l", target.user, "--", target.address]


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
        pump = _Pump(sink, quota, begun + timeout, deadline, hashed)
        process = started[0] if started else ssh_process.start(ssh_command(target, argv, control_path), log)
        try:
            assert process.stdout  # noqa: S101 - a pipe, see ssh_process
            with contextlib.suppress(OSError):
                fcntl.fcntl(process.stdout.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
            cut = pump.run(process, stdin, reply)
        finally:
            ssh_process.end(process)
        said = _read_log(log)
    finally:
        os.close(log)
    digest = pump.digest.hexdigest() if pump.digest else ""
    ending, detail = _judge(target, process.returncode, cut, said)
    code = process.returncode if ending is Ending.EXITED else None
    return Streamed(ending, code, pump.size, digest, bytes(pump.stderr), time.monotonic() - begun, detail)


def how_it_ended(target: Target, process: subprocess.Popen[bytes], log: int) -> tuple[Ending, str]:
    """Return how an ssh of :mod:`ssh_process` ended by itself, and what ssh said; ``log`` is the descriptor of its log.

    Raises:
        HostKeyRefused: The host isn't the one that was enrolled.
    """
    return _judge(target, process.returncode, None, _read_log(log))


def shared_connection(target: Target) -> Path | None:
    """Return the socket of a connection that Ansible has up to this host, by the name that its ssh plugin gives it."""
    home = os.environ.get("ANSIBLE_HOME") or Path.home() / ".ansible"
    folder = Path(os.environ.get("ANSIBLE_SSH_CONTROL_PATH_DIR") or Path(home, "cp"))
    for port in (target.port, None):
        text = f"{target.address}-{port}-{target.user}"
        path = folder / hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:10]
        with contextlib.suppress(OSError):
            facts = path.lstat()
            if stat.S_ISSOCK(facts.st_mode) and facts.st_uid == os.geteuid():
                return path
    return None


class _Pump:
    """Moves bytes between one ssh process and its caller, within a quota and until a deadline."""

    _reply: Reply | None
    _input: IO[bytes]
    _selector: selectors.BaseSelector
    _waiting: memoryview

    def __init__(
        self,
        sink: Callable[[bytes], object],
        quota: int,
        end: float,
        moving: Callable[[], float] | None = None,
        hashed: bool = True,
    ) -> None:
        self.sink, self.quota, self.end, self.moving = sink, quota, end, moving
        self.size = self.complained = 0
        self.digest = hashlib.sha256() if hashed else None
        self.stderr = bytearray()

    @property
    def deadline(self) -> float:
        """When to stop, on the monotonic clock."""
        return self.end if self.moving is None else min(self.end, self.moving())

    def run(self, process: subprocess.Popen[bytes], stdin: bytes, reply: Reply | None) -> Ending | None:
        """Pump until both outputs are closed. Returns why it stopped early, or None."""
        assert process.stdin and process.stdout and process.stderr  # noqa: S101 - all three are pipes, see _start
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ, self._take_output)
            selector.register(process.stderr, selectors.EVENT_READ, self._take_error)
            self._reply, self._input, self._selector = reply, process.stdin, selector
            if reply is None:
                self._send(stdin)
            while any(key.data != self._give for key in selector.get_map().values()):
                left = self.deadline - time.monotonic()
                if left <= 0:
                    return Ending.TIMED_OUT
                for key, _mask in selector.select(left if self.moving is None else min(left, _ASK_SECONDS)):
                    if not key.data(key.fd):
                        selector.unregister(key.fileobj)
                if self.size > self.quota or self.complained > _STDERR_MOST:
                    self.size = min(self.size, self.quota)
                    return Ending.QUOTA
        try:
            process.wait(max(0.1, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return Ending.TIMED_OUT
        return None

    def _send(self, data: bytes) -> None:
        """Queue what goes to standard input, which is closed when all of it has been taken."""
        self._waiting = memoryview(data)
        os.set_blocking(self._input.fileno(), False)
        self._selector.register(self._input, selectors.EVENT_WRITE, self._give)

    def _give(self, descriptor: int) -> bool:
        """Write what the pipe takes now; a reader that has gone away wants no more."""
        try:
            self._waiting = self._waiting[os.write(descriptor, self._waiting[:_CHUNK]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            self._waiting = self._waiting[:0]
        if self._waiting:
            return True
        self._selector.unregister(self._input)
        with contextlib.suppress(OSError):
            self._input.close()
        return True

    def _take_output(self, descriptor: int) -> bool:
        piece = os.read(descriptor, _CHUNK)
        if len(piece) < _SMALL and self.size > _CHUNK:
            time.sleep(_GATHER_SECONDS)
        allowed = piece[: max(0, self.quota - self.size)]
        self.size += len(piece)
        if allowed:
            if self.digest:
                self.digest.update(allowed)
            self.sink(allowed)
        if self._reply is not None and (data := self._reply(allowed)) is not None:
            self._reply = None
            self._send(data)
        return bool(piece)

    def _take_error(self, descriptor: int) -> bool:
        piece = os.read(descriptor, _CHUNK)
        self.complained += len(piece)
        self.stderr += piece[: _STDERR_QUOTA - len(self.stderr)]
        return bool(piece)


def _read_log(log: int) -> list[str]:
    text = os.pread(log, _STDERR_QUOTA, 0).decode("utf-8", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def _judge(target: Target, returncode: int | None, cut: Ending | None, said: list[str]) -> tuple[Ending, str]:
    """Report how it ended. 255 is ssh's own; a remote command that ends with it looks like a lost connection."""
    if cut is not None:
        return cut, f"stopped by ungcuu: {cut.value}"
    if returncode != 255 and returncode is not None and returncode >= 0:
        return Ending.EXITED, ""
    if any(line.startswith(_KEY_REFUSED) for line in said):
        raise HostKeyRefused(target, _key_detail(said))
    last = said[-1] if said else ""
    if any(line.startswith(_BEFORE_START) or "Permission denied (" in line for line in said):
        return Ending.NOT_REACHED, last
    return Ending.LOST, last or "the host stopped answering"  # ssh says so at INFO only


def _key_detail(said: list[str]) -> Detail:
    if any(line.startswith("@") for line in said):
        return Detail.KEY_CHANGED
    return Detail.KEY_NOT_PINNED


def _quoted(path: Path) -> str:
    """Quote a path for an ``-o`` value: a blank would end it, a percent sign would be a token."""
    return '"' + str(path).replace("%", "%%") + '"'
