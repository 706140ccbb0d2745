"""Ask the program of a backup vault: over SSH, or here where the controller itself is the vault."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ungcuu.hosts import ssh
from ungcuu.hosts.site import target_from

PROGRAM = "/usr/local/sbin/ungcuu-vault"
SECONDS = 60.0
MOST_BYTES = 64 << 20  # what a vault saw in a website of 400,000 files
MOST_STREAMED = 1 << 38  # of all restore points together


def ask(vault: str, variables: Mapping[str, Any], action: str, host: str) -> dict[str, Any] | None:
    """Return the vault's answer about one website host; None where it can't be asked, or did not carry it out.

    ``variables`` are the vault's own, resolved.
    """
    try:
        document = json.loads(_run(vault, variables, [PROGRAM, action, host]))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and document.get("outcome") == "DONE" else None


def stream(
    vault: str,
    variables: Mapping[str, Any],
    action: str,
    host: str,
    *,
    given: bytes,
    sink: Callable[[bytes], object],
    seconds: float,
) -> str:
    """Have the vault's program do something long, and hand what it prints to ``sink`` as it comes.

    Returns why it did not end well; empty where it did. An exception of the sink ends the program and is raised.
    """
    command = [PROGRAM, action, host]
    if variables.get("ansible_connection") == "local":
        return _stream_here(command if os.geteuid() == 0 else ["sudo", "-n", *command], given, sink, seconds)
    try:
        done = ssh.stream(
            target_from(vault, variables),
            command,
            sink,
            stdin=given,
            timeout=seconds,
            quota=MOST_STREAMED,
            hashed=False,
        )
    except (ssh.HostKeyRefused, OSError) as error:
        return str(error)
    return "" if done.ok else done.detail or f"{done.ending.value}, {done.returncode}"


def _stream_here(command: list[str], given: bytes, sink: Callable[[bytes], object], seconds: float) -> str:
    """The same on this machine; what is given lies in a file without a name, so that no pipe can fill up."""
    try:
        with tempfile.TemporaryFile() as words:
            words.write(given)
            words.seek(0)
            with subprocess.Popen(command, stdin=words, stdout=subprocess.PIPE) as process:
                clock = threading.Timer(seconds, process.kill)
                clock.start()
                try:
                    assert process.stdout is not None  # noqa: S101 - it is a pipe
                    while block := process.stdout.read(1 << 20):
                        sink(block)
                except BaseException:
                    process.kill()
                    raise
                finally:
                    clock.cancel()
    except OSError as error:
        return str(error)
    return "" if process.returncode == 0 else f"exit code {process.returncode}"


def _run(vault: str, variables: Mapping[str, Any], command: list[str]) -> bytes:
    try:
        if variables.get("ansible_connection") == "local":
            as_root = command if os.geteuid() == 0 else ["sudo", "-n", *command]
            return subprocess.run(as_root, capture_output=True, check=False, timeout=SECONDS).stdout
        return ssh.run(target_from(vault, variables), command, timeout=SECONDS, byte_quota=MOST_BYTES).stdout
    except (ssh.HostKeyRefused, OSError, subprocess.SubprocessError):
        return b""
