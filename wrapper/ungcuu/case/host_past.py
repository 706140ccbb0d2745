"""What the controller itself wrote down of a host before: incident, isolation, its own patch runs. A scan asks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ungcuu.case import case
from ungcuu.case.facts import hosts_of, payload
from ungcuu.case.journal import read_records
from ungcuu.case.record import Record
from ungcuu.contain import isolation_state
from ungcuu.core.settings import Settings


@dataclass(frozen=True)
class HostPast:
    """The past of one host, read from the state folder of this controller."""

    state: Path
    host: str

    def in_incident(self) -> bool:
        """Whether the host is isolated or has an open case."""
        if self.isolation_mode():
            return True
        return case.current(Settings.from_environment({"UNGCUU_STATE": str(self.state)}), self.host) is not None

    def barring_case(self) -> str:
        """Return the open case in which the host was not returned to service: its state is nobody's known-good."""
        found = case.current(Settings.from_environment({"UNGCUU_STATE": str(self.state)}), self.host)
        if found is None:
            return ""
        back = any(
            run.verb in ("release", "rebuild") and run.outcome == "DONE" and self.host in run.hosts
            for run in found.facts.runs
        )
        return "" if back and not self.isolation_mode() else str(found.id)

    def isolation_mode(self) -> str:
        """Return the mode that the host is isolated in; empty where it is not."""
        folder = self.state / "hosts" / self.host
        return isolation_state.mode_of(folder) if isolation_state.isolated_since(folder) is not None else ""

    def patched_versions(self) -> Iterator[tuple[str, str]]:
        """Yield (package, version) of each patch run of ungcuu that was done on the host."""
        return patched_versions(self.state, self.host)


def patched_versions(state: Path, host: str) -> Iterator[tuple[str, str]]:
    """Yield (package, version) of each patch run of ungcuu that was done on the host."""
    folders = [state / "operations", *sorted((state / "cases").glob("*"))]
    for folder in folders:
        if (folder / "journal.jsonl").exists():
            yield from installed_by(read_records(folder), host)


def installed_by(records: Iterable[Record], host: str) -> Iterator[tuple[str, str]]:
    """Yield what the done patch runs of one journal installed on a host, as their plan named it. Pure."""
    planned: dict[str, list[Mapping[str, Any]]] = {}
    run = ""
    for record in records:
        data = payload(record)
        if record.kind == "run_started":
            run = str(data.get("run")) if data.get("verb") == "patch" and host in hosts_of(data) else ""
        elif record.kind == "snapshot" and data.get("name") == "patch_plan" and run and host in hosts_of(data):
            planned[run] = [row for row in data.get("packages") or () if isinstance(row, Mapping)]
        elif record.kind == "run_finished":
            outcomes = data.get("outcomes")
            done = outcomes.get(host) if isinstance(outcomes, Mapping) else data.get("outcome")
            for row in planned.pop(str(data.get("run")), []) if done == "DONE" else []:
                yield str(row.get("name")), str(row.get("to"))
