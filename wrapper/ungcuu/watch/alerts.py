"""What was found and must reach a person, until somebody says "I have it". Pure: no file, no network, no clock.

1. A finding raises one alert. It is raised again when something else stands at its place, or when it had gone.
2. An alert is due at once, again after ``repeat``, and to the deputy after ``escalate``, until it is acknowledged.
3. What was not delivered stays due: only an address that took the message counts.
4. In quiet hours only what is critical goes out. Nothing is dropped; the rest is due when they end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ungcuu.core.clock import format_time, parse_time
from ungcuu.watch.choices import Choices

TIERS = ("main", "deputy")
GRAVE = frozenset({"critical", "high"})
NOTIFIED = GRAVE | {"medium"}
ORDER = ("critical", "high", "medium", "low")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Sight:
    """One thing that was seen and should not be there. Texts are cleaned; ``title`` is an English message id.

    ``mark`` is a digest of what stands there: another mark at the same place is another thing to judge. ``since`` is
    what the host claims. Once a whole look at its ``source`` no longer shows it, it has gone. ``explained``: the run of
    ungcuu that did it; such a sight is listed and alarms nobody.
    """

    id: str
    host: str
    source: str
    rule: str
    severity: str
    title: str
    place: str
    since: str = ""
    command: str = ""
    mark: str = ""
    explained: str = ""


@dataclass(frozen=True)
class Alert:
    """One thing that a person has to know. ``delivered``: when each address last took it, by tier and number."""

    sight: Sight
    raised: str
    delivered: Mapping[str, str] = field(default_factory=dict)
    acknowledged: str = ""
    by: str = ""
    reason: str = ""
    false_alarm: bool = False
    gone: str = ""

    @property
    def open(self) -> bool:
        """Whether it still waits for somebody to acknowledge it."""
        return not self.acknowledged and not self.sight.explained

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def from_document(row: Mapping[str, Any]) -> Alert:
    """Return an alert out of :meth:`Alert.document`.

    Raises:
        KeyError, TypeError: It is something else.
    """
    return Alert(**{**row, "sight": Sight(**row["sight"]), "delivered": dict(row["delivered"])})


def merge(
    known: Mapping[str, Alert], seen: Iterable[Sight], looked_at: Iterable[str], now: str
) -> tuple[dict[str, Alert], list[Alert]]:
    """Return all alerts after a look at these sources, and those that the look raised."""
    rows, raised = dict(known), list[Alert]()
    there: dict[str, Sight] = {}
    for one in seen:
        there.setdefault(one.id, one)
    for key, sight in there.items():
        before = rows.get(key)
        if before is None or before.gone or _another(before, sight):
            rows[key] = Alert(sight, now)
            raised.append(rows[key])
        else:
            rows[key] = replace(before, sight=sight)
    sources = set(looked_at)
    for key, alert in rows.items():
        if alert.sight.source in sources and key not in there and not alert.gone:
            rows[key] = replace(alert, gone=now)
    return rows, raised


def _another(before: Alert, sight: Sight) -> bool:
    """A verdict on one content is none on the next; a file that only grows must not ring all day: grave ones only."""
    return sight.severity in GRAVE and bool(before.acknowledged) and before.sight.mark != sight.mark


def due(alerts: Iterable[Alert], choices: Choices, tier: str, number: int, now: datetime) -> list[Alert]:
    """Return what this address of a tier is to be sent now, worst first; ``now`` with its zone."""
    quiet = choices.is_quiet(now.astimezone())
    key = f"{tier}/{number}"
    found = [
        alert
        for alert in alerts
        if alert.open
        and alert.sight.severity in NOTIFIED
        and not (quiet and alert.sight.severity != "critical")
        and _for_tier(alert, choices, tier, now)
        and _again(alert, choices, alert.delivered.get(key, ""), now)
    ]
    return sorted(found, key=lambda alert: (ORDER.index(alert.sight.severity), alert.sight.rule, alert.sight.place))


def _for_tier(alert: Alert, choices: Choices, tier: str, now: datetime) -> bool:
    if tier == "main":
        return True
    return alert.sight.severity in GRAVE and now - parse_time(alert.raised) >= choices.escalate


def _again(alert: Alert, choices: Choices, last: str, now: datetime) -> bool:
    pause = choices.repeat if alert.sight.severity in GRAVE else max(choices.repeat, _DAY)
    return not last or now - parse_time(last) >= pause


def delivered(alert: Alert, tier: str, number: int, now: datetime) -> Alert:
    """Return the alert after this address took it."""
    return replace(alert, delivered={**alert.delivered, f"{tier}/{number}": format_time(now)})


def acknowledge(alert: Alert, by: str, reason: str, false_alarm: bool, now: str) -> Alert:
    """Return the alert after somebody took it on."""
    return replace(alert, acknowledged=now, by=by, reason=reason, false_alarm=false_alarm)
