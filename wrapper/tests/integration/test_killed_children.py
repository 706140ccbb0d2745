"""SIGKILL for the processes of every verb that changes a host: UNKNOWN, open, and ``resume`` settles it.

The verbs come out of the registry: one that is new fails here until it says how it is run. By itself the test kills
ansible-playbook once for each verb; UNGCUU_KILL_MATRIX=full, as ``./check nightly`` sets it, kills each kind of
process for each verb, and goes on with the slow ones too.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from killed_verbs import CONFIRM, FULL, ROWS, WITHOUT_PLAYBOOK, Row, changing, prepare, settings, started, victim

from ungcuu.lab import Lab
from ungcuu.run.resume import open_runs

pytestmark = pytest.mark.nightly

CHILDREN = ("ansible-playbook", "worker", "ssh", "controller") if FULL else ("ansible-playbook",)


# Their one step reads the host over an SSH of its own; without a whole reading nothing is signed, and that is known.
READ_FIRST = ("baseline", "reassess")


def test_no_changing_verb_is_left_out() -> None:
    """A verb that nobody tried to kill promises what nobody knows."""
    assert set(changing()) == set(ROWS) | set(WITHOUT_PLAYBOOK)
    assert not [name for name in WITHOUT_PLAYBOOK if changing()[name].playbook]


@pytest.fixture(scope="module")
def web(fresh: Callable[..., Lab]) -> Iterator[Lab]:
    yield fresh("web01", "vault01", "intruder01")


@pytest.fixture(autouse=True)
def nothing_open(request: pytest.FixtureRequest, ungcuu: Callable[..., Any]) -> None:
    """What an earlier failure left open is closed: each row is judged by itself."""
    if "verb" in request.fixturenames and open_runs(settings()):
        ungcuu("resume", "--close")


def kill(verb: str, row: Row, child: str) -> tuple[int, dict[str, Any], str]:
    """Run a verb, kill one of its processes at its step; return the exit code, the document, what was said."""
    process, said = started(verb, row)
    os.kill(victim(process, child), signal.SIGKILL)
    out, rest = process.communicate(timeout=300)
    return process.returncode, json.loads(out) if out else {}, said + rest


@pytest.mark.timeout(600)
@pytest.mark.parametrize("child", CHILDREN)
@pytest.mark.parametrize("verb", ROWS)
def test_a_killed_child_leaves_the_run_unknown_and_resume_settles_it(
    web: Lab, ungcuu: Callable[..., Any], verb: str, child: str
) -> None:
    """Seen failing in harden, backup, restore, isolate, release and patch: "did not start … Nothing was changed"."""
    row = ROWS[verb]
    prepare(web, verb, ungcuu)
    code, document, said = kill(verb, row, child)
    if child == "controller":
        assert code == -signal.SIGKILL, said
    elif child == "ssh" and verb in READ_FIRST:
        assert (code, document["outcome"]) == (6, "NOT DONE"), f"{document} {said}"
        assert open_runs(settings()) == []
        return
    else:
        assert (code, document["outcome"]) == (7, "UNKNOWN"), f"{document} {said}"
        assert "ungcuu -i lab resume web01" in document["error"]["next"]
        assert "Nothing was changed" not in document["error"]["state"]
    (left,) = open_runs(settings())
    assert left.verb == verb
    give_up = row.slow and not FULL
    code, document, said = ungcuu("resume", "web01", *(("--close",) if give_up else CONFIRM))
    if row.settled and not give_up:
        assert (code, document["outcome"]) == (0, "DONE"), f"{document} {said}"
    if document.get("outcome") != "DONE":  # the truth, and nothing is lost: it is still there for a person
        assert verb in {run.verb for run in open_runs(settings())}
        assert ungcuu("resume", "web01", "--close")[0] == 0
    assert open_runs(settings()) == []
