"""The connection layer against a real sshd on loopback, and against servers that misbehave."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sshserver import SSHD, free_port, keygen, serving

from ungcuu.hosts import ssh

pytestmark = pytest.mark.skipif(not Path(SSHD).exists(), reason="needs openssh-server's sshd")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ssh.Target]:
    """A real sshd on loopback, its key pinned under the name ``web01``."""
    with serving(tmp_path_factory.mktemp("sshd")) as target:
        yield target


def test_arguments_arrive_as_given(server: ssh.Target) -> None:
    """A file name on a compromised host may be a shell command; it must stay one argument."""
    result = ssh.run(server, ["printf", "%s|", "a b", "$(id)", "';true"])
    assert (result.ok, result.stdout) == (True, b"a b|$(id)|';true|")


def test_script_gets_standard_input(server: ssh.Target) -> None:
    """Rules and secrets go through standard input, never through argv."""
    payload = os.urandom(300_000)
    result = ssh.run(server, "sha256sum", stdin=payload)
    assert result.stdout.split()[0].decode() == hashlib.sha256(payload).hexdigest()


def test_reply_waits_for_what_the_host_says(server: ssh.Target) -> None:
    """The cut depends on the address that the host sees us come from, and both travel in one connection."""
    said = bytearray()

    def reply(piece: bytes) -> bytes | None:
        said.extend(piece)
        return b"then " + said if said.endswith(b"\n") else None

    got = bytearray()
    streamed = ssh.stream(server, "echo first; cat", got.extend, reply=reply)
    assert (streamed.ok, bytes(got)) == (True, b"first\nthen first\n")


def test_exit_code_is_the_commands(server: ssh.Target) -> None:
    """A failed command is an answer, not a lost connection."""
    result = ssh.run(server, "exit 3")
    assert (result.ending, result.returncode) == (ssh.Ending.EXITED, 3)


def test_host_cannot_imitate_ssh(server: ssh.Target) -> None:
    """A host that ends with 255 and ssh's own words must not pass for one that was never reached."""
    result = ssh.run(server, "echo Host key verification failed. >&2; echo ssh: connect to host x >&2; exit 255")
    assert (result.ending, result.unknown) == (ssh.Ending.LOST, True)


def test_unpinned_key_is_refused(server: ssh.Target, tmp_path: Path) -> None:
    """Trust on first use would hand the responder's session to whoever answers."""
    empty = tmp_path / "none"
    empty.touch()
    with pytest.raises(ssh.HostKeyRefused, match="isn't pinned") as refusal:
        ssh.run(replace(server, known_hosts=empty), ["true"])
    assert refusal.value.next_command == "ungcuu enrol web01"


def test_changed_key_is_refused(server: ssh.Target, tmp_path: Path) -> None:
    """A changed key may be a reinstalled host or a man in the middle; a person decides which."""
    other = keygen(tmp_path / "other")
    known = tmp_path / "known"
    known.write_text(f"web01 ssh-ed25519 {other}\n")
    with pytest.raises(ssh.HostKeyRefused, match="changed"):
        ssh.run(replace(server, known_hosts=known), ["true"])


def test_stream_is_hashed_and_whole(server: ssh.Target) -> None:
    """The hash is taken of what reached the sink, in the same pass."""
    got = bytearray()
    streamed = ssh.stream(server, "head -c 3000000 /dev/zero", got.extend)
    assert (streamed.ok, streamed.size, len(got)) == (True, 3_000_000, 3_000_000)
    assert streamed.sha256 == hashlib.sha256(bytes(3_000_000)).hexdigest()


def test_endless_output_is_cut_off(server: ssh.Target) -> None:
    """A compromised host may answer forever; the quota ends it, to the byte."""
    got = bytearray()
    streamed = ssh.stream(server, "cat /dev/zero", got.extend, quota=1_000_001)
    assert (streamed.ending, streamed.size, len(got)) == (ssh.Ending.QUOTA, 1_000_001, 1_000_001)
    assert streamed.sha256 == hashlib.sha256(bytes(got)).hexdigest()


