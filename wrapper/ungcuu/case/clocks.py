"""The clocks of a case: what is due when and to whom, what was sent, who acknowledged. Pure, from records and profiles.

1. The incident and personal data have clocks of their own, each from its own detection.
2. What is not known counts as the stricter: personal data that nobody has ruled out is due like a breach.
3. A clock is stopped by a person's record alone, never by what a host says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from ungcuu.case.facts import Facts, from_host
from ungcuu.case.record import Record
from ungcuu.case.reporting_profile import DEFAULTS, Profile, Stage, load
from ungcuu.core.clock import parse_time
from ungcuu.core.errors import UngcuuError
from ungcuu.core.i18n import _

_RANK = {"low": 0, "medium": 1, "high": 2, "critical": 3}
_HIGHEST = 3
ESCALATED = "escalated"
REPEAT = timedelta(hours=4)  # of what is overdue and nobody acknowledged


class State(StrEnum):
    """How a clock stands."""

    SENT = "sent"
    LATE = "sent late"
    OVERDUE = "overdue"
    RUNNING = "running"
    WAITING = "not started"
    OPEN = "no limit"


@dataclass(frozen=True)
class Clock:
    """One stage in one case. ``start`` and ``due`` are None where it has not started, or has no limit.

    ``sent`` is when it was sent, by the person who recorded it; ``to`` are the recipients that it was sent to.
    ``uncertain``: it runs because nobody has ruled out that personal data leaked.
    """

    profile: str
    stage: Stage
    start: datetime | None
    due: datetime | None
    state: State
    sent: datetime | None = None
    to: tuple[str, ...] = ()
    acknowledged: str = ""
    uncertain: bool = False

    @property
    def key(self) -> str:
        """The name by which commands call it."""
        return self.stage.key

    @property
    def stopped(self) -> bool:
        """Whether it was sent to everybody."""
        return self.state in (State.SENT, State.LATE)

    @property
    def pressing(self) -> bool:
        """Whether somebody has to act: it runs or ran out."""
        return self.state in (State.RUNNING, State.OVERDUE)

    @property
    def missing(self) -> tuple[str, ...]:
        """Recipients that nothing was sent to yet."""
        return () if self.stopped else tuple(role for role in self.stage.recipients if role not in self.to)


@dataclass
class _Said:
    """What people recorded of one stage."""

    sent: dict[str, datetime] = field(default_factory=dict)  # recipient → when
    whole: datetime | None = None  # finished without naming a recipient
    acknowledged: str = ""


@dataclass(frozen=True)
class Book:
    """All clocks of a case, and what speaks against the profiles that they follow."""

    clocks: tuple[Clock, ...]
    doubts: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def clock(self, key: str) -> Clock | None:
        """Return the clock of a stage."""
        return next((clock for clock in self.clocks if clock.key == key), None)

    @property
    def pressing(self) -> list[Clock]:
        """Those that somebody has to act on, the most urgent first."""
        return sorted((clock for clock in self.clocks if clock.pressing), key=lambda clock: str(clock.due))


def read_book(records: Sequence[Record], facts: Facts, present: datetime, folder: Path | None = None) -> Book:
    """Return the clocks of a case by the profiles that it was opened with, by default those of today.

    A profile that is missing or damaged is named among the doubts, and the default ones take its place: a clock that
    nobody sees would be worse than one too many.
    """
    profiles: list[Profile] = []
    faults: list[str] = []
    for name in facts.reporting or DEFAULTS:
        try:
            profiles.append(load(name, folder))
        except UngcuuError as error:
            faults.append(_("A reporting profile of this case can't be used: {why}").format(why=error.what))
    if faults:
        profiles += [load(name) for name in DEFAULTS if name not in {profile.name for profile in profiles}]
    found = book(records, facts, profiles, present)
    return replace(found, doubts=(*faults, *found.doubts))


def book(records: Sequence[Record], facts: Facts, profiles: Sequence[Profile], present: datetime) -> Book:
    """Return the clocks of a case as they stand at one moment. Pure but for the language in use."""
    said = _said(records)
    clocks: dict[str, Clock] = {}
    for profile in profiles:
        for stage in profile.stages:
            if stage.key not in clocks and _applies(stage, profile, facts):
                clocks[stage.key] = _clock(
                    profile, stage, facts, said=said.get(stage.key, _Said()), before=clocks, present=present
                )
    doubts = tuple(text for profile in profiles for text in profile.doubts(today(present)))
    return Book(tuple(clocks.values()), doubts, tuple(str(text) for profile in profiles for text in profile.unverified))


def _applies(stage: Stage, profile: Profile, facts: Facts) -> bool:
    """A severity that nobody knows counts as the highest; only a clear no switches the clock of personal data off."""
    if stage.trigger == "personal-data":
        return facts.personal_data != "no"
    rank = _RANK.get(facts.severity, _HIGHEST)
    if stage.trigger == "serious":
        return rank >= _RANK[profile.thresholds.serious]
    return stage.trigger == "every" or rank >= _RANK[profile.thresholds.severe]


def _clock(
    profile: Profile, stage: Stage, facts: Facts, *, said: _Said, before: Mapping[str, Clock], present: datetime
) -> Clock:
    start = _start(stage, facts, before)
    due = stage.due_after(start) if start else None
    to = tuple(role for role in stage.recipients if role in said.sent)
    sent = said.whole or (max(said.sent[role] for role in to) if len(to) == len(stage.recipients) else None)
    return Clock(
        profile=profile.name,
        stage=stage,
        start=start,
        due=due,
        state=_state(start, due, sent, present),
        sent=sent,
        to=to,
        acknowledged=said.acknowledged,
        uncertain=stage.trigger == "personal-data" and facts.personal_data == "unknown",
    )


def _state(start: datetime | None, due: datetime | None, sent: datetime | None, present: datetime) -> State:
    if sent is not None:
        # "immediately" means without delay, which no clock can judge to the minute: an hour is not called late.
        allowance = timedelta(hours=1) if due == start else timedelta()
        return State.LATE if due is not None and sent > due + allowance else State.SENT
    if start is None:
        return State.WAITING
    if due is None:
        return State.OPEN
    return State.OVERDUE if present > due else State.RUNNING


def _start(stage: Stage, facts: Facts, before: Mapping[str, Clock]) -> datetime | None:
    if stage.clock == "sent":
        first = before.get(stage.after)
        return (first.sent or first.due) if first else None
    text = {
        "detected": facts.detected,
        "personal-data": facts.personal_data_at or facts.detected,
        "recovered": facts.recovered or facts.closed,
    }[stage.clock]
    return _moment(text)


def _said(records: Sequence[Record]) -> dict[str, _Said]:
    """Fold what people recorded; `task_done` with a stage's key is the way of the first release, and of a telephone."""
    found: dict[str, _Said] = {}
    for record in records:
        if from_host(record) or record.kind not in ("sent", "acknowledged", "task_done"):
            continue
        key = str(record.data.get("task" if record.kind == "task_done" else "stage") or "")
        said = found.setdefault(key, _Said())
        if record.kind == "acknowledged":
            said.acknowledged = str(record.data.get("operator") or "?")
        elif record.kind == "task_done":
            said.whole = said.whole or record.moment
        else:
            when = _moment(record.data.get("time")) or record.moment
            said.sent.setdefault(str(record.data.get("recipient") or ""), when)
    return found


