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

from ungcuu.files import make_private, put

NAME = "expected.json"


def load(state: Path, host: str) -> dict[str, str]:
    """Return path → SHA-256; empty where nothing was remembered."""
    try:
        raw = json.loads((state / "hosts" / host / NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(path): str(digest) for path, digest in raw.items()} if isinstance(raw, dict) else {}


def remember(state: Path, host: str, files: Mapping[str, str | bytes | None]) -> None:
    """Remember what was put on the host: path → content, or None for a file that was taken away."""
    folder = make_private(state / "hosts" / host)
    with (folder / f".{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = load(state, host)
        for path, content in files.items():
            if content is None:
                known.pop(path, None)
            else:
                data = content.encode() if isinstance(content, str) else content
                known[path] = hashlib.sha256(data).hexdigest()
        put(folder / NAME, json.dumps(known, sort_keys=True, indent=1) + "\n")
