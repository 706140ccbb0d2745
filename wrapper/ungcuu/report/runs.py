"""Runs with what they reported: what all sections are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ungcuu.case.facts import Facts, Run, hosts_of, payload
from ungcuu.case.record import Record
from ungcuu.contain.endings import CutEnding
from ungcuu.core.i18n import _
from ungcuu.report.format import deed, shown_seconds, word


@dataclass(frozen=True)
class RunRecords:
    """One run with what it reported, kind by kind."""

    run: Run
    reports: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    def of(self, *kinds: str) -> list[Mapping[str, Any]]:
        """Reports of these kinds, in order."""
        return [data for kind in kinds for data in self.reports.get(kind, [])]


def by_run(records: Sequence[Record], facts: Facts) -> list[RunRecords]:
    """Give each report to the newest run that had begun on that host."""
    runs = {run.seq: RunRecords(run, {}) for run in facts.runs}
    begun: list[RunRecords] = []
    for record in records:
        if record.seq in runs:
            begun.append(runs[record.seq])
            continue
        data = payload(record)
        hosts = set(hosts_of(data))
        owner = next((one for one in reversed(begun) if not hosts or hosts & set(one.run.hosts)), None)
        if owner is not None and not record.kind.startswith(("run_", "case_")):
            owner.reports.setdefault(record.kind, []).append(data)
    return list(runs.values())


def run_title(run: Run) -> str:
    """What a run did or was to do, and where."""
    done = deed(run.verb, run.outcome)
    return f"{done} · {', '.join(run.hosts)}" if run.hosts else done


def outline(this_run: RunRecords) -> str:
    """One line on a run: outcome, length, and how many things of which kind it reported."""
    parts = [word(ending(this_run))]
    if this_run.run.seconds is not None:
        parts.append(shown_seconds(this_run.run.seconds))
    proofs = this_run.of("proof")
    if proofs:
        passed = sum(data.get("passed") is True for data in proofs)
        parts.append(_("{passed} of {all} proofs passed").format(passed=passed, all=len(proofs)))
    for kind, text in (
        ("finding", _("findings: {count}")),
        ("evidence", _("evidence: {count}")),
        ("quarantine", _("quarantined: {count}")),
        ("change", _("changes: {count}")),
    ):
        if count := sum(_counts(kind, data) for data in this_run.of(kind)):
            parts.append(text.format(count=count))
    return " · ".join(parts)


def _counts(kind: str, data: Mapping[str, Any]) -> bool:
    """Whether a record is one of its kind's number: a cut that never reached its host changed nothing there."""
    return kind != "change" or data.get("ending") not in (CutEnding.NOT_REACHED, CutEnding.NOT_SENT)


def tone(run: Run) -> str:
    """How a run ended, as a colour."""
    return {"DONE": "good", "NOT DONE": "bad", "UNKNOWN": "warn"}.get(run.outcome, "warn")


def ending(this_run: RunRecords) -> str:
    """How a run ended. A scan that did its work and found something did not fail."""
    whole = any(data.get("complete") is True for data in this_run.of("scan"))
    if this_run.run.verb in ("scan", "reassess") and whole and this_run.of("finding") and this_run.run.finished:
        return "found something"
    return this_run.run.outcome or "no end"


def run_tone(this_run: RunRecords) -> str:
    """The colour of a run; one that did its work and found something warns."""
    return "warn" if ending(this_run) == "found something" else tone(this_run.run)


def in_case(this_run: RunRecords) -> bool:
    """Whether a run's changes belong to the answer to this incident."""
    return this_run.run.verb not in ("harden", "backup", "baseline")


def size_of(data: Mapping[str, Any]) -> int:
    """Bytes of a record, 0 where it says none."""
    value = data.get("size", data.get("bytes", 0))
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