def _moment(text: Any) -> datetime | None:
    try:
        return parse_time(str(text)).astimezone(UTC)
    except ValueError:
        return None


def due_reminders(clock: Clock, given: Mapping[str, datetime], present: datetime) -> list[tuple[str, datetime]]:
    """Return the reminders of a clock that are due: (``before-12h`` or ``escalated``, since when).

    Of several that are due only the newest is given, once. What is overdue goes to the deputy, again and again, until
    it is acknowledged or sent. ``given`` says when each was given last; where that lies in the future, this machine's
    clock was set back, and the reminder is due again: silence would be worse.
    """
    if not clock.pressing or clock.due is None or clock.acknowledged:
        return []
    steps = [(f"before-{hours}h", clock.due - timedelta(hours=hours)) for hours in sorted(clock.stage.remind)[::-1]]
    steps.append((ESCALATED, clock.due))
    reached = [(name, when) for name, when in steps if when <= present]
    if not reached:
        return []
    last = given.get(f"{clock.key}:{reached[-1][0]}")
    if last is None or last > present:
        return [reached[-1]]
    return [reached[-1]] if reached[-1][0] == ESCALATED and present - last >= REPEAT else []


def reminded(records: Sequence[Record]) -> dict[str, datetime]:
    """Return the reminders that were given: ``stage:step`` → when last."""
    return {
        f"{record.data.get('stage')}:{record.data.get('step')}": _moment(record.data.get("at")) or record.moment
        for record in records
        if record.kind == "reminder" and not from_host(record)
    }


def today(present: datetime) -> date:
    """The day in Vietnam: contacts and profiles are dated there, whatever this machine's clock shows."""
    return (present.astimezone(UTC) + timedelta(hours=7)).date()