def test_silence_is_cut_off(server: ssh.Target) -> None:
    """A command that hangs must not hold the responder."""
    result = ssh.run(server, "sleep 30", timeout=1)
    assert (result.ending, result.unknown) == (ssh.Ending.TIMED_OUT, True)
    assert result.seconds < 3


def test_endless_standard_error_is_not_kept(server: ssh.Target) -> None:
    """Standard error has a bound too."""
    result = ssh.run(server, "head -c 5000000 /dev/zero >&2; echo done")
    assert (result.stdout, len(result.stderr)) == (b"done\n", 1 << 16)


def test_standard_error_without_end_is_cut_off(server: ssh.Target) -> None:
    """Seen failing: nothing but the time of the whole command ended it, 230 s of `eradicate`."""
    result = ssh.run(server, "yes >&2", timeout=60)
    assert (result.ending, len(result.stderr)) == (ssh.Ending.QUOTA, 1 << 16)
    assert result.seconds < 50


def test_refused_connection_is_not_reached(server: ssh.Target) -> None:
    """Nothing was started: this is NOT DONE, and may be said so."""
    result = ssh.run(replace(server, port=free_port()), ["true"])
    assert (result.ending, result.unknown) == (ssh.Ending.NOT_REACHED, False)


def test_killed_connection_is_unknown(server: ssh.Target) -> None:
    """The connection dies under a running command: its effect may have happened."""
    result = ssh.run(server, "kill -9 $(ps -o ppid= -p $$)", timeout=20)
    assert (result.ending, result.unknown) == (ssh.Ending.LOST, True)


def test_black_hole_is_noticed(server: ssh.Target) -> None:
    """A path that swallows packets mid-command must not hang: UNKNOWN within 30 s."""
    relay = _Relay(server.port)
    begun = time.monotonic()
    threading.Timer(1.5, relay.swallow.set).start()
    result = ssh.run(replace(server, port=relay.port), "sleep 60", timeout=90)
    relay.close()
    assert result.ending is ssh.Ending.LOST
    assert time.monotonic() - begun < 30


class _Relay:
    """Passes bytes on until asked to swallow them: both ends stay open, nothing arrives."""

    def __init__(self, to: int) -> None:
        self.swallow = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, args=(to,), daemon=True).start()

    def _serve(self, to: int) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", to))
        for a, b in ((near, far), (far, near)):
            threading.Thread(target=self._copy, args=(a, b), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        while data := source.recv(65536):
            if not self.swallow.is_set():
                sink.sendall(data)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def shared(server: ssh.Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A connection that is up, where Ansible's own would lie."""
    monkeypatch.setenv("ANSIBLE_SSH_CONTROL_PATH_DIR", str(tmp_path))
    text = f"{server.address}-{server.port}-{server.user}"
    path = tmp_path / hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:10]
    command = ssh.ssh_command(server, ["true"], path)
    subprocess.run(command, check=True)
    yield path
    subprocess.run([*command[:1], "-o", f"ControlPath={path}", "-O", "exit", "x"], check=False, capture_output=True)


def test_a_connection_that_is_up_is_joined(server: ssh.Target, shared: Path) -> None:
    """The cut may save the key exchange; it must be found by the very name that Ansible gives it."""
    from ansible.plugins.connection.ssh import Connection

    theirs = Connection._create_control_path(server.address, server.port, server.user)
    assert theirs % {"directory": shared.parent} == str(shared)
    assert ssh.shared_connection(server) == shared
    plain = ssh.run(server, 'echo "$SSH_CONNECTION"').stdout
    over = [ssh.run(replace(server, master=shared), 'echo "$SSH_CONNECTION"').stdout for _ in range(2)]
    assert over[0] == over[1] != plain


def test_a_connection_that_is_gone_is_replaced(server: ssh.Target, tmp_path: Path) -> None:
    """A socket that nobody answers on must not stand between the responder and the cut."""
    dead = tmp_path / "dead"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(dead))
    assert ssh.run(replace(server, master=dead), "echo here").stdout == b"here\n"


def test_only_our_own_socket_is_joined(server: ssh.Target, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else can write to the folder could read the rules and answer in the host's place."""
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert ssh.shared_connection(server) is None
