"""A blind drill judges people by what their commands left in the journals, and claims nothing about the rest."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from preparedness_world import NOW, World, at

from ungcuu.case.case import Case, open_case
from ungcuu.case.lessons import record as record_lessons
from ungcuu.cli.commands import _drill_blind
from ungcuu.core.clock import parse_time
from ungcuu.core.errors import Exit, Outcome
from ungcuu.core.i18n import set_language
from ungcuu.core.terminal import Screen
from ungcuu.drill import scenario
from ungcuu.report.preparedness import drill_trend, exercise
from ungcuu.report.preparedness.exercise import Deed

BEGUN = datetime(2026, 11, 28, 8, tzinfo=UTC)
DEFACEMENT = scenario.load("defacement")
WHOLE = (
    "case open", "case note", "case sent notify-24h", "isolate", "case note", "collect", "scan", "eradicate",
    "case sweep", "isolate", "restore", "rotate", "patch", "harden", "reassess", "release", "baseline", "backup",
    "case sent report-72h", "case report", "case sent closing", "case note", "case lessons", "case close",
)  # fmt: skip # a table


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


def course(*words: str) -> list[Deed]:
    return [Deed(word, BEGUN + timedelta(minutes=number)) for number, word in enumerate(words, 1)]


@pytest.mark.parametrize("name", scenario.names())
def test_each_plan_leaves_records_in_every_phase_but_can_be_known_apart_from_a_plan_alone(name: str) -> None:
    plan = scenario.load(name)
    words = [word for steps in plan.plan.phases.values() for word in exercise.wanted(steps)]
    everything = exercise.score(plan, course(*words), BEGUN)
    assert len(everything.reached) == len(everything.judged) >= 7
    nothing = exercise.score(plan, [], BEGUN)
    assert nothing.reached == [] and nothing.seconds == {} and nothing.faults == ()


def test_a_response_by_the_plan_reaches_every_phase_with_its_times() -> None:
    found = exercise.score(DEFACEMENT, course(*WHOLE), BEGUN)
    assert len(found.reached) == len(found.judged) == 9 and found.faults == ()
    assert found.seconds == {"seconds_to_detect": 60.0, "seconds_to_contain": 180.0, "seconds_to_recover": 720.0}
    assert exercise.hint(DEFACEMENT, course(*WHOLE)) == ""


def test_one_deed_counts_for_one_phase() -> None:
    """Seen failing with each deed counted wherever it is asked for: a first scan was an eradication."""
    flood = scenario.load("flood")
    noticed = exercise.score(flood, course("case open", "scan", "case sent notify-24h"), BEGUN)
    by_phase = {one.phase: one.done for one in noticed.phases}
    assert by_phase["notice"] == ("case open", "scan") and by_phase["eradicate"] == () and by_phase["report"] == ()
    again = exercise.score(flood, course("case open", "scan", "collect", "scan"), BEGUN)
    assert {one.phase: one.done for one in again.phases}["eradicate"] == ("scan",)


@pytest.mark.parametrize("early", ["eradicate", "restore", "rotate", "rebuild", "patch"])
def test_what_is_changed_before_evidence_is_a_fault(early: str) -> None:
    """Seen failing without the comparison of times: evidence that was taken afterwards made it good."""
    found = exercise.score(DEFACEMENT, course("case open", "isolate", early, "collect"), BEGUN)
    assert found.faults == (f"{early} was done before evidence was collected",)
    assert exercise.score(DEFACEMENT, course("case open", early), BEGUN).faults, "and where none was taken at all"


def test_a_release_without_a_reassessment_is_a_fault() -> None:
    assert exercise.score(DEFACEMENT, course("collect", "release"), BEGUN).faults
    assert exercise.score(DEFACEMENT, course("collect", "release", "reassess"), BEGUN).faults
    assert not exercise.score(DEFACEMENT, course("collect", "reassess", "release"), BEGUN).faults


def test_a_hint_is_the_first_step_that_is_missing() -> None:
    so_far = ("case open", "case note", "case note", "case sent notify-24h")
    assert "$ ungcuu isolate web01 --mode maintenance" in exercise.hint(DEFACEMENT, course(*so_far))
    assert "$ ungcuu collect web01" in exercise.hint(DEFACEMENT, course(*so_far, "isolate", "case note"))


def test_only_what_ended_done_after_the_attack_counts(tmp_path: Path) -> None:
    """Seen failing with every run that was started: a refused isolation counted as contained."""
    world = World(tmp_path / "w")
    with at(3):
        case = open_case(world.settings, ["web01"], "before the attack", drill=True)
    begun = NOW - timedelta(days=2.5)
    world.run("isolate", ago=2, outcome="NOT DONE", journal=case.journal())
    world.run("collect", ago=1.5, journal=case.journal())
    with at(1):
        record_lessons(case, "upload", "x", "y", "z")
    found = exercise.deeds(case.records(), begun)
    assert [deed.word for deed in found] == ["collect", "case lessons"]


class FakeDrill:
    """A drill whose attack was played, on hosts that a test has no need of."""

    def __init__(self, state: Path, there: bool = False, error: str = "") -> None:
        self.state, self.host, self.downs = state, "web01", 0
        self.report = SimpleNamespace(scenario="defacement", error=error, as_json=dict)
        self.data = SimpleNamespace(effects=[SimpleNamespace(name="the intruder's page")])
        self.stage = SimpleNamespace(there=lambda _effect: there)
        self.lab = SimpleNamespace(slot=0, down=self.down)
        self.typist = SimpleNamespace(inventory=state / "inventory")

    def attack_alone(self, _debian: str) -> Any:
        return self.report

    def down(self) -> None:
        self.downs += 1


def trained(world: World, drill: Any, typed: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, str]:
    out = io.StringIO()
    lines = iter(typed.splitlines())
    monkeypatch.setattr(_drill_blind, "_typed", lambda: next(lines, "end"))
    options = {"debian": "12", "minutes": 1, "keep": False}
    context: Any = SimpleNamespace(settings=world.settings, options=options, out=Screen(out))
    return _drill_blind.train(context, drill), out.getvalue()


def test_a_person_reads_what_the_public_says_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing with the story in place of the public's words."""
    world = World(tmp_path / "w")
    drill = FakeDrill(tmp_path / "drill", there=True)
    result, said = trained(world, drill, "", monkeypatch)
    assert DEFACEMENT.public.en in said and DEFACEMENT.story.en not in said and "defacement" not in said.lower()
    assert (result.outcome, result.code) == (Outcome.NOT_DONE, Exit.NOT_VERIFIED) and drill.downs == 0
    assert "still there: the intruder's page" in said and result.data["left"] == ["the intruder's page"]
    kept = drill_trend.drills(world.settings)[0]
    assert (
        kept.blind and kept.outcome == "NOT DONE" and drill_trend.heading(kept.group).endswith("(response by people)")
    )


