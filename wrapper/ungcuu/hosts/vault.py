"""Ask the program of a backup vault: over SSH, or here where the controller itself is the vault."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

from ungcuu.hosts import ssh
from ungcuu.hosts.site import target_from

PROGRAM = "/usr/local/sbin/ungcuu-vault"
SECONDS = 60.0
MOST_BYTES = 64 << 20  # what a vault saw in a website of 400,000 files


def ask(vault: str, variables: Mapping[str, Any], action: str, host: str) -> dict[str, Any] | None:
    """Return the vault's answer about one website host; None where it can't be asked, or did not carry it out.

    ``variables`` are the vault's own, resolved.
    """
    try:
        document = json.loads(_run(vault, variables, [PROGRAM, action, host]))
    except ValueError:
        return None
    return document if isinstance(document, dict) and document.get("outcome") == "DONE" else None


def _run(vault: str, variables: Mapping[str, Any], command: list[str]) -> bytes:
    try:
        if variables.get("ansible_connection") == "local":
            as_root = command if os.geteuid() == 0 else ["sudo", "-n", *command]
            return subprocess.run(as_root, capture_output=True, check=False, timeout=SECONDS).stdout
        return ssh.run(target_from(vault, variables), command, timeout=SECONDS, byte_quota=MOST_BYTES).stdout
    except (ssh.HostKeyRefused, OSError, subprocess.SubprocessError):
        return b""
