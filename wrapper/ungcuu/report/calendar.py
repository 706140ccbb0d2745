"""Deadlines as iCalendar (RFC 5545). Pure; text is escaped and folded, times are UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from ungcuu import __version__
from ungcuu.case.clocks import Book, Clock
from ungcuu.core.i18n import _
from ungcuu.core.icalendar import escape, folded
from ungcuu.core.terminal import clean
from ungcuu.hosts.reporting_site import ROLES


def as_ics(books: Iterable[tuple[str, str, Book]], present: datetime) -> str:
    """Return a calendar of the deadlines that still run: (case, its title, its clocks)."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:-//ungcuu {__version__}//EN"]
    for case, title, book in books:
        for clock in book.pressing:
            lines += _event(case, title, clock, present)
    return "".join(folded(line) + "\r\n" for line in [*lines, "END:VCALENDAR"])


def _event(case: str, title: str, clock: Clock, present: datetime) -> list[str]:
    assert clock.due is not None  # noqa: S101  (it is pressing)
    to = ", ".join(_(ROLES[role]) for role in clock.missing)
    details = _("{case}: {title}. To: {to}. Nothing here sends it: a person does.").format(
        case=case, title=clean(title, 200), to=to
    )
    alarms = [line for hours in clock.stage.remind for line in _alarm(case, hours)]
    return [
        "BEGIN:VEVENT",
        f"UID:{case}-{clock.key}@ungcuu",
        f"DTSTAMP:{_moment(present)}",
        f"DTSTART:{_moment(clock.due)}",
        f"SUMMARY:{_text(f'{case}: {clock.stage.title}')}",
        f"DESCRIPTION:{_text(details)}",
        *alarms,
        "END:VEVENT",
    ]


def _alarm(case: str, hours: int) -> list[str]:
    return ["BEGIN:VALARM", "ACTION:DISPLAY", f"DESCRIPTION:{_text(case)}", f"TRIGGER:-PT{hours}H", "END:VALARM"]


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    """A value in which nothing ends the line or the property."""
    return escape(clean(text, 1000))
