"""What an alert is made of: findings of a scan, and hosts that the watch can't look at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ungcuu.core.clock import format_time
from ungcuu.core.i18n import N_
from ungcuu.core.terminal import clean
from ungcuu.detect.findings import substance
from ungcuu.watch.alerts import Sight

BLIND = N_("the watch could not look at the host, twice in a row")


def of_findings(host: str, findings: Iterable[Mapping[str, Any]]) -> list[Sight]:
    """Return the findings of one scan, as findings.json holds them."""
    return [
        Sight(
            id=str(row["id"]),
            host=host,
            source="scan",
            rule=str(row["rule"]),
            severity=str(row["severity"]),
            title=str(row["title"]),
            place=clean(row["path"], 400),
            since=_since(row.get("evidence")),
            command=f"ungcuu scan {host}",
            mark=digest(substance(row)),
        )
        for row in findings
    ]


def blind(host: str, why: str) -> Sight:
    """Return that a host can't be looked at: an intruder who cuts the watch off must not be met with silence."""
    key = digest("watch.blind", host)
    return Sight(key, host, "watch", "watch.blind", "high", BLIND, clean(why, 200), command=f"ungcuu doctor {host}")


def digest(*parts: str) -> str:
    """Return a stable short id of these words."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _since(evidence: object) -> str:
    """When the file last changed, by the host's clock; empty where it says nothing or nonsense."""
    seconds = evidence.get("ctime") if isinstance(evidence, Mapping) else None
    if not isinstance(seconds, int) or not 0 < seconds < 1 << 36:
        return ""
    return format_time(datetime.fromtimestamp(seconds, UTC))
