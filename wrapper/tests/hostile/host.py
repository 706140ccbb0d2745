"""A hostile host on loopback: a real sshd that plays one reply to every command, or a liar in sshd's place."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from replies import SSHD

HERE = Path(__file__).resolve().parent
DAEMON = shutil.which("sshd") or "/usr/sbin/sshd"


@dataclass(frozen=True)
class Host:
    """How a tool reaches the liar, and what it must not touch meanwhile."""

    port: int
    user: str
    key: Path  # private key that logs in
    pinned: str  # the host key as it stands in known_hosts, without a name
    marker: Path  # comes to be where an override or a template was obeyed
    canary: Path  # a file of the controller whose content must appear nowhere
    touched: list[str]  # connections to the port that an override names


@contextlib.contextmanager
def hostile(folder: Path, reply: str) -> Iterator[Host]:
    """Serve one reply until the end of the block; ``folder`` is private to it."""
    folder.mkdir(mode=0o700)
    keys = {name: _keygen(folder / name) for name in ("host", "other", "user")}
    canary, marker = folder / "canary", folder / "hostile-marker"
    canary.write_text(f"canary-{os.urandom(8).hex()}")
    with _trap() as (trap, touched), contextlib.ExitStack() as stack:
        given = ["--marker", str(marker), "--canary", str(canary), "--trap", str(trap)]
        play = shlex.join([sys.executable, "-I", "-S", str(HERE / "replies.py"), reply, *given])
        port = _free_port()
        if reply in SSHD and reply != "sshd-key":
            stack.enter_context(_liar(port, reply))
        else:
            stack.enter_context(_sshd(folder, port, play, "other" if reply == "sshd-key" else "host"))
        user = os.environ.get("USER") or "root"
        yield Host(port, user, folder / "user", f"ssh-ed25519 {keys['host']}", marker, canary, touched)


@contextlib.contextmanager
def _sshd(folder: Path, port: int, command: str, key: str) -> Iterator[None]:
    Path("/run/sshd").mkdir(exist_ok=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/{key}\nAuthorizedKeysFile {folder}/authorized\n"
        f"StrictModes no\nUsePAM no\nPidFile none\nMaxStartups 100\nForceCommand {command}\n"
    )
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen([DAEMON, "-D", "-e", "-f", str(folder / "config")], stderr=log)
    try:
        _wait_for(port)
        yield
    finally:
        daemon.terminate()
        daemon.wait()


@contextlib.contextmanager
def _liar(port: int, reply: str) -> Iterator[None]:
    """Answer each connection by itself; no sshd is there."""
    over = threading.Event()
    server = socket.create_server(("127.0.0.1", port))
    server.settimeout(0.2)

    def serve() -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                caller, _address = server.accept()
                threading.Thread(target=_lie, args=(caller, reply, over), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        server.close()


def _lie(caller: socket.socket, reply: str, over: threading.Event) -> None:
    with caller, contextlib.suppress(OSError):
        if reply == "sshd-garbage":
            caller.sendall(os.urandom(4096) + b"\n")
        while reply == "sshd-banner" and not over.is_set():
            caller.sendall(b"\x1b[2JPWNED\r\n" * 100)
        if reply == "sshd-silent":
            over.wait()


@contextlib.contextmanager
def _trap() -> Iterator[tuple[int, list[str]]]:
    """Listen where no connection may come in; whoever comes is noted."""
    touched: list[str] = []
    over = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)

    def serve() -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                caller, address = server.accept()
                touched.append(f"connection from port {address[1]}")
                caller.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1], touched
    finally:
        over.set()
        thread.join()
        server.close()


def _keygen(path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text().split()[1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("sshd didn't start")
