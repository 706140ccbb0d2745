"""How the report writes times, sizes, values and records."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ungcuu.core.clock import format_time, parse_time
from ungcuu.core.i18n import _, language
from ungcuu.core.phrases import code_of
from ungcuu.core.sentences import shown, stands_alone
from ungcuu.core.sentences import word as word_of
from ungcuu.core.terminal import clean
from ungcuu.report.labels import ACTIONS, ATTEMPTS, DEEDS, ENDINGS, WORDS

MOST_ROWS = 400  # rows of one table; a host can make findings faster than anyone reads
_CODED = ("what", "action", "side")  # fields that hold a code; the name of a proof does too
_ISO_UTC = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,6})?Z\Z")


_RECORD = re.compile(r"(?P<drill>drill/)?(?P<journal>operations|UC-\S+) (?P<number>\d+)\Z")


def shown_place(place: str) -> str:
    """Where a record stands, in words: of ``operations 6`` or ``UC-20261122-001 6``. What is neither stays as it is."""
    if not (found := _RECORD.fullmatch(place)):
        return place
    journal, number = found["journal"], found["number"]
    if journal != "operations":
        said = _("drill {case}, record {number}") if found["drill"] else _("{case}, record {number}")
        return said.format(case=journal, number=number)
    return _("journal of operations, record {number}").format(number=number)


def zone() -> tzinfo:
    """The local time of the report: UNGCUU_TIMEZONE, else Vietnam's."""
    name = os.environ.get("UNGCUU_TIMEZONE") or "Asia/Ho_Chi_Minh"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):  # a Debian without tzdata
        return timezone(timedelta(hours=7), "+07")


def zone_name(moment: datetime | None = None) -> str:
    """The zone's name, as people write it: ``UTC+7``."""
    return f"{(moment or datetime.now(UTC)).astimezone(zone()):%Z}".replace("+07", "UTC+7")


def shown_time(text: str, local: tzinfo | None = None) -> str:
    """A time of the journal in local time, or a dash."""
    try:
        return f"{parse_time(text).astimezone(local or zone()):%d/%m/%Y %H:%M:%S}"
    except ValueError:
        return "–"


def shown_day(day: date | None) -> str:
    """A day as people here write it; a dash for none."""
    return f"{day:%d/%m/%Y}" if day else "–"


def shown_utc(text: str) -> str:
    """A time of the journal in UTC, ISO 8601 without its milliseconds."""
    try:
        return f"{parse_time(text):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return "–"


def decimal(number: float) -> str:
    """A number with one decimal, as the reader's language writes it."""
    return f"{number:.1f}".replace(".", "," if language() == "vi" else ".")


def shown_seconds(seconds: float | None) -> str:
    """A duration as people say it."""
    if seconds is None:
        return "–"
    if seconds < 120:
        return _("{seconds} s").format(seconds=decimal(seconds) if seconds < 10 else f"{seconds:.0f}")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
    return _("{days} days {hours} h").format(days=hours // 24, hours=hours % 24)


def shown_bytes(count: object) -> str:
    """A size as people say it."""
    if not isinstance(count, int | float) or isinstance(count, bool):
        return "–"
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{decimal(size)} {unit}"


def word(value: object) -> str:
    """The reader's word for one of our values; a value that is not ours comes back as it is."""
    return _(WORDS[str(value)]) if str(value) in WORDS else str(value)


def deed(verb: str, outcome: str) -> str:
    """What a run of a verb did, in words; "restored" is said of a run that ended well, and of no other."""
    if outcome == "DONE":
        return _(DEEDS[verb]) if verb in DEEDS else verb
    return _(ENDINGS.get(outcome, ENDINGS[""])).format(what=_(ATTEMPTS[verb]) if verb in ATTEMPTS else verb)


def attempt(verb: str) -> str:
    """What a verb is to do, in words that don't say whether it was done."""
    message = _(ATTEMPTS[verb]) if verb in ATTEMPTS else verb
    return message[:1].upper() + message[1:]


def acted(action: str) -> str:
    """What an action did, in words: ``move /etc/cron.d/x``. One that is not ours stands as it is."""
    first, _space, what = action.partition(" ")
    return _(ACTIONS[first]).format(what=what) if first in ACTIONS else action


def pairs(data: Mapping[str, Any], limit: int = 600) -> str:
    """Any record in one line, ``name: value``; for kinds whose fields the report does not know one by one."""
    parts = []
    for name, value in data.items():
        if name in ("host", "hosts") or value in (None, "", [], {}):
            continue
        parts.append(f"{_(str(name).replace('_', ' '))}: {_field(name, value, data)}")
    return clean(" · ".join(parts), limit)


def _field(name: str, value: object, around: Mapping[str, Any]) -> str:
    """The value of one field of a record in words."""
    coded = name in _CODED or (name == "name" and "side" in around)
    if coded and isinstance(value, str) and stands_alone(code_of(value)):
        return word_of(code_of(value))
    return flat(value)


def flat(value: object) -> str:
    """A value of a record in words."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str) and _ISO_UTC.match(value):
        return _told_time(value)
    if isinstance(value, Mapping) and "code" in value:
        return shown(value)
    if isinstance(value, Mapping):
        rows = list(value.items())[:20]
        return ", ".join(f"{_(str(key).replace('_', ' '))} {_field(key, item, value)}" for key, item in rows)
    if isinstance(value, list | tuple):
        return ", ".join(flat(item) for item in value[:20]) + (f" … (+{len(value) - 20})" if len(value) > 20 else "")
    return shown(value)


def _told_time(text: str) -> str:
    """A time inside a record, in local time; a day that no calendar has stays as it was written."""
    try:
        return shown_time(format_time(datetime.fromisoformat(text)))
    except (ValueError, OverflowError):
        return text


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}
