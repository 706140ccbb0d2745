"""One session with a website host: a request, lines of JSON back; with or without the repository's server behind it."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ungcuu_vault.common import (
    RUN,
    SETTINGS,
    STORE,
    WITH_US,
    VaultError,
    account,
    as_account,
    last_words,
    printable,
    run_folder,
)
from ungcuu_vault.site import Site

# Gigabytes go through: with AES in the processor this costs a third of OpenSSH's first choice. Not among `ssh_options`,
# which restic takes as one option of its own and cuts at commas.
_CIPHERS = "-oCiphers=aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr"
TUNNEL_PORT = 18765  # on the website host's loopback; the account there may listen on no other
_LONGEST_LINE = 1024 * 1024
_MOST_LINES = 10_000
_SERVER_SECONDS = 20
_CLOSE_SECONDS = 5
_PIPE_BYTES = 2**20


@contextlib.contextmanager
def server(site: Site, folder: Path) -> Iterator[tuple[int, str]]:
    """Serve one folder on the loopback, append-only, under a password of this run; gives port and credentials."""
    user, password = "host", secrets.token_urlsafe(24)
    run_folder()
    accounts = RUN / f"{site.name}.htpasswd"
    digest = base64.b64encode(hashlib.sha1(password.encode(), usedforsecurity=False).digest()).decode()
    accounts.write_text(f"{user}:{{SHA}}{digest}\n", encoding="ascii")
    os.chown(accounts, account().pw_uid, account().pw_gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        _server_command(folder, port, str(accounts)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **as_account(),
    )
    try:
        _wait_for(process, port)
        yield port, f"{user}:{password}"
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        accounts.unlink(missing_ok=True)


def _server_command(folder: Path, port: int, accounts: str) -> list[str]:
    """Debian 13 has restic's own server; on Debian 12 rclone speaks the same protocol."""
    own = shutil.which("restic-rest-server") or shutil.which("rest-server")
    if own:
        listen = [f"--listen=127.0.0.1:{port}", f"--htpasswd-file={accounts}"]
        return [*WITH_US, own, f"--path={folder}", "--append-only", *listen]
    listen = [f"--addr=127.0.0.1:{port}", f"--htpasswd={accounts}"]
    return [*WITH_US, "rclone", "--config=/dev/null", "serve", "restic", "--append-only", *listen, str(folder)]


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _SERVER_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            assert process.stderr is not None
            raise VaultError(f"the repository's server stopped: {last_words(process.stderr.read())}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise VaultError(f"the repository's server does not listen after {_SERVER_SECONDS} s")


def ssh_options(name: str) -> list[str]:
    """OpenSSH with nothing of a user's configuration: the host key pinned under this name, our key only."""
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "IdentityFile": str(STORE / "account/id_ed25519"),
        "UserKnownHostsFile": str(SETTINGS / "known_hosts.d" / name),
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlias": name,
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "ExitOnForwardFailure": "yes",
        "ConnectTimeout": "15",
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "4",
        "ForwardAgent": "no",
        "LogLevel": "ERROR",
    }
    return ["-F", "none", *(f"-o{key}={value}" for key, value in options.items())]


def ssh_command(site: Site, port: int | None) -> list[str]:
    """A session with a website host, with one tunnel or none."""
    forward = [f"-R127.0.0.1:{TUNNEL_PORT}:127.0.0.1:{port}"] if port else []
    target = f"{site.settings['account']}@{site.settings['address']}"
    return [
        *WITH_US,
        "ssh",
        *ssh_options(site.name),
        _CIPHERS,
        "-T",
        *forward,
        "-p",
        str(site.settings["port"]),
        target,
        "session",
    ]


class Session:
    """A request on its way. Use as a context manager; `answer` waits for the end."""

    def __init__(self, site: Site, request: dict[str, Any], port: int | None = None) -> None:
        self._site = site
        self._process = subprocess.Popen(
            ssh_command(site, port),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **as_account(),
        )
        self.sent, self._stopped = 0, ""
        self._write(json.dumps(request).encode() + b"\n")

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()  # the host then knows that nobody waits any more
        try:
            self._process.wait(timeout=_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _write(self, block: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the answer says why; here only that nobody reads on
            self._process.stdin.write(block)
            self._process.stdin.flush()

    def stop(self, reason: str) -> None:
        """Cut the session off; `answer` then raises with this reason."""
        self._stopped = reason
        self._process.kill()

    def stream(self, source: IO[bytes], head: bytes = b"") -> None:
        """Send all of a pipe after the request, counted on the way, and close our end.

        `head` goes first: that of a tar archive, whose end the source then lacks too.
        """
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the answer says why
            for pipe in (source, self._process.stdin):
                with contextlib.suppress(PermissionError):
                    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            self._write(head)
            self.sent += len(head)
            # From pipe to pipe within the kernel: gigabytes need not pass through this process.
            while count := os.splice(source.fileno(), self._process.stdin.fileno(), _PIPE_BYTES):
                self.sent += count
            if head:
                end = bytes(-self.sent % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
                self._write(end)
                self.sent += len(end)
            self._process.stdin.close()

    def answer(self) -> dict[str, Any]:
        """The host's last line.

        Raises:
            VaultError: refused there (NOT DONE), never reached (NOT DONE), or lost on the way (UNKNOWN).
        """
        last = self._last_line()
        if self._stopped:
            raise VaultError(self._stopped, "earlier restore points are whole")
        if last.get("event") == "done":
            return last
        if last.get("event") == "failed":
            raise VaultError(f"{self._site.name}: {last.get('reason')}", str(last.get("state")))
        assert self._process.stderr is not None
        words = last_words(self._process.stderr.read(_LONGEST_LINE))
        if not last:
            raise VaultError(f"{self._site.name} can't be reached: {words}", "earlier restore points are whole")
        state = "nothing live was touched; earlier restore points are whole"
        raise VaultError(f"the connection to {self._site.name} was lost: {words}", state, outcome="UNKNOWN")

    def _last_line(self) -> dict[str, Any]:
        """Read lines until the end or the verdict; a host may not make us hold more than a line."""
        assert self._process.stdout is not None
        last: dict[str, Any] = {}
        for _ in range(_MOST_LINES):
            line = self._process.stdout.readline(_LONGEST_LINE)
            if not line:
                break
            try:
                document = json.loads(line)
            except (ValueError, RecursionError):
                raise VaultError(f"{self._site.name} answers what is not JSON: {printable(line[:80])}") from None
            last = document if isinstance(document, dict) else {}
            if last.get("event") in ("done", "failed"):
                break
        return last
