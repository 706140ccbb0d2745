"""Restore points as the controller last heard of them from the vault: `<state>/hosts/<host>/restore_points.json`.

The vault's ledger is the truth; this copy answers "how old is the last good backup?" without asking anybody. It is
written by the playbooks `backup` and `restore_points`, and read by doctor, patch and the reports.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ungcuu.screen import clean

FILE = "restore_points.json"
_MOST_BYTES = 8 << 20


@dataclass(frozen=True)
class RestorePoint:
    """One restore point. Times are UTC by the vault's clock; `proven` and `scanned` are empty until they happened."""

    id: str
    time: str
    host: str
    bytes: int
    files: int
    added_bytes: int = 0
    changed: str = ""
    scanned: str = ""
    clean: bool | None = None
    proven: str = ""
    missing: bool = False

    @property
    def short(self) -> str:
        """The id as people say it."""
        return self.id[:8]

    def age_seconds(self, now: datetime | None = None) -> float:
        """Seconds since the point was taken: the RPO if the host were lost now."""
        taken = datetime.strptime(self.time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        return ((now or datetime.now(UTC)) - taken).total_seconds()

    def as_data(self) -> dict[str, object]:
        """Return the point for the journal and `--json`."""
        return asdict(self)


def parse(document: Mapping[str, Any]) -> tuple[RestorePoint, ...]:
    """Return the points of a vault's answer, newest first; what is not a point is left out."""
    points = []
    for row in document.get("points") or ():
        try:
            points.append(_point(row))
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return tuple(sorted(points, key=lambda point: point.time, reverse=True))


def load(host_folder: Path) -> tuple[RestorePoint, ...]:
    """Return the points that the controller knows of a host, newest first; none where it never asked."""
    try:
        path = host_folder / FILE
        if path.stat().st_size > _MOST_BYTES:
            return ()
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    return parse(document) if isinstance(document, dict) else ()


def newest(host_folder: Path) -> RestorePoint | None:
    """Return the newest point that the vault still holds."""
    return next((point for point in load(host_folder) if not point.missing), None)


def last_proven(host_folder: Path) -> str:
    """When a restore of this host's backups was last proven by trying it; empty for never."""
    return max((point.proven for point in load(host_folder)), default="")


def _point(row: Mapping[str, Any]) -> RestorePoint:
    scan = row.get("scan") or {}
    point = RestorePoint(
        id=str(row["id"]),
        time=str(row["time"]),
        host=clean(str(row["host"]), 80),
        bytes=int(row["bytes"]),
        files=int(row["files"]),
        added_bytes=int(row.get("added_bytes") or 0),
        changed=clean(str(row.get("changed") or ""), 120),
        scanned=clean(str(scan.get("time") or ""), 30),
        clean=bool(scan["clean"]) if "clean" in scan else None,
        proven=clean(str(row.get("proven") or ""), 30),
        missing=bool(row.get("missing")),
    )
    int(point.id, 16)
    point.age_seconds()
    return point
