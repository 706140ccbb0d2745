"""One record of the register: read from its YAML file, with the line of what is wrong, and written for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ungcuu.core.i18n import _
from ungcuu.prepare.register.kinds import KINDS, Unfit, Value, fields_of, read

MOST_BYTES = 256 << 10  # of one file; longer notes belong into a file of their own
ID = re.compile(rf"({'|'.join(KINDS)})-[a-z0-9](?:[a-z0-9-]{{0,58}}[a-z0-9])?\Z")


@dataclass(frozen=True)
class Entry:
    """One record. ``id`` is the name of its file without suffix, and starts with its kind."""

    id: str
    values: Mapping[str, Value]

    @property
    def kind(self) -> str:
        """What it is a record of."""
        return self.id.partition("-")[0]

    @property
    def title(self) -> str:
        """What it is about, in one line."""
        return self.text("title")

    def text(self, name: str) -> str:
        """A field as text; empty where it has none."""
        value = self.values.get(name, "")
        return "; ".join(value) if isinstance(value, tuple) else str(value)

    def day(self, name: str) -> date | None:
        """A field that is a day."""
        value = self.values.get(name)
        return value if isinstance(value, date) else None

    def items(self, name: str) -> tuple[str, ...]:
        """A field that is a list."""
        value = self.values.get(name)
        return value if isinstance(value, tuple) else ()

    @property
    def done(self) -> date | None:
        """The day on which it was done; None for what is planned."""
        return self.day("date")

    def as_texts(self) -> dict[str, str | list[str]]:
        """The values as texts, as files and tables hold them."""
        return {
            name: list(value) if isinstance(value, tuple) else str(value)
            for name in fields_of(self.kind)
            if (value := self.values.get(name)) is not None
        }


@dataclass(frozen=True)
class Fault:
    """A record that can't be read: where, and why. ``line`` counts from 1; 0 where it is the whole file."""

    place: str
    line: int
    why: str

    @property
    def kind(self) -> str:
        """What the file's name says that it is a record of."""
        return self.place.rpartition("/")[2].partition("-")[0]

    @property
    def text(self) -> str:
        """One line for a person."""
        return f"{self.place}:{self.line}: {self.why}" if self.line else f"{self.place}: {self.why}"


class Unreadable(ValueError):
    """A file that is no record: ``line`` and ``why``."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line
        self.why = why


def parse(entry_id: str, data: bytes) -> Entry:
    """Return the record that a file holds.

    Raises:
        Unreadable: The name, the YAML or a field is not as it has to be.
    """
    if not ID.match(entry_id):
        kinds = ", ".join(KINDS)
        raise Unreadable(
            0, _("the name has to be a kind, a dash and a number or word; kinds: {kinds}").format(kinds=kinds)
        )
    if len(data) > MOST_BYTES:
        raise Unreadable(0, _("the file has {size} bytes; {most} is the most").format(size=len(data), most=MOST_BYTES))
    raw, lines = _mapping(data)
    try:
        return Entry(entry_id, read(entry_id.partition("-")[0], raw))
    except Unfit as error:
        raise Unreadable(lines.get(error.field, 1), f"{error.field}: {error.why}") from error


def _mapping(data: bytes) -> tuple[dict[str, str | list[str]], dict[str, int]]:
    """The names and texts of a file, and the line of each name.

    Out of the parser's events, one after the other: a composer in C ends the whole process on a file that is nested
    deeply enough, and what refers to other places of the file (an alias) is refused where it stands.
    """
    import yaml

    try:
        return _of_events(iter(yaml.parse(data.decode("utf-8"), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))))
    except UnicodeDecodeError:
        raise Unreadable(0, _("the file is not UTF-8")) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise Unreadable(mark.line + 1 if mark else 0, str(getattr(error, "problem", None) or "YAML")) from error


def _of_events(events: Iterator[Any]) -> tuple[dict[str, str | list[str]], dict[str, int]]:
    import yaml

    found: dict[str, str | list[str]] = {}
    lines: dict[str, int] = {}
    first = next(event for event in events if not isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent))
    if not isinstance(first, yaml.MappingStartEvent):
        raise Unreadable(1, _("has to be lines of NAME: VALUE"))
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.MappingEndEvent):
            break
        if not isinstance(event, yaml.ScalarEvent) or not event.value or event.value in found:
            raise Unreadable(line, _("the name is empty, or stands twice"))
        found[event.value], lines[event.value] = _plain(events, line), line
    if any(isinstance(event, yaml.DocumentStartEvent) for event in events):
        raise Unreadable(0, _("the file holds more than one record"))
    return found, lines


def _plain(events: Iterator[Any], line: int) -> str | list[str]:
    """The value that comes next: a text, or a list of texts."""
    import yaml

    event = next(events)
    if isinstance(event, yaml.ScalarEvent):
        return str(event.value)
    items = []
    if isinstance(event, yaml.SequenceStartEvent):
        while isinstance(event := next(events), yaml.ScalarEvent):
            items.append(str(event.value))
        if isinstance(event, yaml.SequenceEndEvent):
            return items
    raise Unreadable(line, _("has to be a text or a list of texts"))


def as_yaml(entry: Entry) -> str:
    """Return the file of a record. What YAML readers would take for a day, a number or yes and no is quoted."""
    import yaml

    texts: dict[str, Any] = dict(entry.as_texts())
    for name, value in entry.values.items():
        if isinstance(value, date | int):
            texts[name] = value  # days and numbers look best without quotes
    return str(yaml.safe_dump(texts, allow_unicode=True, sort_keys=False, width=110))
