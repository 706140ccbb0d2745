"""What the watch did over time, as numbers: rounds, delay from change to message, alarms, false alarms. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from statistics import median
from typing import Any

from ungcuu.core.clock import parse_time
from ungcuu.watch.alerts import NOTIFIED, Alert
from ungcuu.watch.store import Known


def numbers(known: Known) -> dict[str, Any]:
    """Return the numbers of one host. A delay is from the change, by the host's clock, to the first delivery.

    A finding of the first round may be older than the watch: it has no delay.
    """
    rounds, alerts = known.rounds, [one for one in known.alerts.values() if not one.sight.explained]
    begun = parse_time(rounds[0]["time"]) if rounds else None
    delays = sorted(_delays(alerts, begun))
    return {
        "rounds": len(rounds),
        "since": rounds[0]["time"] if rounds else "",
        "last": rounds[-1]["time"] if rounds else "",
        "full": sum(row["full"] for row in rounds),
        "failed": sum(bool(row["why"]) for row in rounds),
        "seconds": round(median(row["seconds"] for row in rounds), 2) if rounds else None,
        "alerts": dict(Counter(one.sight.severity for one in alerts)),
        "open": sum(one.open for one in alerts),
        "false_alarms": sum(one.false_alarm for one in alerts),
        "false_alarms_by_month": dict(sorted(Counter(one.raised[:7] for one in alerts if one.false_alarm).items())),
        "alerts_by_month": dict(sorted(Counter(one.raised[:7] for one in alerts).items())),
        "delay_seconds": {"median": round(median(delays)), "most": round(delays[-1])} if delays else None,
    }


def _delays(alerts: Iterable[Alert], begun: datetime | None) -> Iterable[float]:
    for alert in alerts:
        first = min(alert.delivered.values(), default="")
        if not first or not alert.sight.since or begun is None or alert.sight.severity not in NOTIFIED:
            continue
        since = parse_time(alert.sight.since)
        if since >= begun:
            yield max(0.0, (parse_time(first) - since).total_seconds())
