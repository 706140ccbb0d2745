"""Bring the alerts of a host to people: what is due goes out, and what was taken is written down.

The file is read, the messages are sent without holding it, and what was taken is put into the file as it is then. A
controller that dies in between sends a message twice rather than never.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ungcuu.core.i18n import in_language
from ungcuu.core.settings import Settings
from ungcuu.watch import alerts, store
from ungcuu.watch.alerts import TIERS, Alert
from ungcuu.watch.choices import Choices
from ungcuu.watch.delivery import Delivery, send
from ungcuu.watch.message import Message, compose
from ungcuu.watch.outside.appearance import difference_path

Send = Callable[[str, Message], Delivery]


@dataclass(frozen=True)
class Sent:
    """One message to one address: which alerts it was about, and what became of it."""

    tier: str
    number: int
    ids: tuple[str, ...]
    delivery: Delivery

    def record(self) -> dict[str, object]:
        """Return it for the journal: no address, no text."""
        return {
            "do": "delivered" if self.delivery.ok else "not delivered",
            "address": f"{self.tier}/{self.number}",
            "kind_of_address": self.delivery.kind,
            "why": self.delivery.why,
            "alerts": list(self.ids),
        }


def dispatch(
    settings: Settings, host: str, choices: Choices, send: Send = send, moment: datetime | None = None
) -> list[Sent]:
    """Send what is due now, each address by itself; return what became of it.

    Raises:
        ControllerFault, Locked: The file of alerts can't be read or written.
    """
    now = moment or datetime.now(UTC)
    known = store.load(settings, host).alerts
    sent = []
    for tier in TIERS:
        for number, address in enumerate(choices.of_tier(tier), 1):
            if rows := alerts.due(known.values(), choices, tier, number, now):
                with in_language(choices.language):
                    message = replace(compose(host, rows, tier), pictures=_pictures(settings, rows))
                ids = tuple(one.sight.id for one in rows)
                sent.append(Sent(tier, number, ids, send(address, message)))
    if any(row.delivery.ok for row in sent):
        with store.changing(settings, host) as present:
            _mark(present.alerts, sent, now)
    return sent


def _pictures(settings: Settings, rows: Sequence[Alert]) -> tuple[Path, ...]:
    """Where it is seen how a page differs from the approved one."""
    hosts = dict.fromkeys(one.sight.host for one in rows if one.sight.rule == "outside.picture")
    return tuple(difference_path(settings, host) for host in hosts)


def _mark(present: dict[str, Alert], sent: list[Sent], now: datetime) -> None:
    for row in sent:
        for key in row.ids if row.delivery.ok else ():
            if key in present:
                present[key] = alerts.delivered(present[key], row.tier, row.number, now)
