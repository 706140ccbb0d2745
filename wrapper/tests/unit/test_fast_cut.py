"""What starts before the command line is parsed: only what the command will ask for too, and never unsaid."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from ungcuu.contain import card, cut_off, fast_cut
from ungcuu.contain.fast_cut import Asked, parse
from ungcuu.core.settings import Settings


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("isolate web01", Asked(("web01",))),
        ("-i lab --json isolate web01 web02 web01", Asked(("web01", "web02"))),
        ("isolate --mode=egress web01 --allow 192.0.2.7", Asked(("web01",), "egress", ("192.0.2.7",))),
        ("isolate web01 --reason --plan", Asked(("web01",))),
        ("isolate", None),
        ("isolate web01 --plan", None),
        ("isolate web01 --help", None),
        ("isolate web01 --case UC-1", None),
        ("isolate web01 --mode open", None),
        ("isolate web01 --mode", None),
        ("isolate ../web01", None),
        ("release web01", None),
        ("case isolate web01", None),
        ("", None),
    ],
)
def test_only_a_plain_isolate_is_begun(line: str, asked: Asked | None) -> None:
    """A cut that nobody asked for takes a public site off the net."""
    assert parse(line.split()) == asked


def test_a_host_that_another_run_holds_waits(tmp_path: Path) -> None:
    """The full command shows who holds it; two runs must not interleave."""
    settings = Settings(state=tmp_path, content=tmp_path, operator="test")
    assert not fast_cut._held(settings, "web01")
    settings.locks.mkdir(parents=True)
    with (settings.locks / "web01.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert not fast_cut._held(settings, "web01"), "somebody who looks holds nothing"
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert fast_cut._held(settings, "web01")


def test_a_cut_that_was_not_taken_over_is_reported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A misspelt inventory ends the command; the host is cut off all the same, and somebody must know."""
    settings = Settings(state=tmp_path, content=tmp_path, operator="test")
    cutting = fast_cut.Cutting(settings, [], Asked(("web01",)))
    cutting.start()
    cutting.join()
    cutting.ended = {"web01": cut_off.Cut("web01", "cut", 0.1)}
    fast_cut._under_way.append(cutting)
    fast_cut.report_untaken()
    assert "ungcuu release web01" in capsys.readouterr().err
    assert fast_cut.take(Asked(("web01",))) is None


def test_a_cut_without_an_end_is_reported_beside_those_that_ended(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One host of three that hung left the other two unsaid: their cuts were only read once all had ended."""
    settings = Settings(state=tmp_path, content=tmp_path, operator="test")
    monkeypatch.setattr(fast_cut.Cutting, "join", lambda *_: None)
    cutting = fast_cut.Cutting(settings, [], Asked(("web01", "web02", "web03")))
    cutting.ended = {"web01": cut_off.Cut("web01", "cut", 0.1), "web03": cut_off.Cut("web03", "not reached", 1.0)}
    fast_cut._under_way.append(cutting)
    fast_cut.report_untaken()
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("web01 says that it was cut off")
    assert second.startswith("web02 may or may not be cut off")


def test_a_fault_with_one_host_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ssh that could not be started for one host ended the run: the others were cut, unrecorded and not for long."""
    settings = Settings(state=tmp_path, content=tmp_path, operator="test")

    def cut(one: SimpleNamespace, *_given: object) -> cut_off.Cut:
        if one.host == "web02":
            raise BlockingIOError("no more processes")
        return cut_off.Cut(one.host, "cut", 0.1)

    monkeypatch.setattr(cut_off, "cut", cut)
    hosts = ("web01", "web02", "web03")
    cutting = fast_cut.Cutting(
        settings, cast("list[card.Card]", [SimpleNamespace(host=h) for h in hosts]), Asked(hosts)
    )
    cutting.start()
    cutting.join()
    assert cutting.fault is None
    assert [one.ending for one in cutting.cuts] == ["cut", "unknown", "cut"]
    assert "no more processes" in str(cutting.ended["web02"].detail)


def test_nothing_slow_is_imported_before_the_cut() -> None:
    """Each import is time in which the intruder goes on working."""
    code = "import sys, ungcuu.contain.fast_cut; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    slow = {"ansible", "paramiko", "cryptography", "click", "yaml", "jinja2", "filelock", "asyncio", "tempfile"}
    assert slow.isdisjoint(found.stdout.split())


def test_without_a_card_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The full command makes the card from the inventory first."""
    monkeypatch.setenv("UNGCUU_STATE", str(tmp_path))
    monkeypatch.setattr(fast_cut, "_seen", [])
    monkeypatch.setattr(cut_off, "cut_all", lambda *_: pytest.fail("a cut without a card"))
    fast_cut.begin(["isolate", "web01"])
    assert not fast_cut._under_way
    with pytest.raises(card.NoCard):
        card.load(Settings.from_environment(), "web01")
