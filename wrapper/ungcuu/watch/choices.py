"""What a site chose for its watch: who is notified, in which language, when nobody is woken. Read from its facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

REPEAT_MINUTES = 60
ESCALATE_MINUTES = 30


@dataclass(frozen=True)
class Choices:
    """The facts of one host's watch. Addresses carry passwords and tokens: they are never shown.

    ``quiet``: two times of the controller's own clock between which only what is critical is sent; None for never.
    """

    targets: tuple[str, ...] = ()
    deputy: tuple[str, ...] = ()
    language: str = "vi"
    quiet: tuple[time, time] | None = None
    escalate: timedelta = timedelta(minutes=ESCALATE_MINUTES)
    repeat: timedelta = timedelta(minutes=REPEAT_MINUTES)
    ping: str = ""

    def of_tier(self, tier: str) -> tuple[str, ...]:
        """Return the addresses of ``main`` or ``deputy``."""
        return self.deputy if tier == "deputy" else self.targets

    def is_quiet(self, moment: datetime) -> bool:
        """Whether nobody is to be woken now by what is not critical; ``moment`` as the controller's clock shows it."""
        if self.quiet is None:
            return False
        (begin, end), now = self.quiet, moment.time()
        return begin <= now < end if begin <= end else now >= begin or now < end


def from_facts(known: Mapping[str, Any]) -> Choices:
    """Return the choices of a host out of its variables, whose form was checked before."""
    return Choices(
        targets=tuple(map(str, known.get("watch_targets") or ())),
        deputy=tuple(map(str, known.get("watch_deputy_targets") or ())),
        language=str(known.get("watch_language") or "vi"),
        quiet=_quiet(str(known.get("watch_quiet_hours") or "")),
        escalate=timedelta(minutes=int(known.get("watch_escalate_minutes") or ESCALATE_MINUTES)),
        repeat=timedelta(minutes=int(known.get("watch_repeat_minutes") or REPEAT_MINUTES)),
        ping=str(known.get("watch_ping_address") or ""),
    )


def _quiet(text: str) -> tuple[time, time] | None:
    if not text:
        return None
    begin, _dash, end = text.partition("-")
    return time.fromisoformat(begin), time.fromisoformat(end)
