"""What waits for a unit of the host goes through a lost line, for as long as it may and no longer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import plugin_runs
import pytest
from ansible.errors import AnsibleConnectionFailure

COMMAND = {"argv": ["/usr/local/sbin/ungcuu-patch", "follow", "{}"], "line_seconds": 45}


class Line:
    """A host whose line fails as listed: seconds that each attempt takes, and whether it is answered."""

    def __init__(self, attempts: Iterator[tuple[float, bool]]) -> None:
        self.attempts, self.now, self.asked = attempts, 1000.0, 0

    def __call__(self, _command: str, _sent: bytes) -> Mapping[str, Any]:
        self.asked += 1
        seconds, answered = next(self.attempts)
        self.now += seconds
        if not answered:
            raise AnsibleConnectionFailure("lost")
        return {"rc": 0, "stdout": "done", "stderr": ""}

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


def waited(monkeypatch: pytest.MonkeyPatch, attempts: Iterator[tuple[float, bool]]) -> tuple[Line, dict[str, Any]]:
    line = Line(attempts)
    # Ansible's loader gives the plugin a module of its own name.
    action = plugin_runs.load("ungcuu_wait", COMMAND, line)
    monkeypatch.setitem(type(action).run.__globals__, "time", line)
    result: dict[str, Any] = action.run(task_vars={"inventory_hostname": "web01"})
    return line, result


def test_a_line_that_comes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provincial line drops for half a minute; after an hour of upgrade, too."""
    line, result = waited(monkeypatch, iter([(3600, False), (10, False), (10, False), (60, True)]))
    assert (result["stdout"], line.asked, result.get("failed")) == ("done", 4, None)


def test_each_loss_has_its_own_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    drops = [(60, False), (10, False), (10, False)] * 9
    assert waited(monkeypatch, iter([*drops, (1, True)]))[1]["stdout"] == "done"


def test_a_line_that_stays_dead_is_said_to_be_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing: polls of an asynchronous task went on for hours, each with a connection that timed out."""

    def dead() -> Iterator[tuple[float, bool]]:
        yield 20, False
        while True:
            yield 10, False

    line = Line(dead())
    action = plugin_runs.load("ungcuu_wait", COMMAND, line)
    monkeypatch.setitem(type(action).run.__globals__, "time", line)
    with pytest.raises(AnsibleConnectionFailure):
        action.run(task_vars={"inventory_hostname": "web01"})
    assert line.now - 1000 <= 20 + 45 + 13


def test_a_command_that_fails_is_a_failure() -> None:
    result = plugin_runs.run("ungcuu_wait", COMMAND, lambda *_: {"rc": 3, "stdout": "", "stderr": "no state"})
    assert result["failed"]
    assert result["msg"].endswith("exit code 3: no state")
