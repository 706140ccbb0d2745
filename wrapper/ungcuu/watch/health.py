"""Whether the watch itself still runs: a watch that stopped must not look like a quiet day."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from ungcuu.core.clock import parse_time
from ungcuu.core.errors import ControllerFault
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.watch import store

_LEAST, _MOST = timedelta(minutes=20), timedelta(days=1)


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong with the watch of a host, how bad it is, and the next command."""

    text: str
    level: str
    command: str


def troubles(settings: Settings, host: str, moment: datetime | None = None) -> list[Trouble]:
    """Return what is wrong with the watch of a host, a damaged file too; empty where it runs and nothing is open."""
    try:
        known, now = store.load(settings, host), moment or datetime.now(UTC)
    except ControllerFault as fault:
        return [Trouble(fault.what, "bad", fault.fix)]
    if not known.rounds:
        return [Trouble(_("nothing watches this host"), "warn", "ungcuu watch install")]
    found = []
    if has_stopped(known.rounds, now):
        text = _("the watch has not looked since {time}").format(time=_last_look(known.rounds) or "–")
        found.append(Trouble(text, "bad", f"ungcuu watch round {host}"))
    if count := known.rounds[-1]["undelivered"]:
        text = _("{count} messages of the last round were not delivered").format(count=count)
        found.append(Trouble(text, "bad", f"ungcuu notify test {host}"))
    if waiting := [one for one in known.open() if one.sight.severity != "low"]:
        text = _("{count} alerts wait for somebody to acknowledge them").format(count=len(waiting))
        found.append(Trouble(text, "warn", f"ungcuu watch report {host}"))
    return found


def has_stopped(rounds: Sequence[dict[str, Any]], moment: datetime) -> bool:
    """Whether no round has looked for longer than :func:`patience`: none came, none could, or another run was there."""
    last = _last_look(rounds)
    return not last or moment - parse_time(last) > patience(rounds)


def _last_look(rounds: Sequence[dict[str, Any]]) -> str:
    return next((str(row["time"]) for row in reversed(rounds) if not row["why"] and not row["busy"]), "")


def patience(rounds: Sequence[dict[str, Any]]) -> timedelta:
    """Return for how long no round may come: three times the usual pause between the last ones."""
    times = [parse_time(row["time"]) for row in rounds[-12:]]
    pauses = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(times)]
    return min(max(timedelta(seconds=3 * median(pauses)), _LEAST), _MOST) if pauses else _MOST
