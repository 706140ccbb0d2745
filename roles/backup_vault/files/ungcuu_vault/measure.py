"""Files and bytes of a point, from the vault's own listing."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from ungcuu_vault.common import stream_restic
from ungcuu_vault.site import Site


def measure(site: Site, repository: Path, identity: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Files and bytes of a point, whole and by part; and what the point says of itself."""
    heading: dict[str, Any] = {}
    root = site.settings["site"]["root"].rstrip("/")
    counts = {"files": 0, "database": 0, "config": 0}
    total = 0
    for line in stream_restic(repository, site.password, "ls", "--json", "--no-lock", identity):
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if row.get("struct_type") == "snapshot":
                heading = row
            if row.get("struct_type") != "node":
                continue
            if row.get("type") != "file":
                continue
            total += int(row.get("size", 0))
            counts[part_of(str(row["path"]), root)] += 1
    return {"bytes": total, "files": sum(counts.values()), "counts": counts}, heading


def part_of(path: str, root: str) -> str:
    """Which part of a point an entry belongs to."""
    if path.startswith(root + "/"):
        return "files"
    return "database" if path.startswith("/var/lib/ungcuu/backup/current/") else "config"
