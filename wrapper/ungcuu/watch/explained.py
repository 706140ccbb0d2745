"""Changes that somebody is known to have made: listed, not alarmed.

1. A run of ungcuu that was done, by the journal: anything on the host that changed in its time.
2. A deployment that a person announced (``watch deployment``): what changed below the website's folder in its time.
3. Work of dpkg, by the host's own log of it: what changed outside of the website and of homes in its time.

A finding is explained only by the time at which its file changed (``ctime``). A critical one never is: in these times
an intruder would like to be overlooked, and root writes dpkg's log. A high one is by a deployment alone, and only where
it says no more than that a file is new or changed: code that looks malicious is critical.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ungcuu.case.facts import hosts_of, payload
from ungcuu.case.journal import read_records
from ungcuu.case.record import Record
from ungcuu.core.clock import parse_time
from ungcuu.core.settings import machine_of
from ungcuu.core.terminal import clean
from ungcuu.watch.alerts import GRAVE, Sight

_CHANGING = frozenset(
    {"block", "eradicate", "harden", "lock", "patch", "rebuild", "restore", "rotate", "unblock", "unlock"}
)
DEPLOYED = frozenset({"web.changed", "web.code-added", "web.file-added", "web.page-added", "web.removed", "web.rights"})
_LONGEST = 3600.0  # seconds that a run without an end in the journal is taken to have lasted
_CLOCKS = timedelta(seconds=2)  # the host's clock and this one's differ a little


@dataclass(frozen=True)
class Work:
    """Something that was done on a host: what, from when to when, and where alone (``below``) or not at all.

    ``high``: rules of which it explains high findings too.
    """

    name: str
    begun: datetime
    ended: datetime
    below: str = ""
    never: tuple[str, ...] = ()
    high: frozenset[str] = frozenset()

    def covers(self, sight: Sight) -> bool:
        """Whether something that changed then and there may have been changed by it."""
        if sight.severity in GRAVE and not (sight.severity == "high" and sight.rule in self.high):
            return False
        if not self.begun - _CLOCKS <= parse_time(sight.since) <= self.ended + _CLOCKS:
            return False
        place = sight.place + "/"
        return place.startswith(self.below) and not place.startswith(self.never or ("//",))


def needed(sights: Iterable[Sight]) -> bool:
    """Whether there is anything that could be explained."""
    return any(one.since and one.severity != "critical" for one in sights)


def explain(
    state: Path, host: str, web_root: str, sights: Iterable[Sight], packages: Iterable[Work] = ()
) -> list[Sight]:
    """Return the sights, those that are explained with the name of what explains them."""
    rows = list(sights)
    if not needed(rows):
        return rows
    works = [work for folder in _journals(state) for work in done_on(read_records(folder), host, web_root)]
    return [_explained(one, [*works, *packages]) for one in rows]


def own_times(state: Path, host: str) -> tuple[tuple[float, float], ...]:
    """Return from when to when runs of ungcuu worked on a host, whatever came of them; one without an end goes on."""
    times = [one for folder in _journals(state) for one in _times(read_records(folder), host)]
    return tuple((begun - _CLOCKS.seconds, ended + _CLOCKS.seconds) for begun, ended in times)


def _times(records: Iterable[Record], host: str) -> Iterator[tuple[float, float]]:
    begun: dict[str, float] = {}
    for record in records:
        run = str(payload(record).get("run"))
        if record.kind == "run_started" and _is_on(host, payload(record)):
            begun[run] = parse_time(record.time).timestamp()
        elif record.kind == "run_finished" and run in begun:
            yield begun.pop(run), parse_time(record.time).timestamp()
    for start in begun.values():
        yield start, start + _LONGEST


def _explained(sight: Sight, works: Iterable[Work]) -> Sight:
    if not sight.since:
        return sight
    work = next((one for one in works if one.covers(sight)), None)
    return replace(sight, explained=work.name) if work else sight


def _journals(state: Path) -> Iterator[Path]:
    for folder in (state / "operations", *sorted((state / "cases").glob("*"))):
        if (folder / "journal.jsonl").exists():
            yield folder


def done_on(records: Iterable[Record], host: str, web_root: str) -> Iterator[Work]:
    """Yield what one journal says was done on a host: runs that changed something, announced deployments. Pure."""
    begun: dict[str, str] = {}
    for record in records:
        data = payload(record)
        if record.kind == "run_started" and data.get("verb") in _CHANGING and _is_on(host, data):
            begun[str(data.get("run"))] = record.time
        elif record.kind == "run_finished" and (start := begun.pop(str(data.get("run")), "")):
            if _was_done(data.get("outcomes"), host):
                yield Work(f"ungcuu {data['verb']} {start}", parse_time(start), parse_time(record.time))
        elif record.kind == "deployment" and data.get("host") == host:
            name = clean(f"{data['by']} {record.time}: {data['reason']}", 200)
            begin, end = parse_time(record.time), parse_time(str(data["until"]))
            yield Work(name, begin, end, web_root.rstrip("/") + "/", high=DEPLOYED)


def _is_on(host: str, data: Mapping[str, Any]) -> bool:
    """Whether a record is about a machine, or about one of its websites (``web01/portal``)."""
    return host in map(machine_of, hosts_of(data))


def _was_done(outcomes: object, host: str) -> bool:
    """Whether all that a run did on a machine was done, for each of its websites that it was about."""
    rows = outcomes.items() if isinstance(outcomes, dict) else ()
    here = [outcome for name, outcome in rows if machine_of(str(name)) == host]
    return bool(here) and all(outcome == "DONE" for outcome in here)
