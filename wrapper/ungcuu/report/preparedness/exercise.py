"""How the response of people compares with the plan: which phase was reached when, what is missing, what was too early.

Pure: from the records that the person's commands left, and the plan. A command counts once its run ended DONE; one that
was typed and failed does not. What leaves no record (a call, a look at a page) is not judged, and nothing claims it.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ungcuu.case.facts import from_host
from ungcuu.case.record import Record
from ungcuu.core.clock import parse_time
from ungcuu.core.i18n import _
from ungcuu.drill.scenario import PHASES, Scenario, Step
from ungcuu.report.format import shown_seconds

# `ungcuu case WORD` → the kind of record that it leaves.
_CASE = {
    "open": "case_opened",
    "update": "case_updated",
    "note": "note",
    "task": "task",
    "verdict": "verdict",
    "sent": "sent",
    "lessons": "lessons",
    "close": "case_closed",
    "report": "report",
    "sweep": "sweep",
}
_CHANGES = ("eradicate", "restore", "rotate", "rebuild", "patch")


@dataclass(frozen=True)
class Deed:
    """One thing that a person did: the words by which it is known (``isolate``, ``case open``), and when."""

    word: str
    time: datetime


@dataclass(frozen=True)
class Reached:
    """One phase of the plan: when the first of its deeds was done, which are done, and which are missing.

    A phase that asks for nothing that leaves a record has neither.
    """

    phase: str
    first: datetime | None
    done: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """The whole: phases, seconds of the measures that the plan has targets for, and what was done too early."""

    phases: tuple[Reached, ...]
    seconds: Mapping[str, float]
    faults: tuple[str, ...]

    @property
    def judged(self) -> list[Reached]:
        """The phases of which anything can be known."""
        return [one for one in self.phases if one.done or one.missing]

    @property
    def reached(self) -> list[Reached]:
        """Those in which something that the plan asks for was done."""
        return [one for one in self.judged if one.done]


def deeds(records: Iterable[Record], since: datetime) -> list[Deed]:
    """Return what people did from a moment on, in the order in which it was done."""
    kinds = {kind: f"case {word}" for word, kind in _CASE.items()}
    found = []
    for record in records:
        when = parse_time(record.time)
        if when < since or from_host(record):
            continue
        if record.kind == "run_finished" and record.data.get("outcome") == "DONE":
            found.append(Deed(str(record.data.get("verb")), when))
        elif record.kind in kinds:
            stage = f" {record.data.get('stage')}" if record.kind == "sent" else ""
            found.append(Deed(kinds[record.kind] + stage, when))
    return sorted(found, key=lambda one: one.time)


def wanted(steps: Sequence[Step]) -> list[str]:
    """Return the words of a phase's commands that leave a record; a command that only plans is none."""
    found = []
    for command in (command for step in steps for command in step.commands):
        words = shlex.split(command)[1:]
        if words[:2] == ["case", "sent"]:
            found.append(f"case sent {words[3]}")
        elif words[0] == "case":
            found += [f"case {words[1]}"] if words[1] in _CASE else []
        elif words[0] == "ack":
            found.append("case open")  # that is what a confirmed alert leaves
        elif words[0] in _RUNS and "--plan" not in words:
            found.append(words[0])
    return list(dict.fromkeys(found))


_RUNS = (
    "scan", "isolate", "block", "unblock", "lock", "unlock", "collect", "eradicate", "restore", "rotate", "rebuild",
    "patch", "harden", "reassess", "release", "baseline", "backup", "enrol", "audit", "verify", "restore-drill",
)  # fmt: skip # a table


def score(plan: Scenario, done: Sequence[Deed], begun: datetime) -> Score:
    """Return how the deeds compare with the plan; ``begun`` is when the attack had ended.

    What several phases ask for counts once for each: the scan that noticed it is not the scan after the clean-up.
    """
    times: dict[str, list[datetime]] = {}
    for deed in done:
        times.setdefault(deed.word, []).append(deed.time)
    first = {word: found[0] for word, found in times.items()}
    asked: Counter[str] = Counter()
    phases = []
    for name, steps in plan.plan.phases.items():
        words = wanted(steps)
        mine = {word: times[word][asked[word]] for word in words if len(times.get(word, ())) > asked[word]}
        asked.update(words)
        missing = tuple(word for word in words if word not in mine)
        phases.append(Reached(name, min(mine.values(), default=None), tuple(mine), missing))
    return Score(tuple(phases), _seconds(plan, first, begun), tuple(_faults(first)))


def _seconds(plan: Scenario, first: Mapping[str, datetime], begun: datetime) -> dict[str, float]:
    """Noticed: a case is open. Contained: the phase's first deed. Recovered: released, or restored if never cut."""
    contain = [first[word] for word in wanted(plan.plan.contain) if word in first]
    ends = [first[word] for word in ("release", "restore", "rebuild") if word in first]
    noticed, contained = first.get("case open"), min(contain, default=None)
    recovered = first.get("release") or (min(ends, default=None) if "isolate" not in first else None)
    found = {}
    if noticed:
        found["seconds_to_detect"] = (noticed - begun).total_seconds()
    if noticed and contained:
        found["seconds_to_contain"] = max(0.0, (contained - noticed).total_seconds())
    if contained and recovered:
        found["seconds_to_recover"] = max(0.0, (recovered - contained).total_seconds())
    return {name: round(value, 2) for name, value in found.items()}


def _faults(first: Mapping[str, datetime]) -> Iterable[str]:
    """What the law's order forbids."""
    collected = first.get("collect")
    for word in _CHANGES:
        if word in first and (collected is None or first[word] < collected):
            yield _("{verb} was done before evidence was collected").format(verb=word)
    judged = first.get("reassess")
    if "release" in first and (judged is None or first["release"] < judged):
        yield _("{verb} was done before the re-assessment").format(verb="release")


def hint(plan: Scenario, done: Sequence[Deed]) -> str:
    """Return the next step of the plan of which nothing is known to be done; empty where all are."""
    begun = min((deed.time for deed in done), default=datetime.now(UTC))
    missing = {one.phase: one.missing for one in score(plan, done, begun).phases}
    for name, steps in plan.plan.phases.items():
        for step in steps:
            if set(wanted([step])) & set(missing[name]):
                commands = "".join(f"\n  $ {command}" for command in step.commands)
                return f"{_(PHASES[name])}: {step.do}{commands}"
    return ""


def in_words(found: Score, begun: datetime) -> list[str]:
    """Return the score in lines: each phase with its time after the attack, what is missing, then faults."""
    rows = []
    for one in found.judged:
        when = shown_seconds((one.first - begun).total_seconds()) if one.first else _("not reached")
        missing = "; " + _("missing: {words}").format(words=", ".join(one.missing)) if one.missing else ""
        rows.append(f"{_(PHASES[one.phase])}: {when}{missing}")
    rows += found.faults
    message = _("{done} of {count} phases of the plan that leave a record were reached")
    return [*rows, message.format(done=len(found.reached), count=len(found.judged))]


def as_json(found: Score) -> dict[str, Any]:
    """Return the score as plain data."""
    phases = {one.phase: {"done": list(one.done), "missing": list(one.missing)} for one in found.judged}
    return {"phases": phases, "reached": len(found.reached), "of": len(found.judged), "faults": list(found.faults)}
