"""The drill must fail when the work is not done: each proof is seen failing on real hosts, with a verb left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ungcuu.core.settings import Settings
from ungcuu.drill import preparation, recovery, response
from ungcuu.drill.comparison import Contents
from ungcuu.drill.player import Drill
from ungcuu.drill.record import DrillFailed, Phase
from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def attacked(fresh: Callable[..., Lab]) -> Iterator[Drill]:
    """A drill whose intruder has done all that it does; no verb has run."""
    lab = fresh("web01", "vault01", "intruder01")
    settings = Settings(state=lab.folder.parents[1], content=ROOT, operator="test")
    drill = Drill("webshell", settings, lab.slot, print)
    drill.lab = drill.stage.lab = lab
    drill.good = drill.before = drill.stage.contents()
    drill.remember_pages()
    preparation.attack(drill, Phase("attack"))
    drill.moments |= {"noticed": time.time(), "backup": time.time()}
    drill.report.case = "UC-20260101-001"
    yield drill
    drill.mailbox.close()


def skip_verbs(drill: Drill, monkeypatch: pytest.MonkeyPatch, document: Mapping[str, Any]) -> None:
    """Every verb says that it did well, and does nothing."""
    monkeypatch.setattr(drill, "verb", lambda *_words, **_options: document)


def found(drill: Drill, missed: str = "") -> dict[str, Any]:
    """What a watch and a scan say that have found all but one thing."""
    sights = [
        {"rule": one.rule.partition(".")[0] + "." + one.rule.partition(".")[2].rstrip("*"), "place": one.place}
        for one in drill.data.notice
        if one.rule != missed
    ]
    return {"raised": [{"sight": sight} for sight in sights], "records": [], "case": "UC-20260101-001"}


def test_an_isolation_that_cuts_nothing_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The intruder's open sessions are what a leaky rule set forgets."""
    skip_verbs(attacked, monkeypatch, {"outcome": "DONE"})
    with pytest.raises(DrillFailed, match="dead: the intruder's held session"):
        response.contain(attacked, Phase("contain"))


def test_a_web_shell_that_still_answers_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dead sessions are not enough: a new request must fail too."""
    skip_verbs(attacked, monkeypatch, {"outcome": "DONE"})
    monkeypatch.setattr(attacked.stage, "session", lambda _log: {"alive": False, "last": 1.0})
    with pytest.raises(DrillFailed, match="gone: the web shell that answers"):
        response.contain(attacked, Phase("contain"))


@pytest.mark.parametrize("missed", ["upload.code", "persistence.cron", "access.key", "persistence.unit"])
def test_a_missed_finding_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch, missed: str) -> None:
    """Each plant must be named; all but one is a failure."""
    attacked.alerts = []
    skip_verbs(attacked, monkeypatch, found(attacked, missed))
    with pytest.raises(DrillFailed, match=f"watch names {missed}"):
        response.notice(attacked, Phase("notice"))


def test_a_message_that_never_arrives_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert in a file on this controller wakes nobody."""
    attacked.alerts = []
    skip_verbs(attacked, monkeypatch, found(attacked))
    with pytest.raises(DrillFailed, match="a message names it"):
        response.notice(attacked, Phase("notice"))


def test_evidence_whose_hash_differs_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """`case verify` decides, and its word counts."""
    answers = {"collect": {"records": [{"kind": "evidence"}]}, "case": {"outcome": "NOT DONE"}}
    monkeypatch.setattr(attacked, "verb", lambda *words, **_options: answers[words[0]])
    with pytest.raises(DrillFailed, match="hash as recorded"):
        response.collect(attacked, Phase("collect"))


def test_plants_left_in_place_are_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """An eradication that removes nothing."""
    skip_verbs(attacked, monkeypatch, {"outcome": "DONE"})
    with pytest.raises(DrillFailed, match="gone: the web shell"):
        recovery.eradicate(attacked, Phase("eradicate"))


def test_a_weakness_that_comes_back_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sites that only remove the content are hit again."""
    skip_verbs(attacked, monkeypatch, {"outcome": "DONE"})
    with pytest.raises(DrillFailed, match="gone: the weak page"):
        recovery.recover(attacked, Phase("recover"))


def test_a_file_that_nobody_named_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the intruder left beside the plants that the scenario knows: the whole host is compared."""
    skip_verbs(attacked, monkeypatch, {"outcome": "DONE"})
    monkeypatch.setattr(attacked.stage, "there", lambda _effect: False)
    now = attacked.good
    more = Contents({**now.files, "/etc/profile.d/x.sh": "0"}, now.rows)
    monkeypatch.setattr(attacked.stage, "contents", lambda: more)
    with pytest.raises(DrillFailed, match=r"/etc/profile\.d/x\.sh"):
        recovery.prove_as_before(attacked, Phase("release"))


def test_a_restored_page_that_differs_is_noticed(attacked: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public must see what it saw before."""
    skip_verbs(attacked, monkeypatch, {"outcome": "DONE"})
    monkeypatch.setattr(attacked, "pages", {"/": {"0" * 64}})
    with pytest.raises(DrillFailed, match="page of before"):
        recovery.release(attacked, Phase("release"))
