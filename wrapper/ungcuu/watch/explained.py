"""Changes that this controller made itself: listed, not alarmed. The journal says when which verb ran on a host.

Only medium and low findings are explained, and only by the time at which the file changed. A grave one always reaches a
person: a run of ungcuu is also the time in which an intruder would like to be overlooked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from ungcuu.case.facts import hosts_of, payload
from ungcuu.case.journal import read_records
from ungcuu.case.record import Record
from ungcuu.core.clock import parse_time
from ungcuu.watch.alerts import GRAVE, Sight

_CHANGING = frozenset(
    {"block", "eradicate", "harden", "lock", "patch", "rebuild", "restore", "rotate", "unblock", "unlock"}
)
_CLOCKS = timedelta(seconds=2)  # the host's clock and this one's differ a little


@dataclass(frozen=True)
class Work:
    """One run of ungcuu that was done on a host: from when to when, by the controller's clock."""

    verb: str
    begun: str
    ended: str

    def covers(self, since: str) -> bool:
        """Whether something that changed then may have been changed by it."""
        return parse_time(self.begun) - _CLOCKS <= parse_time(since) <= parse_time(self.ended) + _CLOCKS


def explain(state: Path, host: str, sights: Iterable[Sight]) -> list[Sight]:
    """Return the sights, those that a run of ungcuu explains with its name."""
    rows = list(sights)
    if not any(one.since for one in rows):
        return rows
    works = [work for folder in _journals(state) for work in done_on(read_records(folder), host)]
    return [_explained(one, works) for one in rows]


def _explained(sight: Sight, works: Iterable[Work]) -> Sight:
    if sight.severity in GRAVE or not sight.since:
        return sight
    work = next((one for one in works if one.covers(sight.since)), None)
    return replace(sight, explained=f"ungcuu {work.verb} {work.begun}") if work else sight


def _journals(state: Path) -> Iterator[Path]:
    for folder in (state / "operations", *sorted((state / "cases").glob("*"))):
        if (folder / "journal.jsonl").exists():
            yield folder


def done_on(records: Iterable[Record], host: str) -> Iterator[Work]:
    """Yield the runs of one journal that changed something on a host and were done there. Pure."""
    begun: dict[str, str] = {}
    for record in records:
        data = payload(record)
        if record.kind == "run_started" and data.get("verb") in _CHANGING and host in hosts_of(data):
            begun[str(data.get("run"))] = record.time
        elif record.kind == "run_finished" and (start := begun.pop(str(data.get("run")), "")):
            outcomes = data.get("outcomes")
            if isinstance(outcomes, dict) and outcomes.get(host) == "DONE":
                yield Work(str(data["verb"]), start, record.time)
