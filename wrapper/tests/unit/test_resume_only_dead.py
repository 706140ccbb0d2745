"""``resume`` takes over only what is dead, asks before it does anything, and closes only what it has settled."""

from __future__ import annotations

import dataclasses
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import content
import pytest

from ungcuu.case.journal import Journal, read_records
from ungcuu.cli import registry
from ungcuu.cli.commands import resume
from ungcuu.core.errors import Exit, Refused
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.run import flow, liveness
from ungcuu.run.resume import open_runs
from ungcuu.run.verb import Hosts, Outcome, Phase, Result, Verb

DONE: list[str] = []


def work(ctx: Any) -> Result:
    DONE.append(str(ctx.site.inventory))
    return Result(message="worked")


WORK = Verb("lock", Phase.PREPARE, "Work", run=work, hosts=Hosts.ONE)
LOOK = dataclasses.replace(WORK, name="scan", read_only=True)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    DONE.clear()
    monkeypatch.setattr(resume, "_at_work", lambda *_: ([], []))
    monkeypatch.setattr(registry, "find_verb", lambda words: LOOK if words == ["scan"] else WORK)
    return content.make(tmp_path)


def began(settings: Settings, verb: str = "lock", **more: object) -> None:
    journal = Journal.open(settings.operations, settings.keys, settings.heads)
    about: Mapping[str, object] = {"run": f"r-{verb}", "verb": verb, "hosts": ["web01"], "options": {}, **more}
    journal.append("run_started", about)


def go_on(settings: Settings, confirm: Any = lambda *_: None, **options: object) -> tuple[flow.Report, str]:
    screen = io.StringIO()
    request = flow.Request(resume.VERB, (), {"close": False, **options})
    return flow.execute(request, settings, Screen(screen), confirm), screen.getvalue()


def kinds(settings: Settings) -> list[str]:
    return [record.kind for record in read_records(settings.operations)]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def described(pid: int) -> dict[str, object]:
    return {"pid": pid, "started": liveness._started(pid), "boot": liveness._boot()}


@pytest.mark.parametrize("verb", ["scan", "lock"])
def test_a_run_whose_process_lives_is_left_alone(settings: Settings, verb: str, sleeper: Any) -> None:
    """A read-only verb takes no lock: resume closed a scan that was going on. Seen failing with ``alive`` taken out."""
    began(settings, verb, process=described(sleeper.pid))
    report, screen = go_on(settings)
    assert report.code is (Exit.OK if verb == "scan" else Exit.LOCKED)
    assert str(sleeper.pid) in screen + str(report.document)
    assert (kinds(settings), DONE) == (["run_started"], [])
    sleeper.kill()
    sleeper.wait()
    report, _screen = go_on(settings)
    assert report.code is Exit.OK
    assert open_runs(settings) == []


def test_an_id_that_was_given_out_again_is_another_process(settings: Settings, sleeper: Any) -> None:
    began(settings, process=described(sleeper.pid) | {"started": 1})
    assert not open_runs(settings)[0].alive
    began(settings, "scan", process=described(sleeper.pid) | {"boot": "another"})
    assert not any(run.alive for run in open_runs(settings))


def test_a_dangerous_run_is_confirmed_before_anything_and_stays_open_until_then(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was closed first and then refused for want of a terminal; afterwards nothing found it."""
    monkeypatch.setattr(registry, "find_verb", lambda _words: dataclasses.replace(WORK, dangerous=True))
    began(settings)

    def refuse(_verb: Verb, hosts: Any) -> None:
        raise Refused(f"not confirmed for {hosts}")

    report, _screen = go_on(settings, refuse)
    assert report.code is Exit.REFUSED
    assert report.document["error"]["next"] == "ungcuu resume web01 --confirm-host web01"
    assert (kinds(settings), DONE) == (["run_started"], [])
    report, _screen = go_on(settings)
    assert (report.code, len(DONE)) == (Exit.OK, 1)
    assert open_runs(settings) == []


def test_closing_needs_no_name(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_verb", lambda _words: dataclasses.replace(WORK, dangerous=True))
    began(settings)
    report, _screen = go_on(settings, lambda *_: pytest.fail("asked"), close=True)
    assert report.code is Exit.OK
    last = read_records(settings.operations)[-1]
    assert (last.kind, last.data["outcome"], DONE) == ("run_resumed", "UNKNOWN", [])


@pytest.mark.parametrize("outcome", [Outcome.NOT_DONE, Outcome.UNKNOWN])
def test_a_run_that_is_not_settled_stays_open(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    """One that stops at a step says nothing about what the first run did beyond it."""
    monkeypatch.setattr(registry, "find_verb", lambda _words: dataclasses.replace(WORK, run=lambda _ctx: outcome))
    began(settings)
    report, screen = go_on(settings)
    assert report.code is (Exit.NOT_DONE if outcome is Outcome.NOT_DONE else Exit.UNKNOWN)
    assert "r-lock" in {run.run for run in open_runs(settings)}
    assert "ungcuu resume web01 --close" in screen


def test_a_host_that_gives_no_answer_keeps_its_run_open(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> None:
        raise resume.NoAnswer("web01 gives no answer")

    monkeypatch.setattr(resume, "_at_work", silent)
    began(settings)
    report, _screen = go_on(settings)
    assert report.code is Exit.UNKNOWN
    assert len(open_runs(settings)) == 1
    report, _screen = go_on(settings, close=True)
    assert (report.code, open_runs(settings)) == (Exit.OK, []), "a host may be gone for good"


def test_a_run_goes_on_with_its_own_inventory_and_says_so(settings: Settings, tmp_path: Path) -> None:
    """Seen failing without the run's own inventory, and without the -i in what is advised."""
    assert settings.inventory is not None
    mine = Path(shutil.copytree(settings.inventory, tmp_path / "my site"))  # not the one that is found by default
    began(settings, inventory=str(mine), typed_inventory="my site")
    elsewhere = dataclasses.replace(settings, inventory=None)
    screen = io.StringIO()
    request = flow.Request(resume.VERB, ("web01",), {"close": False})
    report = flow.execute(request, elsewhere, Screen(screen), lambda *_: None)
    assert (report.code, DONE) == (Exit.OK, [str(mine)]), report.document
    began(settings, inventory=str(mine), typed_inventory="my site")
    _report, shown = go_on(elsewhere, close=True)
    assert "ungcuu -i 'my site' lock web01" in shown


def test_what_a_killed_run_left_behind_is_ended_first(settings: Settings) -> None:
    """ansible-playbook ignores the end of its terminal: it went on changing the host, and nobody recorded it."""
    env = {**os.environ, liveness.RUN_VARIABLE: "r-lock"}
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=env)
    until = time.monotonic() + 10
    while left.pid not in liveness.left_behind("r-lock") and time.monotonic() < until:
        time.sleep(0.05)
    began(settings)
    report, screen = go_on(settings)
    assert report.code is Exit.OK
    assert f"were ended: {left.pid}" in screen
    assert left.wait(5) == -signal.SIGKILL
