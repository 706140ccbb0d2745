"""Answers that are nested without end, by hosts that lie: Python gives up on them, and whoever asked must not.

Seen failing, each of them: a trace in place of what the caller says of an answer of a wrong form. One such host took
the rows of all the others out of `doctor`.
"""

from __future__ import annotations

import io
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import plugin_runs
import pytest
from plugin_scenarios import SCENARIOS, passwords_of_all

from ungcuu.cli.commands import doctor
from ungcuu.core.errors import StepFailed
from ungcuu.hosts import remote_program, vault
from ungcuu.hosts.discovery import reading
from ungcuu.prepare.one_session import NoAnswer, OneSession
from ungcuu.watch.logs.look import Answer

DEEP = "[" * 4000


def deep(*_: object) -> dict[str, Any]:
    """A host that says nothing else."""
    return {"stdout": DEEP}


def test_a_survey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_program, "run_program", lambda *_: DEEP.encode())
    target: Any = SimpleNamespace(name="web01")
    with pytest.raises(StepFailed, match="did not answer as expected"):
        reading.survey(target)


def test_logs() -> None:
    with pytest.raises(StepFailed, match="did not answer as expected"):
        Answer.read("web01", DEEP.encode())


def test_a_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "_run", lambda *_: DEEP.encode())
    assert vault.ask("vault01", {}, "list", "web01") is None


def test_a_session_of_tests() -> None:
    session: Any = OneSession.__new__(OneSession)
    session.hostname = "web01"
    session._session = SimpleNamespace(stdout=io.BytesIO(DEEP.encode() + b"\n"))
    with pytest.raises(NoAnswer):
        session._read()


def test_a_rotation(tmp_path: Path) -> None:
    found = plugin_runs.run("rotate_credentials", passwords_of_all(tmp_path), deep)
    assert (found["failed"], found["ungcuu_unknown"]) == (True, True)


def test_counters_of_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = SCENARIOS["ungcuu_blocks"](tmp_path, monkeypatch)
    plugin_runs.run("ungcuu_blocks", scenario.arguments)
    found = plugin_runs.run("ungcuu_blocks", {"folder": str(tmp_path), "counters": True}, deep)
    assert [row["network"] for row in found["counters"]] == ["203.0.113.9"]


def test_a_list_for_the_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = SCENARIOS["give_known_files"](tmp_path, monkeypatch).arguments
    found = plugin_runs.run("give_known_files", arguments, deep)
    assert found["changed"] is False


def test_doctor_shows_what_else_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a look fails with, it is one row among the others."""

    def fail(*_: object) -> list[Any]:
        raise RecursionError("maximum recursion depth exceeded")

    names = "_variables _allow_list _login _card _containment _vantage _blocks _lock _baseline _application _backup"
    for name in [*names.split(), "_vault", "_watch"]:
        monkeypatch.setattr(doctor, name, lambda *_: [])
    monkeypatch.setattr(doctor, "_login", fail)
    monkeypatch.setattr(doctor, "_watch", lambda *_: [doctor.entry("watch", "good", "it looks")])
    context: Any = SimpleNamespace()
    rows = doctor._host(context, "web01", threading.Event())
    assert [(row.subject, row.level) for row in rows] == [("fail", "bad"), ("watch", "good")]
