"""Calendars as RFC 5545 writes them: events of whole days out, and in again. No alarm, no address, no recurrence.

Text is escaped, lines are folded at 75 bytes, and nothing that a name holds can begin a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

_ESCAPES = {"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LINE = re.compile(r"([A-Za-z-]+)((?:;[^:\"]*(?:\"[^\"]*\"[^:\"]*)*)?):(.*)\Z", re.DOTALL)
_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T\d{6}Z?)?\Z", re.ASCII)


@dataclass(frozen=True)
class Event:
    """One day on which something is due. ``uid`` is the same for the same thing in every export."""

    uid: str
    day: date
    summary: str
    description: str = ""
    category: str = ""


def write(events: Iterable[Event], stamp: datetime, name: str) -> str:
    """Return the calendar; ``stamp`` (UTC) is when it was drawn up."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//ungcuu//register//EN", f"X-WR-CALNAME:{escape(name)}"]
    for event in events:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{escape(event.uid)}",
            f"DTSTAMP:{stamp:%Y%m%dT%H%M%SZ}",
            f"DTSTART;VALUE=DATE:{event.day.year:04d}{event.day:%m%d}",
            f"SUMMARY:{escape(event.summary)}",
        ]
        lines += [f"DESCRIPTION:{escape(event.description)}"] if event.description else []
        lines += [f"CATEGORIES:{escape(event.category)}"] if event.category else []
        lines += ["TRANSP:TRANSPARENT", "END:VEVENT"]
    return "".join(f"{folded(line)}\r\n" for line in [*lines, "END:VCALENDAR"])


def escape(text: str) -> str:
    """Return a text as a value of a property: line ends and separators escaped, other control characters left out."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(_ESCAPES.get(char, char) for char in plain if char in "\n\t" or char.isprintable() or char == " ")


def folded(line: str) -> str:
    """Return a line in pieces of at most 75 bytes, none of which splits a character."""
    pieces: list[bytes] = []
    piece = b""
    for char in line:
        data = char.encode("utf-8", "replace")
        if len(piece) + len(data) > 75 - (1 if pieces else 0):  # a later piece begins with a space
            pieces.append(piece)
            piece = b""
        piece += data
    return "\r\n ".join(part.decode() for part in [*pieces, piece])


def read(text: str) -> list[Event]:
    """Return the events and tasks of a calendar, in its order.

    Raises:
        ValueError: It is no calendar, or an event lacks its day, name or identifier; the line is named.
    """
    found, fields, start = [], dict[str, str](), 0
    seen = False
    for number, line in _unfolded(text):
        parts = _LINE.match(line)
        if parts is None:
            raise ValueError(f"line {number}: {line[:40]!r}")
        name, value = parts[1].upper(), parts[3]
        seen = seen or (name, value.upper()) == ("BEGIN", "VCALENDAR")
        if name == "BEGIN" and value.upper() in ("VEVENT", "VTODO"):
            fields, start = {"at": str(number)}, number
        elif name == "END" and value.upper() in ("VEVENT", "VTODO") and fields:
            found.append(_event(fields, start))
            fields = {}
        elif fields:
            fields.setdefault(name, value)
    if not seen or fields:
        raise ValueError("BEGIN:VCALENDAR … END:VCALENDAR")
    return found


def _event(fields: dict[str, str], line: int) -> Event:
    day = fields.get("DUE") or fields.get("DTSTART") or ""
    parts = _DAY.match(day.strip())
    if parts is None:
        raise ValueError(f"line {line}: DTSTART {day[:40]!r}")
    if not fields.get("UID") or not fields.get("SUMMARY"):
        raise ValueError(f"line {line}: UID, SUMMARY")
    try:
        moment = date(int(parts[1]), int(parts[2]), int(parts[3]))
    except ValueError as error:
        raise ValueError(f"line {line}: DTSTART {day[:40]!r}") from error
    texts = {name: _plain(fields.get(name, "")) for name in ("UID", "SUMMARY", "DESCRIPTION", "CATEGORIES")}
    return Event(texts["UID"], moment, texts["SUMMARY"], texts["DESCRIPTION"], texts["CATEGORIES"])


def _plain(value: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line whole, with the number of its first part."""
    number, whole = 0, ""
    for count, line in enumerate(text.replace("\r\n", "\n").removeprefix("\ufeff").split("\n"), 1):
        if line[:1] in (" ", "\t") and whole:
            whole += line[1:]
            continue
        if whole.strip():
            yield number, whole
        number, whole = count, line
    if whole.strip():
        yield number, whole
