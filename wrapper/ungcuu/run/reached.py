"""Whether a host took a connection during a playbook run, known from this machine alone.

Ansible hands on ssh's words and exit code 255, and a program on the host can say the same words and end with the same
code. So ssh itself notes here, by its LocalCommand, that a host has let it log in: such a host was reached, whatever it
says. A connection that was up before the run is joined without a new login, and counts as well.
"""

from __future__ import annotations

import shlex
import socket
from collections.abc import Mapping
from pathlib import Path

from ungcuu.hosts.ssh import Target, shared_connection


def ssh_arguments(folder: Path) -> str:
    """Return arguments with which ssh leaves a file in ``folder``, named address-port-user, when it has logged in."""
    note = f"touch -- {shlex.quote(str(folder).replace('%', '%%'))}/%h-%p-%r"
    return f"-o PermitLocalCommand=yes -o {shlex.quote(f'LocalCommand={note}')}"


class Reached:
    """Answers for one run: ``reached(host)``. ``targets`` says how each host is reached."""

    def __init__(self, folder: Path, targets: Mapping[str, Target], *, joins: bool = True) -> None:
        """Note which hosts have a connection already; a run that ``joins`` none makes its own."""
        self._folder = folder
        self._names = {f"{one.address}-{one.port}-{one.user}".lower(): name for name, one in targets.items()}
        self._joined = {name for name, one in targets.items() if joins and _is_up(shared_connection(one))}

    def __call__(self, host: str) -> bool:
        """Whether the host took a connection. A login at a host that can't be named counts for every host."""
        logins = {self._names.get(note.name.lower()) for note in self._folder.iterdir()}
        return host in self._joined or host in logins or None in logins


def _is_up(path: Path | None) -> bool:
    """Whether somebody answers at the socket: an ssh that was killed leaves it behind."""
    if path is None:
        return False
    with socket.socket(socket.AF_UNIX) as there:
        there.settimeout(1)
        try:
            there.connect(str(path))
        except OSError:
            return False
    return True
