"""Lends a node the login keys of a run without giving them away: an ssh-agent, forwarded for as long as the run lasts.

1. The agent holds the keys of this run's hosts alone, in memory, and ends with the run.
2. Each key is bound (``ssh-add -h``, OpenSSH 8.9 and later): it signs a login from this node to these hosts and
   accounts, whose host keys are the pinned ones. Who takes the node over reaches no other host with it.
3. It ends with this process, also with one that was killed: its child reads a pipe that only this process holds open.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ungcuu.core import process_guard
from ungcuu.core.i18n import _
from ungcuu.core.terminal import clean
from ungcuu.hosts.ssh import Target
from ungcuu.run.node import NotBegun

_START_SECONDS = 10.0


@contextmanager
def lent(folder: Path, node: Target, hosts: Sequence[Target], seconds: float) -> Iterator[tuple[Path, dict[Path, str]]]:
    """Give the agent's socket, and the public half of each key; ``seconds`` is how long it holds them at most.

    Raises:
        NotBegun: The agent or a key can't be used.
    """
    socket = folder / "agent"
    with _agent(socket):
        keys: dict[Path, list[Target]] = {}
        for host in hosts:
            if host.key is not None:
                keys.setdefault(host.key, []).append(host)
        yield socket, {key: _lend(socket, key, node, targets, seconds) for key, targets in keys.items()}


@contextmanager
def _agent(socket: Path) -> Iterator[None]:
    try:
        child = subprocess.Popen(  # ssh-agent goes into the background, and ends when this program has
            ["ssh-agent", "-a", str(socket), "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise NotBegun("no key", f"ssh-agent: {error}") from error
    try:
        until = time.monotonic() + _START_SECONDS
        while not socket.exists():
            if child.poll() is not None or time.monotonic() > until:
                raise NotBegun("no key", _("ssh-agent did not start"))
            time.sleep(0.01)
        yield
    finally:
        process_guard.kill([pid for pid in process_guard.processes(str(socket)) if pid != os.getpid()])
        with contextlib.suppress(OSError):
            child.kill()
        child.communicate()


def _lend(socket: Path, key: Path, node: Target, targets: Sequence[Target], seconds: float) -> str:
    """Put a key into the agent, bound to logins from the node to these hosts, and return its public half."""
    command = ["ssh-add", "-q", "-t", str(int(seconds) + 60)]
    for known in sorted({str(one.known_hosts) for one in (node, *targets)}):
        command += ["-H", known]
    command += ["-h", f"{node.user}@{node.name}"]  # the way to the node is a part of each way over it
    for one in targets:
        command += ["-h", f"{node.name}>{one.user}@{one.name}"]
    _ask(socket, [*command, str(key)], key)
    return _ask(socket, ["ssh-keygen", "-y", "-P", "", "-f", str(key)], key)


def _ask(socket: Path, command: list[str], key: Path) -> str:
    environment = {**os.environ, "SSH_AUTH_SOCK": str(socket), "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_START_SECONDS,
            env=environment,
            start_new_session=True,  # without a terminal nobody is asked for a passphrase
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBegun("no key", f"{command[0]}: {error}") from error
    if done.returncode:
        said = clean(done.stderr or done.stdout, 300)
        raise NotBegun("no key", _("{key} can't be lent to a node: {said}").format(key=key, said=said))
    return done.stdout.decode("utf-8", "replace")
