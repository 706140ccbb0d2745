"""Whether an isolated host still is: one truth, seen from outside, in the case's journal and in three commands."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from casebook import Book, Clock, settings_in

from ungcuu.case.case import Case, find, open_case
from ungcuu.case.facts import Facts
from ungcuu.contain import card, isolation_state, outside, proofs
from ungcuu.contain.outside import Look
from ungcuu.contain.proofs import CONTROLLER
from ungcuu.core.phrases import Detail, Proof, phrase
from ungcuu.core.settings import Settings
from ungcuu.run import isolation_watch
from ungcuu.run.verb import Context

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OPEN = Look("web01", "open", (proofs.proof(Proof.NO_PORT_ANSWERS, CONTROLLER, False, {}),), ((CONTROLLER, (80,)),))
SILENT = Look("web01", "silent", (proofs.proof(Proof.NO_PORT_ANSWERS, CONTROLLER, True, {}),))
UNKNOWN = Look(
    "web01", "unknown", (proofs.not_seen(Proof.NO_PORT_ANSWERS, CONTROLLER, phrase(Detail.NO_ADDRESS_TO_TRY)),)
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "state")


@pytest.fixture
def case(settings: Settings) -> Case:
    return open_case(settings, ["web01"], "a", "b")


def isolated(case: Case, look: Look = SILENT, outcome: str = "DONE", ending: str = "cut") -> Facts:
    """What a case says after an isolate that saw this."""
    book = Book(case, Clock())
    with book.run("isolate", outcome=outcome):
        book.journal.append("change", {"what": "isolation", "ending": ending, "host": "web01"})
        book.journal.append("outside", {"host": "web01", **look.as_data()})
    return find(case.settings, case.id).facts


def test_what_was_seen_later_decides(case: Case) -> None:
    """I8: a host whose isolation was lost is not "still isolated" because a run once ended well.

    Seen failing with the records of what was seen from outside left unread ("isolated" for good).
    """
    assert isolated(case).isolated == ("web01",)
    assert isolation_watch.record_change(case.settings, "web01", OPEN)
    facts = find(case.settings, case.id).facts
    assert (facts.isolated, facts.lost) == ((), ("web01",))
    obstacles = find(case.settings, case.id).obstacles()
    assert any("LOST" in line for line in obstacles) and not any("still isolated" in line for line in obstacles)
    assert isolation_watch.record_change(case.settings, "web01", SILENT)
    facts = find(case.settings, case.id).facts
    assert (facts.isolated, facts.lost) == (("web01",), ())


def test_the_same_answer_is_recorded_once(case: Case) -> None:
    """`case status` may run every minute; the journal is for what changes."""
    isolated(case)
    before = len(case.records())
    assert not isolation_watch.record_change(case.settings, "web01", SILENT)
    assert len(case.records()) == before


def test_a_host_can_not_say_it(case: Case) -> None:
    """What a playbook hands over is the host's word; a record of this kind from there must change nothing."""
    isolated(case)
    book = Book(case, Clock())
    with book.run("scan"):
        book.report("outside", OPEN.as_data())
    assert find(case.settings, case.id).facts.isolated == ("web01",)


@pytest.mark.parametrize(
    ("look", "ending", "kept"), [(SILENT, "cut", True), (OPEN, "cut", False), (SILENT, "failed", False)]
)
def test_a_cut_that_holds_stays_in_the_case_though_a_step_failed(
    case: Case, look: Look, ending: str, kept: bool
) -> None:
    """A full disk ends the run NOT DONE; the host is cut off all the same, and must be released one day."""
    facts = isolated(case, look, "NOT DONE", ending)
    assert (facts.isolated == ("web01",)) is kept
    assert facts.lost == ()


@pytest.mark.parametrize(
    ("look", "text", "command"),
    [
        (SILENT, "isolated since 2026-11-22 12:00 UTC; no port answers, seen from the controller", "ungcuu reassess"),
        (OPEN, "isolation LOST: port 80 answers, seen from the controller", "ungcuu isolate web01"),
        (UNKNOWN, "NOT proven that it is isolated", "ungcuu isolate web01"),
    ],
)
def test_what_is_said(settings: Settings, look: Look, text: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark on the controller says that it should be isolated, no more."""
    isolation_state.mark_isolated(settings.host_dir("web01"), "web01", "full", NOW)
    monkeypatch.setattr(isolation_watch, "_card", lambda _context, _host: card_of())
    monkeypatch.setattr(outside, "look", lambda _card, _mode: look)
    found = isolation_watch.check(context(settings), "web01")
    assert found is not None
    assert text in found.text
    assert found.next.startswith(command)


def test_without_a_card_it_is_not_proven(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looked: that must not pass for "isolated"."""
    isolation_state.mark_isolated(settings.host_dir("web01"), "web01", "full", NOW)
    monkeypatch.setattr(isolation_watch, "_card", lambda _context, _host: None)
    found = isolation_watch.check(context(settings), "web01")
    assert found is not None
    assert found.text.startswith("NOT proven that it is isolated")


def test_a_host_that_was_never_cut_off_is_not_looked_at(settings: Settings) -> None:
    """A scan of an open website costs nothing more."""
    assert isolation_watch.check(context(settings), "web01") is None


def context(settings: Settings) -> Context:
    from io import StringIO

    from ungcuu.cli.registry import load
    from ungcuu.core.terminal import Screen

    return Context(settings, load("scan"), Screen(StringIO()), hosts=("web01",))


def card_of() -> card.Card:
    from ungcuu.contain.allowlist import AllowList

    return card.Card("web01", "", "192.0.2.10", 22, "u", None, "", True, (), AllowList((), ()), (), {}, "")
