"""The register as a table (CSV) and as a calendar (iCalendar), out and in.

A cell that a spreadsheet would compute (CWE-1236) gets an apostrophe before it on the way out, and loses it on the
way in: what comes back is what went out. Items of a list stand in one cell, each on a line of its own.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ungcuu.core import icalendar
from ungcuu.core.i18n import _
from ungcuu.prepare.register.entry import ID, Entry
from ungcuu.prepare.register.kinds import KINDS, Unfit, fields_of
from ungcuu.prepare.register.store import Register, made

MOST_BYTES = 20 << 20  # of a file to import
_FORMULA = ("=", "+", "-", "@", "|", "%")
_OURS = "@ungcuu"


@dataclass(frozen=True)
class Imported:
    """What an import comes to: records that are new, that differ from what stands there, that are there already."""

    new: tuple[Entry, ...] = ()
    changed: tuple[Entry, ...] = ()
    same: int = 0
    passed_over: int = 0  # events that ungcuu itself put into a calendar and that are no record


class BadRow(ValueError):
    """A row or event that can't be taken: where it stands, and why."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place = place
        self.why = why


def columns() -> list[str]:
    """Return the columns of the table: what any kind may have."""
    return list(dict.fromkeys(["id", *(name for kind in KINDS for name in fields_of(kind))]))


def as_csv(entries: Iterable[Entry]) -> str:
    """Return the table (RFC 4180), with a mark that lets spreadsheets read it as UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    names = columns()
    writer.writerow(names)
    for entry in entries:
        texts = {"id": entry.id, **entry.as_texts()}
        writer.writerow([_cell(texts.get(name, "")) for name in names])
    return "\ufeff" + out.getvalue()


def _cell(value: str | list[str]) -> str:
    text = value if isinstance(value, str) else "\n".join(value)
    return f"'{text}" if _computed(text) else text


def _computed(text: str) -> bool:
    """Whether a spreadsheet might compute it; also where an apostrophe or a quote stands before it."""
    return text.lstrip(" '\"\n").startswith(_FORMULA)


def _uncell(text: str) -> str:
    return text[1:] if text.startswith("'") and _computed(text[1:]) else text


def from_csv(text: str, register: Register, today: date) -> Imported:
    """Judge each row of a table.

    Raises:
        BadRow: It is no table of the register, or a row can't be taken.
    """
    head, _rest = text.removeprefix("\ufeff").split("\n", 1) if "\n" in text else (text.removeprefix("\ufeff"), "")
    separator = max(",;\t", key=head.count)
    try:
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise BadRow(_("the table"), str(error)) from error
    names = [name.strip() for name in rows[0]] if rows else []
    unknown = [name for name in names if name not in columns()]
    if "id" not in names or unknown or len(set(names)) != len(names):
        raise BadRow(
            _("row {number}").format(number=1),
            _("the first row has to name columns, id among them; unknown: {names}").format(
                names=", ".join(unknown)[:200] or "–"
            ),
        )
    table = _Table(names, register, today)
    return _sorted(
        [table.entry(number, row) for number, row in enumerate(rows[1:], 2) if any(cell.strip() for cell in row)],
        register,
    )


class _Table:
    """The rows of one table, judged one after the other: a name may stand once."""

    def __init__(self, names: list[str], register: Register, today: date) -> None:
        self.names, self.register, self.today = names, register, today
        self.taken: set[str] = set()
        self.numbers: dict[str, int] = {}

    def entry(self, number: int, row: list[str]) -> Entry:
        """Return the record of a row.

        Raises:
            BadRow: It can't be taken.
        """
        place = _("row {number}").format(number=number)
        if len(row) != len(self.names):
            message = _("has {count} cells, the first row {wanted}")
            raise BadRow(place, message.format(count=len(row), wanted=len(self.names)))
        cells = {name: _uncell(cell) for name, cell in zip(self.names, row, strict=True) if cell.strip()}
        wanted = self._id(place, cells.pop("id", "").strip())
        fields = fields_of(wanted.partition("-")[0])
        raw = {
            name: cell.split("\n") if name in fields and fields[name].form in ("texts", "names") else cell
            for name, cell in cells.items()
        }
        return _made(place, self.register, wanted, raw, self.today)

    def _id(self, place: str, wanted: str) -> str:
        """The id of a row; a kind instead of an id takes the next free number."""
        if wanted in KINDS:
            kind, number = wanted, self.numbers.get(wanted, 1)
            while (wanted := f"{kind}-{number:03d}") in self.taken or not self.register.is_free(wanted):
                number += 1
            self.numbers[kind] = number
        if not ID.match(wanted) or wanted in self.taken:
            message = _("id {id}: has to be a kind, a dash and a number or word, once in the table")
            raise BadRow(place, message.format(id=wanted[:80]))
        self.taken.add(wanted)
        return wanted


def _made(place: str, register: Register, wanted: str, raw: dict[str, str | list[str]], today: date) -> Entry:
    try:
        return made(register, wanted.partition("-")[0], raw, today, wanted)
    except Unfit as error:
        raise BadRow(place, f"{error.field}: {error.why}" if error.field else error.why) from error


def _sorted(entries: Iterable[Entry], register: Register, passed_over: int = 0) -> Imported:
    new, changed, same = [], [], 0
    for entry in entries:
        known = register.find(entry.id)
        if known == entry:
            same += 1
        elif known is None:
            new.append(entry)
        else:
            changed.append(entry)
    return Imported(tuple(new), tuple(changed), same, passed_over)


def uid_of(entry_id: str) -> str:
    """Return the identifier of a record, or of something that is due, in a calendar."""
    return f"{entry_id}{_OURS}"


def from_calendar(text: str, register: Register, today: date) -> Imported:
    """Judge each event: one of ungcuu's own changes the day and title of its record; another becomes a planned one.

    Raises:
        BadRow: It is no calendar, or an event can't be taken.
    """
    try:
        events = icalendar.read(text)
    except ValueError as error:
        raise BadRow(_("the calendar"), str(error)) from error
    found: dict[str, Entry] = {}
    passed_over = 0
    for event in events:
        entry = _of_event(event, register, today)
        if entry is None:
            passed_over += 1
        else:
            found[entry.id] = entry
    return _sorted(found.values(), register, passed_over)


def _of_event(event: icalendar.Event, register: Register, today: date) -> Entry | None:
    own = event.uid.endswith(_OURS)
    wanted = event.uid.removesuffix(_OURS) if own else ""
    known = register.find(wanted) if wanted else None
    if own and (known is None or known.done is not None or not ID.match(wanted)):
        return None
    kind = known.kind if known else event.category if event.category in KINDS else "task"
    if known is None:
        wanted = f"{kind}-{hashlib.sha256(event.uid.encode()).hexdigest()[:10]}"
        known = register.find(wanted)
    raw: dict[str, str | list[str]] = dict(known.as_texts()) if known else {}
    raw |= {"title": event.summary, "due": event.day.isoformat()}
    if not own and event.description:
        raw["notes"] = event.description
    return _made(_("the event {uid}").format(uid=event.uid[:80]), register, wanted, raw, today)
