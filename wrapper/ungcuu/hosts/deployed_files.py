"""Files that ungcuu itself put on a host after the baseline: a scan must not call them an intruder's.

``hosts/<host>/expected.json`` on the controller maps a path to the SHA-256 of the content that was sent. It excuses a
file only while it has exactly that content, so nobody can hide behind its name. Nothing heavy is imported: roles that
contain a host use it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from ungcuu.core.atomic import make_private, put_json

NAME = "expected.json"
ADMINISTRATOR = "administrator:"  # before the digest of a password that rotate gave one of the application


def load(state: Path, host: str) -> dict[str, str]:
    """Return path → SHA-256; empty where nothing was remembered."""
    try:
        raw = json.loads((state / "hosts" / host / NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(path): str(digest) for path, digest in raw.items()} if isinstance(raw, dict) else {}


def remember(state: Path, host: str, files: Mapping[str, str | bytes | None]) -> None:
    """Remember what was put on the host: path → content, or None for a file that was taken away."""
    remember_digests(
        state, host, {path: None if content is None else _digest(content) for path, content in files.items()}
    )


def _digest(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def remember_digests(state: Path, host: str, digests: Mapping[str, str | None]) -> None:
    """The same by SHA-256.

    ``account:NAME`` has the digest of a password that was given to an account, ``package:NAME`` the version installed.
    """
    folder = make_private(state / "hosts" / host)
    with (folder / f".{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = load(state, host)
        for path, digest in digests.items():
            if digest is None:
                known.pop(path, None)
            else:
                known[path] = digest
        put_json(folder / NAME, dict(sorted(known.items())))
