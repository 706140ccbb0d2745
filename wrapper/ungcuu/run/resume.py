"""Finds runs that have no end, or an unknown one, and says what is known about each.

A killed controller leaves a ``run_started`` without ``run_finished``; a lost connection leaves the outcome UNKNOWN.
Either stays open until the same verb is DONE on that host later, or ``resume`` closes it. A run without an end whose
process is still there is not open, it is going on: :attr:`OpenRun.alive`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ungcuu.case.journal import read_records
from ungcuu.case.record import Record
from ungcuu.core.errors import Outcome
from ungcuu.core.settings import Settings, machine_of
from ungcuu.run import liveness

RESUMED = "run_resumed"


@dataclass(frozen=True)
class OpenRun:
    """One run whose end is not known. ``ended`` is False where the controller did not live to write an end."""

    folder: Path
    run: str
    verb: str
    hosts: tuple[str, ...]
    started: str
    operator: str = ""
    reason: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    records: int = 0
    last: str = ""
    ended: bool = False
    inventory: str = ""
    typed_inventory: str = ""
    process: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether the process that started it is still at work; asked of the system each time."""
        return not self.ended and liveness.lives(self.process)

    def as_data(self) -> dict[str, object]:
        """Return what is known for ``--json``."""
        return {
            "run": self.run,
            "verb": self.verb,
            "hosts": list(self.hosts),
            "started": self.started,
            "operator": self.operator,
            "reason": self.reason,
            "records": self.records,
            "last_record": self.last,
            "ended": self.ended,
            "alive": self.alive,
            "journal": self.folder.name,
        }


def open_runs(settings: Settings, hosts: Iterable[str] = ()) -> list[OpenRun]:
    """Return the open runs on these hosts (on all, when none is named), oldest first.

    Raises:
        Tampered: A journal holds a line that is no record.
    """
    wanted = set(hosts)
    found = [run for folder in _folders(settings) for run in unfinished(folder, read_records(folder))]
    mine = (run for run in found if not wanted or wanted & {*run.hosts, *map(machine_of, run.hosts)})
    return sorted(mine, key=lambda run: run.started)


def unfinished(folder: Path, records: Iterable[Record]) -> Iterator[OpenRun]:
    """Yield the open runs of one journal. Pure."""
    runs: dict[str, OpenRun] = {}
    current: dict[str, str] = {}
    for record in records:
        data = record.data
        name = str(data.get("run") or "")
        if record.kind == "run_started" and name:
            runs[name] = _started(folder, record, data)
            current |= dict.fromkeys(runs[name].hosts, name)
        elif record.kind == "run_finished" and name in runs:
            _finished(runs, name, str(data.get("outcome")))
        elif record.kind == RESUMED:
            runs.pop(name, None)
        elif (owner := current.get(str(data.get("host")))) in runs:
            runs[owner] = replace(runs[owner], records=runs[owner].records + 1, last=record.kind)
    yield from runs.values()


def _started(folder: Path, record: Record, data: Mapping[str, Any]) -> OpenRun:
    options = data.get("options")
    return OpenRun(
        folder,
        str(data["run"]),
        str(data.get("verb")),
        tuple(map(str, data.get("hosts") or ())),
        record.time,
        str(data.get("operator") or ""),
        str(data.get("reason") or ""),
        options if isinstance(options, Mapping) else {},
        inventory=str(data.get("inventory") or ""),
        typed_inventory=str(data.get("typed_inventory") or ""),
        process=data["process"] if isinstance(data.get("process"), Mapping) else {},
    )


def _finished(runs: dict[str, OpenRun], name: str, outcome: str) -> None:
    """Close a run that has a known end; a DONE one also answers earlier ones of the same verb on the same hosts."""
    run = runs.pop(name)
    if outcome == Outcome.UNKNOWN:
        runs[name] = replace(run, ended=True)
    if outcome == Outcome.DONE:
        for other in [key for key, old in runs.items() if old.verb == run.verb and set(old.hosts) <= set(run.hosts)]:
            del runs[other]


def _folders(settings: Settings) -> Iterator[Path]:
    yield settings.operations
    if settings.cases.is_dir():
        yield from sorted(path for path in settings.cases.iterdir() if path.is_dir())
