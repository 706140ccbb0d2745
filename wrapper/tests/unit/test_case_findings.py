"""Which findings of a case are open, what answers one, and what stands in the way of closing the case."""

from __future__ import annotations

from pathlib import Path

import pytest
from casebook import FINDINGS, Book, again, clock_of, contain, found, settings_in

from ungcuu.case.case import open_case
from ungcuu.core.errors import Refused, UsageFault
from ungcuu.core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "state")


def test_findings_stay_open_until_something_answers_them(settings: Settings) -> None:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        found(book, "NOT DONE")
        assert len(again(case).facts.open_findings) == len(FINDINGS)
        book.report("quarantine", {"path": FINDINGS[0][3]}, host="web02")
        assert len(again(case).facts.open_findings) == len(FINDINGS), "another host's file"
        book.report("quarantine", {"path": FINDINGS[0][3]})
        assert [f.state for f in again(case).facts.findings] == ["quarantined", "open", "open", "open"]
        with book.run("scan", outcome="UNKNOWN"):
            book.report("scan", {"complete": False})
        assert len(again(case).facts.open_findings) == 3, "a scan that did not end proves nothing"
        with book.run("scan"):
            book.report("scan", {"complete": True})
        assert {f.state for f in again(case).facts.findings} == {"quarantined", "gone"}
        found(book, "NOT DONE")
        assert len(again(case).facts.open_findings) == len(FINDINGS), "what comes back is open again"


@pytest.mark.parametrize("what", ["put_back", "put back"], ids=["today", "first format"])
def test_what_is_put_back_from_quarantine_is_open_again(settings: Settings, what: str) -> None:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        found(book, "DONE")
        first = again(case).facts.findings[0]
        book.report("quarantine", {"id": "q1", "finding": first.id, "path": "/elsewhere"})
        assert again(case).facts.findings[0].state == "quarantined"
        book.report("change", {"what": what, "item": "q1"})
    assert again(case).facts.findings[0].open


def test_a_low_finding_does_not_stand_in_the_way(settings: Settings) -> None:
    """It does not spoil a re-assessment either; a gate that is never passed gets forced."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        Book(case, clock).report("finding", {"id": "a", "severity": "low", "path": "/etc/motd"})
    assert again(case).facts.open_findings and again(case).obstacles() == []


def test_a_verdict_of_a_person_stands(settings: Settings) -> None:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        found(book, "NOT DONE")
        known = again(case).facts.findings[0]
        case.judge(known.id, "false alarm", "tệp của nhà thầu")
        for finding, verdict, reason in (
            ("nonsense", "accepted", "x"),
            (known.id, "nonsense", "x"),
            (known.id, "accepted", " "),
        ):
            with pytest.raises(UsageFault):
                case.judge(finding, verdict, reason)
        found(book, "NOT DONE")
    assert again(case).facts.findings[0].state == "false alarm"


def test_a_case_is_not_closed_over_an_isolated_host_or_an_open_finding(settings: Settings) -> None:
    """Sites whose cause was never found are hit again."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        found(book, "NOT DONE")
        contain(book)
        obstacles = again(case).obstacles()
        assert len(obstacles) == 1 + len(FINDINGS) and "web01 is still isolated" in obstacles
        with pytest.raises(Refused, match="still isolated"):
            case.close("done")
        with pytest.raises(UsageFault, match="reason"):
            case.close(force=True)
        assert again(case).facts.phase == "contain"
        closed = case.close("máy đã tháo rời, bàn giao PA05", force=True)
    last = closed.records()[-1]
    assert (last.kind, last.data["forced"], last.data["open"]) == ("case_closed", True, obstacles)


def test_a_verdict_lapses_when_something_else_stands_there(settings: Settings) -> None:
    """A person judged one content; times and process numbers may change. Seen failing with the state kept by id."""
    row = {"id": "a", "rule": "web.changed", "severity": "high", "path": "/x", "evidence": {"sha256": "a", "mtime": 1}}
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        book.report("finding", row)
        case.judge("a", "false alarm", "ours")
        book.report("finding", row | {"evidence": {"sha256": "a", "mtime": 2}})
        assert again(case).facts.findings[0].state == "false alarm"
        book.report("finding", row | {"evidence": {"sha256": "b", "mtime": 2}})
    assert again(case).facts.findings[0].state == "open"
