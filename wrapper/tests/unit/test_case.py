"""A case is what its journal proves: its number, phases, clocks and isolation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from casebook import Book, again, clock_of, found, settings_in, write_case

from ungcuu.case import derivation
from ungcuu.case import facts as case_facts
from ungcuu.case.case import Case, current, find, list_cases, open_case, parse_when
from ungcuu.case.derivation import derive
from ungcuu.case.journal import Journal
from ungcuu.case.record import Record
from ungcuu.core.clock import format_time, parse_time
from ungcuu.core.errors import JournalError, Refused, UsageFault
from ungcuu.core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "state")


@pytest.fixture
def case(settings: Settings) -> Case:
    return open_case(settings, ["web01"], "Trang chủ bị thay đổi", "báo của người dân")


def record(kind: str, data: Mapping[str, Any], seq: int = 1) -> Record:
    return Record(seq, "2026-11-22T02:00:00.000Z", "", kind, data, "", "")


# --- opening and finding ------------------------------------------------------------------------------------------


def test_numbers_follow_one_another_and_are_never_used_twice(settings: Settings) -> None:
    """Two cases under one number would mix two incidents' evidence, even after one folder was lost."""
    first, second = (open_case(settings, ["web01"], title) for title in ("a", "b"))
    assert [first.id[-4:], second.id[-4:]] == ["-001", "-002"]
    second.folder.rename(settings.state / "elsewhere")
    assert open_case(settings, ["web01"], "c").id.endswith("-003")


def test_eight_operators_open_cases_at_once(settings: Settings) -> None:
    children = []
    for _ in range(8):
        if not (child := os.fork()):
            try:
                open_case(settings, ["web01"], "x")
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    assert [case.id[-3:] for case in list_cases(settings)] == [f"{number:03d}" for number in range(1, 9)]


def test_the_current_case_is_the_newest_open_one_of_that_host(settings: Settings) -> None:
    old, other, new = (open_case(settings, [host], "x") for host in ("web01", "web02", "web01"))
    assert (current(settings, "web01"), current(settings, "web02"), current(settings, "web03")) == (new, other, None)
    new.close()
    assert current(settings, "web01") == old


@pytest.mark.parametrize(
    "bad",
    [
        {"title": "  "},
        {"severity": "terrible"},
        {"tlp": "PURPLE"},
        {"detected_at": datetime(2026, 1, 1)},
        {"detected_at": datetime.now(UTC) + timedelta(hours=1)},
        {"first_sign": datetime.now(UTC) + timedelta(hours=1)},
    ],
)
def test_a_value_that_would_make_the_clocks_lie_is_refused(settings: Settings, bad: dict[str, Any]) -> None:
    with pytest.raises(UsageFault):
        open_case(settings, ["web01"], **{"title": "x", **bad})
    assert list_cases(settings) == []


@pytest.mark.parametrize("name", ["../heads", "UC-20261122-001/..", "", "UC-20261122-999", "UC-20261122-001\n"])
def test_a_name_that_is_no_case_is_refused(settings: Settings, case: Case, name: str) -> None:
    with pytest.raises(UsageFault):
        find(settings, name)


def test_a_typed_time_needs_no_zone_but_keeps_one() -> None:
    assert parse_when("2026-11-22T09:30+07:00") == datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
    assert parse_when("2026-11-22 09:30").tzinfo is UTC
    with pytest.raises(UsageFault):
        parse_when("yesterday")


# --- phases -------------------------------------------------------------------------------------------------------

ALLOWED = {
    ("detect", "contain"),
    ("detect", "recover"),
    ("detect", "review"),
    ("contain", "recover"),
    ("contain", "review"),
    ("recover", "contain"),
    ("recover", "review"),
    ("review", "contain"),
    ("review", "recover"),
}


@pytest.mark.parametrize("start", case_facts.PHASES[:-1])
@pytest.mark.parametrize("end", [*case_facts.PHASES, "nonsense"])
def test_every_step_of_the_phase_machine(case: Case, start: str, end: str) -> None:
    if start != "detect":
        case = case.advance(start)
    if start == end:
        assert case.advance(end).facts.phase == end
    elif (start, end) in ALLOWED:
        assert case.advance(end, "vì sao").facts.phase == end
    else:
        with pytest.raises(Refused):
            case.advance(end)
        assert again(case).facts.phase == start


def test_a_closed_case_stays_closed(case: Case) -> None:
    """A case that opens again would change a report that was signed."""
    case = case.close()
    for attempt in (case.close, lambda: case.advance("contain"), case.refuse_closed):
        with pytest.raises(Refused):
            attempt()
    assert case.note("biên bản họp đã ký").kind == "note"


def test_runs_move_the_phase_without_anyone_saying_so(settings: Settings) -> None:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        seen = []
        for verb in ("scan", "isolate", "collect", "eradicate", "restore", "reassess", "release"):
            with book.run(verb):
                pass
            seen.append(again(case).facts.phase)
    assert seen == ["detect", "contain", "contain", "recover", "recover", "recover", "review"]


# --- clocks and isolation -----------------------------------------------------------------------------------------


def test_the_clocks_of_a_whole_case(settings: Settings) -> None:
    facts = write_case(settings).facts
    assert facts.seconds_to_detect == (7 * 60 + 41 - 9) * 60
    assert facts.seconds_to_contain == pytest.approx(588, abs=2)
    assert facts.seconds_to_recover == pytest.approx(280, abs=3)
    assert facts.phase == "closed" and facts.open_findings == () and facts.isolated == ()


def test_a_clock_without_proof_shows_nothing(case: Case) -> None:
    """A number that nobody measured is worse than none."""
    facts = case.facts
    assert (facts.seconds_to_detect, facts.seconds_to_contain, facts.seconds_to_recover) == (None, None, None)


