"""Runs that were refused: why, and what the host had written, kept for whoever looks into it.

Kept are the small files up to 8 MiB a run, and the ten first and ten newest runs: a host can't fill the disk this way.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from ungcuu_vault.common import now, stamp, write_json
from ungcuu_vault.files import KINDS, Files, data_path, flush, read_json, remove, size

_FOLDER, _REASON = "refused", "reason.json"
_MOST_BYTES = 8 * 2**20
_FIRST, _NEWEST = 10, 10


def aside(store: Path, clone: Path, new: Files, kind: str, reason: str) -> None:
    """Note a refused run and keep what is small of it."""
    moment = stamp(now())
    folder = store / _FOLDER / f"{moment}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    (store / _FOLDER).chmod(0o700)
    left, kept = _MOST_BYTES, []
    for name in KINDS:
        for identity in sorted(getattr(new, name)):
            path = clone / (data_path(identity) if name == "data" else f"{name}/{identity}")
            left -= size(path)
            if left < 0:
                break
            path.rename(folder / f"{name}-{identity}")
            kept.append(f"{name}/{identity}")
    counts = {name: len(getattr(new, name)) for name in KINDS}
    row = {"time": moment, "kind": kind, "reason": reason, "new": counts, "snapshots": sorted(new.snapshots)[:20]}
    write_json(folder / _REASON, row | {"kept": kept})
    flush([folder, store / _FOLDER, store])
    for extra in _folders(store)[_FIRST:-_NEWEST]:
        remove(extra)


def rows(store: Path) -> list[dict[str, Any]]:
    """Refused runs, oldest first: `time`, `kind`, `reason`, counts of what was `new`."""
    found = [read_json(folder / _REASON) for folder in _folders(store)]
    return [{name: row[name] for name in ("time", "kind", "reason", "new", "snapshots")} for row in found if row]


def forget(store: Path) -> int:
    """Remove what was kept, once somebody has looked into it; how many runs."""
    folders = _folders(store)
    remove(store / _FOLDER)
    return len(folders)


def _folders(store: Path) -> list[Path]:
    return sorted((store / _FOLDER).glob("*Z-*"))
