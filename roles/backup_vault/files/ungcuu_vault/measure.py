"""Files and bytes of a point, from the vault's own listing."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from ungcuu_vault.common import told_by_restic
from ungcuu_vault.site import Site


def measure(site: Site, repository: Path, identity: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Files and bytes of a point, whole and by part; and what the point says of itself."""
    heading: dict[str, Any] = {}
    root = site.settings["site"]["root"].rstrip("/")
    counts = {"files": 0, "database": 0, "config": 0}
    total = 0
    for line in told_by_restic(repository, site.password, "ls", "--json", "--no-lock", identity):
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if row.get("struct_type") == "snapshot":
                heading = row
            if row.get("type") != "file":
                continue
            path = str(row["path"])
            total += int(row.get("size", 0))
            part = "config"
            if path.startswith(root + "/"):
                part = "files"
            elif path.startswith("/var/lib/ungcuu/backup/current/"):
                part = "database"
            counts[part] += 1
    return {"bytes": total, "files": sum(counts.values()), "counts": counts}, heading
