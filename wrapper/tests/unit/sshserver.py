"""A real sshd on loopback, for tests of what connects to a host."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from ungcuu.hosts import ssh

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def keygen(path: Path) -> str:
    """Make a key pair; return the public half in base64."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text().split()[1]


@contextlib.contextmanager
def serving(folder: Path, banner: str = "") -> Iterator[ssh.Target]:
    """Run sshd with its key pinned under the name ``web01`` in ``known hosts``; what it does is reported in ``log``.

    It shows ``banner`` before the login.
    """
    host_key, _user_key = keygen(folder / "host"), keygen(folder / "user")
    shutil.copy(folder / "user.pub", folder / "authorized")
    port = free_port()
    Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        "StrictModes no\nUsePAM no\nPidFile none\n" + (f"Banner {folder}/banner\n" if banner else "")
    )
    (folder / "banner").write_text(banner)
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "config")], stderr=log)
    try:
        _wait_for(port)
        known = folder / "known hosts"
        known.write_text(f"web01 ssh-ed25519 {host_key}\n")
        user = os.environ.get("USER") or "root"
        yield ssh.Target("web01", "127.0.0.1", port, user, folder / "user", known, become=False)
    finally:
        daemon.terminate()
        daemon.wait()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("sshd didn't start")
