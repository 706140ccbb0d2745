"""The drill must fail when the work is not done: each proof is seen failing on real hosts, with a verb left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ungcuu.core.settings import Settings
from ungcuu.drill.player import Drill, DrillFailed, Phase
from ungcuu.lab import Lab


@pytest.fixture(scope="module")
def attacked(fresh: Callable[..., Lab]) -> Drill:
    """A drill whose intruder has done all that it does; no verb has run."""
    lab = fresh("web01", "intruder01")
    settings = Settings(state=lab.folder.parents[1], content=Path(), operator="test")
    drill = Drill("webshell", settings, lab.slot, print)
    drill.lab = lab
    drill.known_good = {path: drill._page(path)["sha256"] for path in drill._pages()}
    drill._attack(Phase("attack"))
    drill.report.case = "UC-20260101-001"
    return drill


def skip_verbs(drill: Drill, monkeypatch: pytest.MonkeyPatch, document: Mapping[str, Any]) -> None:
    """Every verb says that it did well, and does nothing."""
    monkeypatch.setattr(drill, "_verb", lambda *_words, **_options: document)


def test_an_isolation_that_cuts_nothing_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The intruder's open sessions are what a leaky rule set forgets."""
    skip_verbs(attacked, monkeypatch, {"outcome": "DONE"})
    with pytest.raises(DrillFailed, match="held session is dead"):
        attacked._contain(Phase("contain"))


def test_a_web_shell_that_still_answers_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dead sessions are not enough: a new request must fail too."""
    skip_verbs(attacked, monkeypatch, {"outcome": "DONE"})
    monkeypatch.setattr(attacked, "_session", lambda _log: {"alive": False, "last": 1.0})
    with pytest.raises(DrillFailed, match="web shell no longer answers"):
        attacked._contain(Phase("contain"))


@pytest.mark.parametrize("missed", ["web shell", "cron entry", "SSH key"])
def test_a_missed_finding_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch, missed: str) -> None:
    """Each plant must be named; two out of three is a failure."""
    paths = [plant["finds"] for plant in attacked.data["plants"] if plant["name"] != missed]
    records = [{"kind": "finding", "data": {"path": path}} for path in paths]
    skip_verbs(attacked, monkeypatch, {"records": records})
    with pytest.raises(DrillFailed, match=f"scan names the {missed}"):
        attacked._detect(Phase("detect"))


def test_evidence_whose_hash_differs_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """`case verify` decides, and its word counts."""
    answers = {"collect": {"records": [{"kind": "evidence"}]}, "case": {"outcome": "NOT DONE"}}
    monkeypatch.setattr(attacked, "_verb", lambda *words, **_options: answers[words[0]])
    with pytest.raises(DrillFailed, match="hash as recorded"):
        attacked._collect(Phase("collect"))


def test_plants_left_in_place_are_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """An eradication that removes nothing."""
    skip_verbs(attacked, monkeypatch, {"outcome": "DONE"})
    with pytest.raises(DrillFailed, match="gone from its place"):
        attacked._eradicate(Phase("eradicate"))


def test_a_weakness_that_comes_back_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sites that only remove the content are hit again."""
    skip_verbs(attacked, monkeypatch, {"outcome": "DONE"})
    with pytest.raises(DrillFailed, match="weakness is gone"):
        attacked._restore(Phase("restore"))


def test_a_restored_page_that_differs_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public must see what it saw before."""
    skip_verbs(attacked, monkeypatch, {"outcome": "DONE"})
    monkeypatch.setattr(attacked, "known_good", {"/": "0" * 64})
    with pytest.raises(DrillFailed, match="page of before"):
        attacked._release(Phase("release"))