@pytest.mark.parametrize(
    ("outcome", "isolated", "unsure", "contained"),
    [
        ("DONE", True, False, True),
        ("NOT DONE", False, False, False),
        ("UNKNOWN", True, True, False),
        ("", True, True, False),
    ],
)
def test_an_isolation_counts_by_its_outcome(
    settings: Settings, outcome: str, isolated: bool, unsure: bool, contained: bool
) -> None:
    """A lost connection is neither success nor failure: the host may be cut off."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        with Book(case, clock).run("isolate", outcome=outcome):
            pass
    facts = again(case).facts
    assert (facts.isolated == ("web01",), facts.unsure == ("web01",), bool(facts.contained)) == (
        isolated,
        unsure,
        contained,
    )


def test_each_host_of_a_run_has_its_own_outcome(settings: Settings) -> None:
    case = open_case(settings, ["web01", "web02"], "x")
    journal = case.journal()
    base = {"run": "r", "verb": "isolate", "hosts": ["web01", "web02"]}
    journal.append("run_started", base)
    journal.append("run_finished", {**base, "outcome": "NOT DONE", "outcomes": {"web01": "DONE", "web02": "NOT DONE"}})
    assert again(case).facts.isolated == ("web01",)


def test_a_host_may_not_steer_the_case(settings: Settings) -> None:
    """A task's result is the host's word: `case_closed` or `run_finished` in it is an attack, not a fact."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        found(book, "NOT DONE")
        with book.run("isolate"):
            pass
        before = again(case).facts
        for kind, data in {
            "case_closed": {"reason": "all well"},
            "phase": {"phase": "review"},
            "run_started": {"verb": "release", "hosts": ["web01"], "run": "z"},
            "run_finished": {"verb": "release", "hosts": ["web01"], "run": "z", "outcome": "DONE"},
            "verdict": {"finding": before.findings[0].id, "verdict": "false alarm"},
            "case_opened": {"title": "another"},
            "detected": {"time": "2020-01-01T00:00:00Z"},
            "scan": {"complete": True, "host": "web01", "first_sign": "2020-01-01T00:00:00Z"},
        }.items():
            book.report(kind, data)
    assert again(case).facts == before


@pytest.mark.parametrize(("minutes", "known"), [(-5, True), (5, False)])
def test_what_changed_after_the_detection_is_no_first_sign(settings: Settings, minutes: int, known: bool) -> None:
    """A cache that the website wrote while the case went on became the first sign of compromise. Seen failing."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        when = format_time(parse_time(again(case).facts.detected) + timedelta(minutes=minutes))
        with book.run("scan"):
            book.report("scan", {"complete": True, "clean": False, "first_sign": when, "counts": {"critical": 1}})
    assert again(case).facts.first_sign == (when if known else "")


def test_a_record_names_the_host_that_it_came_from_whatever_it_says() -> None:
    assert (
        case_facts.payload(record("finding", {"host": "web01", "data": {"host": "web02", "path": "/x"}}))["host"]
        == "web01"
    )


def test_records_of_any_shape_are_survived() -> None:
    """Journals outlive versions, and hosts send what they like."""
    odd: list[Any] = [None, "", "x", 5, 1.5, True, [], {}, ["a"], {"a": 1}, {"data": {}}, {"data": 5}]
    kinds = [name.removeprefix("_on_") for name in dir(derivation._Fold) if name.startswith("_on_")]
    records = [
        record("case_opened", {"hosts": ["web01"], "title": "x"}),
        record("run_started", {"verb": "scan", "hosts": "web01"}),
    ]
    for kind in kinds:
        for value in odd:
            data = dict.fromkeys(
                ("host", "hosts", "time", "path", "id", "verb", "outcomes", "phase", "first_sign", "data"), value
            )
            records += [record(kind, data), record(kind, {})]
    derive(records)


def test_no_room_for_a_case_is_reported(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "heads").write_text("a file where a folder should be")
    with pytest.raises((JournalError, OSError)):
        open_case(settings_in(tmp_path / "state"), ["web01"], "x")


def test_a_case_that_can_t_be_written_leaves_nothing_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk must not leave half a case: `case status` showed it, and `case list` did not know it."""

    def full(*_: object) -> None:
        raise JournalError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", full)
        with pytest.raises(JournalError):
            open_case(settings, ["web01"], "Web shell")
    assert list(settings.cases.iterdir()) == []
    assert open_case(settings, ["web01"], "Web shell").facts.hosts == ("web01",)


def test_a_run_that_is_at_work_is_not_unknown(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing: "UNKNOWN reassess web01" and "ungcuu resume web01" beside the run that was under way."""
    from types import SimpleNamespace

    from ungcuu.cli.commands.case import management

    runs = (
        case_facts.Run(verb="collect", hosts=("web01",), run="1", started="2026-01-01T00:00:00.000Z"),
        case_facts.Run(verb="reassess", hosts=("web01",), run="2", started="2026-01-01T01:00:00.000Z"),
    )
    known = SimpleNamespace(hosts=("web01",), runs=runs, phase="recover", lost=(), case="UC-1", isolated=("web01",))
    holders = {"web01": {"verb": "reassess", "user": "an"}}
    monkeypatch.setattr("ungcuu.run.locks.holder", lambda _settings, host: holders.get(host))
    shown = dict(management._progress(SimpleNamespace(settings=settings), known))
    assert (shown["UNKNOWN"], shown["next"]) == ("collect web01", "wait until it has ended")
    holders.clear()
    shown = dict(management._progress(SimpleNamespace(settings=settings), known))
    assert shown["UNKNOWN"] == "collect web01, reassess web01"
    assert shown["next"] == "ungcuu resume web01"
