"""ansible-playbook and its workers killed in the middle of real runs: never "did not start … nothing was changed"."""

from __future__ import annotations

import dataclasses
import io
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import content
import pytest
from ansible_runs import play

from ungcuu.cli import registry
from ungcuu.core import process_guard
from ungcuu.core.errors import Exit, Outcome
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.run import flow, liveness
from ungcuu.run.events import Event, Status, parse
from ungcuu.run.failures import problem_of
from ungcuu.run.resume import open_runs
from ungcuu.run.tally import HostResult, RunResult, after
from ungcuu.run.verb import Phase, Verb


def changing() -> list[Verb]:
    """Every verb that changes a host by a playbook, out of the registry: a new one is tried here by itself."""
    found = [inner for name in registry.names() for inner in (registry.load(name).verbs or (registry.load(name),))]
    return [verb for verb in found if verb.playbook and not verb.read_only]


def settings_of(tmp_path: Path, tasks: str) -> Settings:
    settings = content.make(tmp_path, slow=play(tasks))
    return dataclasses.replace(settings, inventory=settings.content / "inventory" / "site")


def killed(settings: Settings, when: Callable[[], bool], which: int) -> flow.Report:
    """Run the playbook ``slow`` and kill one of its processes (0: ansible-playbook, 1: its worker) at that moment."""
    verb = Verb("slow", Phase.PREPARE, "x", playbook="slow")

    def strike() -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            found = process_guard.children("ungcuu-")
            if when() and len(found) > which:
                os.kill(found[which], signal.SIGKILL)
                return
            time.sleep(0.01)

    thread = threading.Thread(target=strike)
    thread.start()
    report = flow.execute(flow.Request(verb, ("web01",)), settings, Screen(io.StringIO()), lambda *_: None)
    thread.join()
    return report


@pytest.mark.parametrize("which", [0, 1], ids=["ansible-playbook", "worker"])
def test_a_run_killed_in_the_middle_is_unknown_and_open(tmp_path: Path, which: int) -> None:
    """Seen failing without the look at how far Ansible came: "did not start … Nothing was changed", no run open."""
    tasks = f"- name: Change it\n  ansible.builtin.shell: touch {tmp_path}/begun; sleep 67.5; touch {tmp_path}/late"
    settings = settings_of(tmp_path, tasks)
    report = killed(settings, (tmp_path / "begun").exists, which)
    assert (report.code, report.document["outcome"]) == (Exit.UNKNOWN, "UNKNOWN"), report.document
    error = report.document["error"]
    assert "Change it" in error["what"]
    assert "may or may not have happened" in error["state"]
    assert error["next"] == "ungcuu resume web01"
    (found,) = open_runs(settings)
    assert found.ended
    assert not liveness.left_behind(found.run), "a worker of a killed ansible-playbook goes on changing the host"


def test_a_run_killed_before_its_first_play_changed_nothing(tmp_path: Path) -> None:
    """The one case where "nothing was changed" is certain: no play had begun."""
    settings = settings_of(tmp_path, "- name: Change it\n  ansible.builtin.command: sleep 5")
    report = killed(settings, lambda: True, 0)
    assert (report.code, report.document["outcome"]) == (Exit.NOT_DONE, "NOT DONE"), report.document
    assert report.document["error"]["state"] == "Nothing was changed."
    assert open_runs(settings) == []


@pytest.mark.parametrize("verb", changing(), ids=lambda verb: verb.name)
@pytest.mark.parametrize("problem", ["interrupted", "no result", "lost"])
def test_every_changing_verb_says_that_it_is_unknown(verb: Verb, problem: str) -> None:
    host = HostResult(Outcome.UNKNOWN, problem, "Change it", "killed", cut="Change it")
    found = problem_of(verb.name, verb.read_only, RunResult("x", Outcome.UNKNOWN, {"web01": host}))
    assert found is not None
    assert (found.outcome, found.code) == (Outcome.UNKNOWN, Exit.UNKNOWN)
    assert found.fix == "ungcuu resume web01"
    assert "Nothing was changed" not in found.state


def result_event(**result: object) -> Event:
    data = {"host": "web01", "task": "Change it", "task_action": "command", "res": result}
    event = parse({"event": "runner_on_failed", "event_data": data})
    assert event is not None
    return event


def test_a_task_whose_ssh_was_killed_has_no_result() -> None:
    """Seen failing: "MODULE FAILURE … the steps before it are done; this one and those after it are not"."""
    cut = result_event(rc=-9, msg="MODULE FAILURE", module_stdout="")
    judged = after(HostResult(Outcome.DONE, ok=3), cut)
    assert (judged.outcome, judged.problem, judged.cut) == (Outcome.UNKNOWN, "no result", "Change it")
    # Where the playbook goes on and judges it, the judgement is no more certain.
    went_on = after(HostResult(Outcome.DONE), dataclasses.replace(cut, status=Status.OK))
    judged = after(went_on, dataclasses.replace(cut, cut=False, task="Judge it"))
    assert (judged.outcome, judged.cut, judged.task) == (Outcome.UNKNOWN, "Change it", "Judge it")
    # A command that a signal ended on the host did end there, and its module said so.
    ended = after(HostResult(Outcome.DONE), result_event(rc=-9, cmd=["sleep", "9"], msg="non-zero return code"))
    assert (ended.outcome, ended.problem) == (Outcome.NOT_DONE, "failed")


def test_a_host_can_not_make_a_run_unknown() -> None:
    """Only our own plugins may say that nobody knows; a module's result is the host's word."""
    assert not result_event(ungcuu_unknown=True, msg="x").cut


def test_a_read_only_verb_that_is_killed_changed_nothing() -> None:
    host = HostResult(Outcome.UNKNOWN, "interrupted", "Look", "killed")
    found = problem_of("scan", True, RunResult("scan", Outcome.UNKNOWN, {"web01": host}))
    assert found is not None
    assert (found.outcome, found.fix) == (Outcome.NOT_DONE, "ungcuu scan web01")
