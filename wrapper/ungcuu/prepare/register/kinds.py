"""What the register holds, as data: kinds of records, the fields of each, and how a field's value is read.

Every value comes as text (YAML without types, CSV, the command line), so that one reader judges them all: nothing
becomes a number, a date or "no" because of its spelling.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from ungcuu.core.i18n import N_, _

Value = str | int | date | tuple[str, ...]

LONGEST_TEXT = 500  # characters of one line
LONGEST_NOTES = 20_000  # characters of notes
MOST_ITEMS = 1000  # items of one list
FIRST_YEAR, LAST_YEAR = 1990, 2100  # laws in force are older than a register; a year beyond is a slip of the key
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)


class Unfit(ValueError):
    """A value or a whole record that the register does not take. ``field`` is empty where it is about the record."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field
        self.why = why


@dataclass(frozen=True)
class Field:
    """One field. ``lines``: a text of several lines; ``names``: identifiers of units and hosts."""

    form: Literal["text", "lines", "texts", "names", "name", "day", "days", "choice"] = "text"
    choices: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of record: what it is, and its fields beside those that every record has."""

    title: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    dated: bool = True  # has a day on which it was done, or one on which it is due


COMMON: dict[str, Field] = {
    "title": Field(required=True),
    "date": Field("day"),
    "due": Field("day"),
    "until": Field("day"),
    "owner": Field(),
    "unit": Field("name"),
    "proof": Field(),
    "notes": Field("lines"),
    "files": Field("texts"),
}
# What an `interval` may set, and in how many days each proof lapses by default.
DAYS = {
    "scan": 7,
    "patch": 31,
    "audit": 182,
    "backup": 2,
    "restore": 92,
    "isolate": 365,
    "collect": 365,
    "drill": 365,
    "intake": 365,
    "awareness": 365,
    "legal": 182,
    "review-logs": 182,
    "review-accounts": 182,
    "approval-scenario": 365,
    "contact": 182,
    "summary": 100,
    "meeting": 182,
}
KINDS: dict[str, Kind] = {
    "awareness": Kind(
        N_("awareness session"), {"attendees": Field("texts"), "topics": Field("texts"), "material": Field("texts")}
    ),
    "training": Kind(
        N_("training certificate"), {"person": Field(required=True), "issuer": Field(), "number": Field()}
    ),
    "drill": Kind(N_("drill played by people"), {"scenario": Field(), "attendees": Field("texts"), "result": Field()}),
    "audit": Kind(N_("audit or survey by people"), {"auditor": Field(), "result": Field()}),
    "review": Kind(
        N_("review of accounts or logs"),
        {"subject": Field("choice", ("accounts", "logs"), required=True), "result": Field()},
    ),
    "legal": Kind(
        N_("legal text"),
        {
            "number": Field(required=True),
            "status": Field("choice", ("in-force", "superseded", "unclear"), required=True),
            "in_force": Field("day"),
            "ended": Field("day"),
            "replaced_by": Field(),
            "in_plan": Field("choice", ("yes", "no")),
        },
    ),
    "contact": Kind(
        N_("contact"),
        {"role": Field(required=True), "phone": Field(), "email": Field(), "deputy": Field(), "deputy_phone": Field()},
    ),
    "approval": Kind(
        N_("approval"),
        {
            "subject": Field("choice", ("scenario", "change", "shutdown", "audit", "return", "other"), required=True),
            "approved_by": Field(required=True),
        },
    ),
    "meeting": Kind(N_("review meeting"), {"attendees": Field("texts"), "minutes": Field()}),
    "task": Kind(N_("task")),
    "unit": Kind(N_("department or subordinate unit"), {"hosts": Field("names"), "superior": Field()}, dated=False),
    "interval": Kind(
        N_("interval of a proof"),
        {"what": Field("choice", tuple(DAYS), required=True), "days": Field("days", required=True)},
        dated=False,
    ),
}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}\Z")


def fields_of(kind: str) -> dict[str, Field]:
    """Return the fields that a record of this kind may have, in the order in which its file shows them."""
    return {**COMMON, **KINDS[kind].fields}


def read(kind: str, raw: Mapping[str, str | list[str]]) -> dict[str, Value]:
    """Return the values of a record out of texts. Empty texts and lists are no values.

    Raises:
        Unfit: A field is unknown or missing, has another form, or the days contradict each other.
    """
    fields, found = fields_of(kind), {}
    for name in raw:
        if name not in fields:
            raise Unfit(
                name,
                _("is unknown; a record of the kind {kind} has: {fields}").format(kind=kind, fields=", ".join(fields)),
            )
    for name, form in fields.items():
        given = raw.get(name)
        value = _read(name, form, given) if given not in (None, "", []) else None
        if value not in (None, "", ()):
            found[name] = value
        elif form.required:
            raise Unfit(name, _("is missing"))
    _refuse_days(kind, found)
    return found


def _read(name: str, form: Field, given: str | list[str] | None) -> Value:
    if form.form in ("texts", "names"):
        items = [given] if isinstance(given, str) else list(given or ())
        if len(items) > MOST_ITEMS:
            raise Unfit(name, _("has more than {most} items").format(most=MOST_ITEMS))
        one = _name if form.form == "names" else _text
        return tuple(text for item in items if (text := one(name, item)))
    if not isinstance(given, str):
        raise Unfit(name, _("has to be one value, not a list"))
    if form.form == "lines":
        return _text(name, given, LONGEST_NOTES, lines=True)
    if form.form == "day":
        return day(name, given.strip())
    if form.form == "days":
        if not re.fullmatch(r"[1-9][0-9]{0,3}", given.strip()):
            raise Unfit(name, _("has to be a number of days from 1 to 9999"))
        return int(given)
    if form.form == "choice" and given.strip() not in form.choices:
        raise Unfit(name, _("has to be one of: {words}").format(words=", ".join(form.choices)))
    return _name(name, given) if form.form == "name" else _text(name, given)


def _text(name: str, given: str, most: int = LONGEST_TEXT, *, lines: bool = False) -> str:
    if len(given) > most:
        raise Unfit(name, _("has {count} characters; {most} is the most").format(count=len(given), most=most))
    text = given.replace("\r\n", "\n").strip() if lines else given.strip()
    if text.isprintable():
        return text
    if bad := next((char for char in text if unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t"), ""):
        raise Unfit(name, _("holds the unprintable character U+{code}").format(code=f"{ord(bad):04X}"))
    if not lines and ("\n" in text or "\t" in text):
        raise Unfit(name, _("has to stand on one line"))
    return text


def _name(name: str, given: str) -> str:
    if not _NAME.match(given.strip()):
        raise Unfit(name, _("has to be a name of letters, digits, dots and dashes"))
    return given.strip()


def day(name: str, text: str) -> date:
    """Return the day that a text states as YYYY-MM-DD.

    Raises:
        Unfit: It is none, or no calendar has it.
    """
    try:
        found = date.fromisoformat(text) if _DAY.match(text) else None
    except ValueError:
        raise Unfit(name, _("{text} is a day that no calendar has").format(text=text)) from None
    if found is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise Unfit(
            name, _("has to be a day as in 2026-11-28, from {first} to {last}").format(first=FIRST_YEAR, last=LAST_YEAR)
        )
    return found


def _refuse_days(kind: str, found: Mapping[str, Value]) -> None:
    if KINDS[kind].dated and "date" not in found and "due" not in found:
        raise Unfit("date", _("is missing: the day on which it was done; or due, for what is planned"))
    if kind == "training" and "date" in found and "until" not in found:
        raise Unfit("until", _("is missing: the day on which the certificate lapses"))
    for first, second in (("date", "until"), ("in_force", "ended")):
        start, end = found.get(first), found.get(second)
        if isinstance(start, date) and isinstance(end, date) and end < start:
            raise Unfit(second, _("lies before {field}").format(field=first))
