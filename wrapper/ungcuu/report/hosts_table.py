"""All hosts in one table, from what the controller keeps: nothing is asked of a host, and nothing here is a proof.

Journals are searched for the lines that matter, and only those are unsealed: years of runs must not make it slow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ungcuu.case.case import Case
from ungcuu.case.clocks import Clock, read_book
from ungcuu.case.derivation import derive
from ungcuu.case.facts import from_host, hosts_of
from ungcuu.case.journal import NAME
from ungcuu.case.record import marked
from ungcuu.core.errors import UngcuuError
from ungcuu.core.settings import Settings, typed_name
from ungcuu.hosts.reporting_site import folder_of
from ungcuu.recover import restore_points

_CLOSED = b'"kind":"case_closed"'
_PATCH = b'"verb":"patch"'
_EXERCISE = b'"drill":true'
_DRILL = b'"kind":"drill"'


@dataclass
class HostRow:
    """What is known of one host. Times are as their sources write them; empty means that it is not known."""

    host: str
    score: int | None = None
    audited: str = ""
    patched: str = ""
    backup: str = ""
    proven: str = ""
    drilled: str = ""
    scanned: bool = False
    complete: bool = False
    findings: int = 0
    cases: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Overview:
    """All hosts, the deadlines of the open cases, and the cases whose journals can't be read.

    ``drill`` is what `drill run` recorded last, on hosts of its own: when, which scenario, how it ended.
    """

    hosts: tuple[HostRow, ...]
    clocks: tuple[tuple[str, Clock], ...]
    unreadable: tuple[str, ...]
    drill: tuple[str, str, str] | None = None


def overview(settings: Settings, present: datetime) -> Overview:
    """Read what the controller keeps of its hosts and cases."""
    rows = {host: _of_host(settings, host) for host in _known_hosts(settings)}
    own = folder_of(settings)
    clocks: list[tuple[str, Clock]] = []
    unreadable: list[str] = []
    for folder in [settings.operations, *_case_folders(settings)]:
        text = _bytes(folder / NAME)
        _note_patches(text, rows)
        _note_exercise(text, rows)
        if folder == settings.operations or not text or _closed(text):
            continue
        case = Case(settings, folder.name)
        try:
            records = case.records()
            facts = derive(records)
        except UngcuuError:
            unreadable.append(case.id)
            continue
        for host in facts.hosts:
            rows.setdefault(host, _of_host(settings, host)).cases.append(case.id)
        if not facts.drill:
            clocks += [(case.id, clock) for clock in read_book(records, facts, present, own).pressing]
    clocks.sort(key=lambda pair: str(pair[1].due))
    return Overview(tuple(rows[host] for host in sorted(rows)), tuple(clocks), tuple(unreadable), _last_drill(settings))


def _known_hosts(settings: Settings) -> list[str]:
    folder = settings.state / "hosts"
    return [typed_name(path.name) for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _case_folders(settings: Settings) -> list[Path]:
    return sorted(path for path in settings.cases.iterdir() if path.is_dir()) if settings.cases.is_dir() else []


def _of_host(settings: Settings, host: str) -> HostRow:
    folder = settings.host_dir(host)
    audit, scan = _json(folder / "audit.json"), _json(folder / "findings.json")
    points = restore_points.load(folder)
    newest = next((point for point in points if not point.missing), None)
    score, counts = audit.get("score"), scan.get("counts")
    return HostRow(
        host=host,
        score=score if isinstance(score, int) else None,
        audited=str(audit.get("time") or ""),
        backup=newest.time if newest else "",
        proven=max((point.proven for point in points if point.proven), default=""),
        scanned=bool(scan),
        complete=scan.get("complete") is True,
        findings=sum(n for n in counts.values() if isinstance(n, int)) if isinstance(counts, Mapping) else 0,
    )


def _note_patches(text: bytes, rows: Mapping[str, HostRow]) -> None:
    for record in marked(text, _PATCH):
        if record.kind != "run_finished" or from_host(record) or record.data.get("verb") != "patch":
            continue
        outcomes = record.data.get("outcomes")
        for host in hosts_of(record.data):
            said = outcomes.get(host) if isinstance(outcomes, Mapping) else record.data.get("outcome")
            if said == "DONE" and host in rows:
                rows[host].patched = max(rows[host].patched, record.time)


def _note_exercise(text: bytes, rows: Mapping[str, HostRow]) -> None:
    """An exercise counts for the hosts that its case was opened for."""
    for record in marked(text, _EXERCISE):
        if record.kind == "case_opened" and not from_host(record) and record.data.get("drill") is True:
            for host in hosts_of(record.data):
                if host in rows:
                    rows[host].drilled = max(rows[host].drilled, record.time)


def _last_drill(settings: Settings) -> tuple[str, str, str] | None:
    found = [
        (record.time, str(record.data.get("scenario") or ""), str(record.data.get("outcome") or ""))
        for record in marked(_bytes(settings.operations / NAME), _DRILL)
        if record.kind == "drill" and not from_host(record)
    ]
    return max(found, default=None)


def _closed(text: bytes) -> bool:
    """Whether a person closed the case. A host may hand over a record of that kind: it is not believed."""
    return any(record.kind == "case_closed" and not from_host(record) for record in marked(text, _CLOSED))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _json(path: Path) -> Mapping[str, Any]:
    try:
        known = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
