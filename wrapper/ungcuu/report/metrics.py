"""What the controller knows of its hosts, as metrics for a monitoring system. Nothing is asked of a host.

Moments are times, not ages: the file is read long after it was written, and an age in it would stand still. What is not
known has no sample; a rule for "absent" is the monitoring system's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ungcuu import __version__
from ungcuu.case.facts import from_host, hosts_of
from ungcuu.case.index import lost
from ungcuu.case.journal import NAME
from ungcuu.case.record import marked
from ungcuu.core.errors import Outcome
from ungcuu.core.settings import Settings
from ungcuu.prepare.kit.standing import standing
from ungcuu.report.hosts_table import HostRow, Overview, overview

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_FINISHED = b'"kind":"run_finished"'
_DRILL = b'"kind":"drill"'


def text(settings: Settings, present: datetime) -> str:
    """Return all metrics in OpenMetrics' text format, which Prometheus' text format takes as well."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.openmetrics.exposition import generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(settings, present))
    # The library states no types here.
    return str(generate_latest(registry).decode())  # type: ignore[no-untyped-call]


class _Collector:
    """Hands the metrics to the library, made when it asks."""

    def __init__(self, settings: Settings, present: datetime) -> None:
        self._settings, self._present = settings, present

    def collect(self) -> Iterator[Metric]:
        """Yield each metric with its samples."""
        found = overview(self._settings, self._present)
        yield _gauge("ungcuu_metrics_timestamp_seconds", "When this file was made.", [({}, self._present.timestamp())])
        yield _gauge("ungcuu_info", "The version of ungcuu.", [({"version": __version__}, 1)])
        yield from _of_kit(self._settings)
        yield from _of_hosts(self._settings, found.hosts)
        yield from _of_cases(self._settings, found, self._present)
        yield from _of_runs(self._settings)


def _of_kit(settings: Settings) -> Iterator[Metric]:
    kit = standing(settings)
    name, what = "ungcuu_kit_timestamp_seconds", "When the last controller-loss kit was made."
    yield _gauge(name, what, [({}, kit.time.timestamp() if kit else None)])
    name, what = "ungcuu_kit_outdated_files", "Files that have changed since the last controller-loss kit was made."
    yield _gauge(name, what, [({}, len(kit.changed) if kit else None)])


def _of_hosts(settings: Settings, rows: tuple[HostRow, ...]) -> Iterator[Metric]:
    moments = {
        "audit": ("the last audit", {row.host: _seconds(row.audited) for row in rows}),
        "patch": ("the last patch cycle that ended DONE", {row.host: _seconds(row.patched) for row in rows}),
        "backup": ("the newest complete restore point", {row.host: _seconds(row.backup) for row in rows}),
        "restore_proven": ("the newest restore that was proven", {row.host: _seconds(row.proven) for row in rows}),
        "scan": ("the last scan", {row.host: _scanned(settings, row.host) for row in rows}),
    }
    for name, (what, values) in moments.items():
        yield _gauge(f"ungcuu_{name}_timestamp_seconds", f"When {what} of a host was.", _by_host(values))
    scores = {row.host: row.score / 100 for row in rows if row.score is not None}
    yield _gauge(
        "ungcuu_audit_score_ratio", "Share of the controls that the last audit found in force.", _by_host(scores)
    )
    findings = {row.host: row.findings for row in rows if row.scanned}
    yield _gauge("ungcuu_findings", "Findings of the last scan of a host.", _by_host(findings))
    whole = {row.host: int(row.complete) for row in rows if row.scanned}
    yield _gauge("ungcuu_scan_complete", "Whether the last scan looked at everything that it should.", _by_host(whole))
    cases = {row.host: len(row.cases) for row in rows}
    yield _gauge("ungcuu_open_cases", "Open cases that name a host.", _by_host(cases))


def _of_cases(settings: Settings, found: Overview, present: datetime) -> Iterator[Metric]:
    due = [clock.due for _case, clock in found.clocks if clock.due is not None]
    late = sum(moment < present for moment in due)
    yield _gauge("ungcuu_deadlines_overdue", "Deadlines of open cases that have passed.", [({}, late)])
    ahead = [moment.timestamp() for moment in due if moment >= present]
    name = "ungcuu_next_deadline_timestamp_seconds"
    yield _gauge(name, "The next deadline of an open case.", [({}, min(ahead))] if ahead else [])
    yield _gauge("ungcuu_cases_unreadable", "Cases whose journals can't be read.", [({}, len(found.unreadable))])
    yield _gauge("ungcuu_cases_missing", "Cases that were there and are gone.", [({}, len(lost(settings)))])


def _of_runs(settings: Settings) -> Iterator[Metric]:
    """The last run of each verb on each host, over all journals; and the last drill."""
    last: dict[tuple[str, str], tuple[str, str]] = {}
    drill = ""
    for path in [settings.operations / NAME, *sorted(settings.cases.glob(f"*/{NAME}"))]:
        journal = _bytes(path)
        for record in marked(journal, _FINISHED):
            if record.kind != "run_finished" or from_host(record):
                continue
            outcomes = record.data.get("outcomes")
            for host in hosts_of(record.data):
                said = outcomes.get(host) if isinstance(outcomes, Mapping) else None
                key = (host, str(record.data.get("verb")))
                last[key] = max(last.get(key, ("", "")), (record.time, str(said or record.data.get("outcome"))))
        for record in marked(journal, _DRILL):
            if record.kind == "drill" and not from_host(record):
                drill = max(drill, record.time)
    ran = [({"host": host, "verb": verb}, _seconds(time)) for (host, verb), (time, _said) in last.items()]
    yield _gauge("ungcuu_run_timestamp_seconds", "When the last run of a verb on a host ended.", ran)
    ended = [
        ({"host": host, "verb": verb, "outcome": one.value}, int(said == one.value))
        for (host, verb), (_time, said) in last.items()
        for one in Outcome
    ]
    yield _gauge("ungcuu_run_outcome", "How the last run of a verb on a host ended: 1 at its outcome.", ended)
    yield _gauge("ungcuu_drill_timestamp_seconds", "When the last drill ended.", [({}, _seconds(drill))])


def _gauge(name: str, what: str, samples: Sequence[tuple[dict[str, str], float | None]]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    metric = GaugeMetricFamily(name, what, labels=list(samples[0][0]) if samples else [])
    for labels, value in samples:
        if value is not None:
            metric.add_metric(list(labels.values()), value)
    return metric


def _by_host(values: Mapping[str, float | None]) -> list[tuple[dict[str, str], float | None]]:
    return [({"host": host}, value) for host, value in values.items()]


def _seconds(moment: str) -> float | None:
    """A moment as seconds since 1970; nothing where it is not known."""
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _scanned(settings: Settings, host: str) -> float | None:
    try:
        known: Any = json.loads((settings.host_dir(host) / "findings.json").read_bytes())
    except (OSError, ValueError):
        return None
    moment = known.get("time") if isinstance(known, dict) else None
    return float(moment) if isinstance(moment, int | float) and not isinstance(moment, bool) else _seconds(str(moment))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