def test_a_whole_response_is_done_and_an_attack_left_in_place_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing with the score alone: all verbs were typed, and the intruder's page was still there."""
    world = World(tmp_path / "w")
    monkeypatch.setattr(exercise, "deeds", lambda _records, since: [Deed(word, since) for word in WHOLE])
    result, said = trained(world, FakeDrill(tmp_path / "drill"), "", monkeypatch)
    assert result.outcome is Outcome.DONE and "9 of 9 phases" in said
    left, _said = trained(world, FakeDrill(tmp_path / "drill2", there=True), "", monkeypatch)
    assert left.outcome is Outcome.NOT_DONE


def test_a_hint_on_demand_and_an_attack_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path / "w")
    _result, said = trained(world, FakeDrill(tmp_path / "drill"), "\nend", monkeypatch)
    assert "Notice and confirm" in said and "\n  $ ungcuu ack ALERT --confirm" in said, "on lines of their own"
    result, said = trained(world, FakeDrill(tmp_path / "drill3", error="no lab"), "", monkeypatch)
    assert result.outcome is Outcome.NOT_DONE and DEFACEMENT.public.en not in said


def test_the_journals_of_the_drill_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person works in the drill's own state folder; what stands in the real one is no response."""
    world = World(tmp_path / "w")
    apart = replace(world.settings, state=world.settings.state / "drill")
    case = Case(apart, open_case(apart, ["web01"], "x", drill=True).id)
    world.run("collect", ago=-1)
    assert [record.kind for record in _drill_blind._records(apart)] == ["case_opened"]
    opened = case.records()[0]
    assert exercise.deeds([opened], parse_time(opened.time))[0].word == "case open"
    assert _drill_blind._case(apart, parse_time(opened.time)) == case.id
    assert _drill_blind._case(apart, parse_time(opened.time) + timedelta(seconds=1)) == "", "of an earlier drill"


def test_nobody_at_the_keyboard_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_drill_blind, "_LOOK", 0.01)
    with Path("/dev/null").open(encoding="utf-8") as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert _drill_blind._typed() is None
