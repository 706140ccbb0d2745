"""What people record of the reports of a case: facts that changed, proofs of sending, acknowledgements, reminders."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ungcuu.case.case import Case
from ungcuu.case.clocks import ESCALATED, Book, Clock, due_reminders, read_book, reminded
from ungcuu.case.record import Record
from ungcuu.core.atomic import put
from ungcuu.core.clock import format_time
from ungcuu.core.errors import ControllerFault, Refused, UsageFault
from ungcuu.core.i18n import _
from ungcuu.hosts.reporting_site import folder_of

MOST_BYTES = 64 << 20  # of one proof of sending


@dataclass(frozen=True)
class Reminder:
    """One reminder that is due: of which clock, which step, and to which roles."""

    clock: Clock
    step: str

    @property
    def escalated(self) -> bool:
        """Whether it goes to the deputies: the due time has passed and nobody acknowledged it."""
        return self.step == ESCALATED


def book_of(case: Case, present: datetime | None = None) -> Book:
    """Return the clocks of a case as they stand now."""
    return read_book(case.records(), case.facts, present or datetime.now(UTC), folder_of(case.settings))


def update(case: Case, changes: Mapping[str, object], reason: str) -> Record:
    """Record facts of the incident that became known or were corrected.

    Raises:
        UsageFault: Nothing is changed, or no reason is given.
        Refused: The case is closed.
    """
    case.refuse_closed()
    if not changes or not reason.strip():
        raise UsageFault(
            _("What changed, and how is it known? Clocks follow it, so the reason is recorded."),
            _("Nothing was changed."),
            f"ungcuu case update {case.id} --personal-data yes --reason TEXT",
        )
    return case.journal().append("case_updated", {**changes, "reason": reason, "operator": case.settings.operator})


def chosen_clock(case: Case, key: str) -> Clock:
    """Return the clock of that name.

    Raises:
        UsageFault: The case has none; says which it has.
    """
    clocks = book_of(case)
    if (clock := clocks.clock(key)) is None:
        raise UsageFault(
            _("Case {case} has no deadline {name}; it has: {known}").format(
                case=case.id, name=repr(key), known=", ".join(one.key for one in clocks.clocks) or "–"
            ),
            _("Nothing was changed."),
            f"ungcuu case status {case.id}",
        )
    return clock


def file_sent(
    case: Case, key: str, file: Path, *, recipients: tuple[str, ...] = (), channel: str, when: datetime
) -> Clock:
    """Keep a copy of what was sent with its hash, record it for each recipient, and return the clock as it is then.

    The copy is whole and on disk before a record names it. A report may still be sent after the case was closed.

    Raises:
        UsageFault: There is no such deadline or recipient, or the time can't be right.
        ControllerFault: The file can't be read or kept.
    """
    clock = chosen_clock(case, key)
    wanted = recipients or clock.stage.recipients
    _refuse_strangers(case, clock, wanted)
    _refuse_time(case, when)
    if not channel.strip():
        raise UsageFault(
            _("How was it sent? The channel is part of the proof."),
            _("Nothing was changed."),
            f"ungcuu case sent {case.id} {key} FILE --channel TEXT",
        )
    data = _read(file, f"ungcuu case sent {case.id} {key} FILE --channel TEXT")
    digest = hashlib.sha256(data).hexdigest()
    kept = case.folder / f"sent-{digest[:16]}{_suffix(file)}"
    try:
        put(kept, data)
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be written: {error}").format(path=kept, error=error.strerror),
            _("Nothing was recorded: the deadline still runs."),
            f"df -h {case.folder}",
        ) from error
    journal = case.journal()
    for role in dict.fromkeys(wanted):
        journal.append(
            "sent",
            {
                "stage": key,
                "recipient": role,
                "channel": channel.strip(),
                "time": format_time(when),
                "file": kept.name,
                "name": file.name,
                "sha256": digest,
                "bytes": len(data),
                "operator": case.settings.operator,
            },
        )
    return chosen_clock(Case(case.settings, case.id), key)


def _refuse_strangers(case: Case, clock: Clock, wanted: tuple[str, ...]) -> None:
    known = clock.stage.recipients
    if strange := [role for role in wanted if role not in known]:
        raise UsageFault(
            _("{name} does not go to {role}; it goes to: {known}").format(
                name=clock.key, role=repr(strange[0]), known=", ".join(known)
            ),
            _("Nothing was changed."),
            f"ungcuu case sent {case.id} {clock.key} FILE --to {known[0]} --channel TEXT",
        )


def acknowledge(case: Case, key: str) -> Record:
    """Record that a person takes care of a deadline: no more reminders. The clock runs on.

    Raises:
        UsageFault: There is no such deadline.
        Refused: It is not running.
    """
    clock = chosen_clock(case, key)
    if not clock.pressing:
        raise Refused(
            _("The deadline {name} is not running.").format(name=key),
            _("Nothing was changed."),
            f"ungcuu case status {case.id}",
        )
    return case.journal().append("acknowledged", {"stage": key, "operator": case.settings.operator})


def due_now(case: Case, present: datetime) -> list[Reminder]:
    """Return the reminders that are due now; :func:`give` records what became of each."""
    records = case.records()
    found = read_book(records, case.facts, present, folder_of(case.settings))
    given = reminded(records)
    return [Reminder(clock, step) for clock in found.clocks for step, _when in due_reminders(clock, given, present)]


def give(case: Case, one: Reminder, present: datetime, how: str) -> None:
    """Record that a reminder was given: on the ``screen``, or by ``notification``."""
    case.journal().append(
        "reminder",
        {
            "stage": one.clock.key,
            "step": one.step,
            "to": "deputy" if one.escalated else "contact",
            "due": format_time(one.clock.due) if one.clock.due else "",
            "at": format_time(present),
            "how": how,
        },
    )


def _refuse_time(case: Case, when: datetime) -> None:
    if when > datetime.now(UTC):
        raise UsageFault(
            _("It can't have been sent in the future: {time}").format(time=when.isoformat()),
            _("Nothing was changed."),
            _("As in: {example}").format(example="--at 2026-11-22T09:30+07:00"),
        )
    if case.facts.detected and format_time(when) < case.facts.detected:
        raise UsageFault(
            _("It can't have been sent before the incident was detected: {time}").format(time=when.isoformat()),
            _("Nothing was changed."),
            f"ungcuu case update {case.id} --detected-at TIME --reason TEXT",
        )


def _read(file: Path, again: str) -> bytes:
    try:
        with file.open("rb") as source:
            data = source.read(MOST_BYTES + 1)
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be read: {error}").format(path=file, error=error.strerror), _("Nothing was changed."), again
        ) from error
    if len(data) > MOST_BYTES:
        raise ControllerFault(
            _("{path} is larger than {size} bytes").format(path=file, size=MOST_BYTES), _("Nothing was changed."), again
        )
    if not data:
        raise ControllerFault(
            _("{path} is empty: it proves nothing.").format(path=file), _("Nothing was changed."), again
        )
    return data


def _suffix(file: Path) -> str:
    return file.suffix.lower() if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", file.suffix) else ""
