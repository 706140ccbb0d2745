"""How one host is reached by OpenSSH: the options that every connection carries, and the command lines.

Only the standard library is imported, as in `ungcuu.hosts.ssh`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

CONNECT_SECONDS = 10
KEEP_ALIVE_SECONDS = 5
KEEP_ALIVE_COUNT = 4
# curve25519 alone: about 100 ms less than the post-quantum default on a small machine. The second name is for hosts
# whose sshd offers only the hybrid.
KEX = "curve25519-sha256,curve25519-sha256@libssh.org,sntrup761x25519-sha512@openssh.com"


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


def _quoted(path: Path) -> str:
    """Quote a path for an ``-o`` value: a blank would end it, a percent sign would be a token."""
    return '"' + str(path).replace("%", "%%") + '"'
