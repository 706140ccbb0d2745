"""Journal records for log systems: one schema, written as RFC 5424 lines, as journald's export format, or as ECS.

docs/reference/records.md documents the fields. What a host stated is marked as that (``from_host``), and no field of a
record is left to a reader's guess: every value is cleaned, and escaped as the format demands.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ungcuu import __version__
from ungcuu.case.case import list_ids
from ungcuu.case.facts import from_host, hosts_of
from ungcuu.case.index import OPERATIONS
from ungcuu.case.journal import read_records
from ungcuu.case.record import Record
from ungcuu.core.errors import Tampered
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import clean

AUDIT = 13  # facility "log audit" of RFC 5424
ENTERPRISE = 32473  # the number that RFC 5612 keeps for documentation: ungcuu has none of its own
_SEVERITIES = {"critical": 2, "high": 3, "medium": 4, "low": 5}
_OUTCOMES = {"DONE": 6, "NOT DONE": 4, "UNKNOWN": 4}
_LONGEST = 1024  # characters of a value
_PLAIN = ("verb", "outcome", "operator", "run", "severity", "rule", "path", "what", "name", "sha256", "reason", "title")
_CATEGORIES = {
    "finding": ("intrusion_detection", "info"),
    "alert": ("intrusion_detection", "info"),
    "evidence": ("file", "access"),
    "quarantine": ("file", "change"),
    "change": ("configuration", "change"),
    "run_started": ("process", "start"),
    "run_finished": ("process", "end"),
}


@dataclass(frozen=True)
class Event:
    """One record in the form that every format is written from. ``fields`` are texts; ``severity`` is syslog's."""

    id: str
    time: str
    kind: str
    journal: str
    hosts: tuple[str, ...]
    from_host: bool
    severity: int
    hash: str
    fields: Mapping[str, str]

    @property
    def message(self) -> str:
        """The record in one line, for people who look through a log."""
        words = (self.kind, ",".join(self.hosts), *(self.fields.get(name, "") for name in _PLAIN[:2]))
        about = next((self.fields[name] for name in ("title", "what", "name", "path") if name in self.fields), "")
        return " ".join(word for word in (*words, about) if word)


def events(settings: Settings, after: datetime | None = None) -> tuple[list[Event], list[str]]:
    """Return the records of all journals in the order of time, and the journals that can't be read.

    Signatures are not checked here: ``case verify`` does.
    """
    found: list[tuple[datetime, Event]] = []
    unread = []
    names = [*([OPERATIONS] if settings.operations.is_dir() else []), *list_ids(settings)]
    for name in names:
        folder = settings.operations if name == OPERATIONS else settings.cases / name
        try:
            records = [(record.moment, record) for record in read_records(folder)]
        except (Tampered, ValueError):
            unread.append(name)
            continue
        found += [(moment, event(name, record)) for moment, record in records if after is None or moment > after]
    return [one for _moment, one in sorted(found, key=lambda row: (row[0], row[1].id))], unread


def event(journal: str, record: Record) -> Event:
    """Return one record in the common form. Pure."""
    stated = record.data.get("data")
    values = {**record.data, **(stated if isinstance(stated, Mapping) else {})}
    texts = {name: values[name] for name in _PLAIN if isinstance(values.get(name), str) and values[name]}
    fields = {name: clean(text, _LONGEST) for name, text in texts.items()}
    worst = min(_SEVERITIES.get(fields.get("severity", ""), 6), _OUTCOMES.get(fields.get("outcome", ""), 6))
    hosts = tuple(clean(host, _LONGEST) for host in hosts_of(record.data))
    number = f"{journal}:{record.seq}"
    return Event(number, record.time, clean(record.kind), journal, hosts, from_host(record), worst, record.hash, fields)


def _all_fields(one: Event) -> dict[str, str]:
    common = {"id": one.id, "journal": one.journal, "host": ",".join(one.hosts), "hash": one.hash}
    return {**common, "from_host": "yes" if one.from_host else "no", **one.fields}


def syslog(one: Event) -> str:
    """RFC 5424: one line, its fields as structured data."""
    data = "".join(f' {name}="{_escaped(value)}"' for name, value in _all_fields(one).items() if value)
    kind = "".join(mark for mark in one.kind if "!" <= mark <= "~")[:32] or "-"
    head = f"<{AUDIT * 8 + one.severity}>1 {one.time} {_name_of_machine()} ungcuu - {kind}"
    return f"{head} [ungcuu@{ENTERPRISE}{data}] {one.message}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _name_of_machine() -> str:
    return "".join(mark for mark in socket.gethostname() if "!" <= mark <= "~")[:255] or "-"


def journald(one: Event) -> str:
    """journald's export format: fields line by line, ended by an empty line; ``systemd-journal-remote`` reads it."""
    micro = int(datetime.fromisoformat(one.time).timestamp() * 1_000_000)
    fixed = {
        "__REALTIME_TIMESTAMP": str(micro),
        "MESSAGE": one.message,
        "PRIORITY": str(one.severity),
        "SYSLOG_IDENTIFIER": "ungcuu",
        "UNGCUU_KIND": one.kind,
    }
    own = {f"UNGCUU_{name.upper()}": value for name, value in _all_fields(one).items() if value}
    return "".join(f"{name}={value}\n" for name, value in (fixed | own).items())


def ecs(one: Event) -> str:
    """Elastic Common Schema: one JSON document a line."""
    category, kind = _CATEGORIES.get(one.kind, ("process", "info"))
    fields = one.fields
    outcome = {"DONE": "success", "NOT DONE": "failure"}.get(fields.get("outcome", ""), "unknown")
    found: dict[str, Any] = {
        "@timestamp": one.time,
        "ecs": {"version": "8.11.0"},
        "message": one.message,
        "event": {
            "id": one.id,
            "kind": "alert" if one.kind in ("finding", "alert") else "event",
            "category": [category],
            "type": [kind],
            "action": one.kind,
            "severity": one.severity,
            "hash": one.hash,
            "provider": "ungcuu",
            **({"outcome": outcome} if "outcome" in fields else {}),
            **({"reason": fields["reason"]} if "reason" in fields else {}),
        },
        "observer": {"name": _name_of_machine(), "product": "ungcuu", "version": __version__},
        "labels": {"journal": one.journal, "from_host": "yes" if one.from_host else "no"},
        "ungcuu": {
            name: fields[name] for name in ("verb", "run", "severity", "what", "name", "title") if name in fields
        },
    }
    found |= {"host": {"name": list(one.hosts)}} if one.hosts else {}
    found |= {"user": {"name": fields["operator"]}} if "operator" in fields else {}
    found |= {"rule": {"id": fields["rule"]}} if "rule" in fields else {}
    file = {"path": fields.get("path"), "hash": {"sha256": fields["sha256"]} if "sha256" in fields else None}
    found |= {"file": {name: value for name, value in file.items() if value}} if any(file.values()) else {}
    return json.dumps(found, ensure_ascii=False)


FORMATS: Mapping[str, Callable[[Event], str]] = {"syslog": syslog, "journald": journald, "ecs": ecs}


def lines(found: list[Event], form: str) -> Iterator[str]:
    """Yield each event in one of the formats."""
    yield from map(FORMATS[form], found)
