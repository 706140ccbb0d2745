"""The files of a host that its signed baseline knows, in the form that a vault keeps: it judges restore points by them.

Imported by an action plugin that runs without the rest of ungcuu too: nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ungcuu.core.settings import host_folder, kept_name, machine_of
from ungcuu.hosts import deployed_files

FORMAT = 1


def document(state: Path, host: str, folders: Sequence[str]) -> dict[str, Any]:
    """Return what the vault is given: the baseline's time, its hash, and each file and link below these folders.

    ``taken`` is empty where no baseline was signed. ``ours`` are files that ungcuu itself put on the host since.

    Raises:
        Tampered: The baseline is not what was signed.
    """
    from ungcuu.detect import baseline

    below = tuple(folder.rstrip("/") + "/" for folder in folders)
    ours = {
        path: digest for path, digest in deployed_files.load(state, machine_of(host)).items() if path.startswith(below)
    }
    found: dict[str, Any] = {
        "format": FORMAT,
        "host": kept_name(host),
        "taken": "",
        "sha256": "",
        "files": [],
        "ours": ours,
    }
    path = host_folder(state, host) / "baseline.json"
    signed = baseline.load(state, host)
    if signed is None:
        return found
    rows = [
        [row["path"], row["type"], row.get("sha256") or row.get("target") or ""]
        for row in signed.snapshot.of("file").values()
        if row["type"] != "dir" and (row["path"].startswith(below) or row["path"] in folders)
    ]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return found | {"taken": signed.taken, "sha256": digest, "files": sorted(rows)}
