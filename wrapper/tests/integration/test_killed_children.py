"""SIGKILL for the processes of every verb that changes a host: UNKNOWN, open, and ``resume`` settles it.

The verbs come out of the registry: one that is new fails here until it says how it is run. By itself the test kills
ansible-playbook once for each verb; UNGCUU_KILL_MATRIX=full, as ``./check nightly`` sets it, kills each kind of
process for each verb, and goes on with the slow ones too.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from killed_verbs import CONFIRM, FULL, ROWS, WITHOUT_PLAYBOOK, Row, changing, prepare, settings, words

from ungcuu.lab import Lab
from ungcuu.run.resume import open_runs

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).parents[3]
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


def children(pid: int) -> list[tuple[int, str]]:
    """The descendants of a process with their command lines, parents first."""
    parents, lines = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            number = int(entry.name)
            parents[number] = int((entry / "stat").read_text("latin-1").rsplit(")", 1)[1].split()[1])
            lines[number] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    found, level = [], [pid]
    while level := [number for number, parent in parents.items() if parent in level]:
        found += [(number, lines[number]) for number in sorted(level)]
    return found


def victim(process: subprocess.Popen[str], child: str) -> int:
    """The process that is to die, once it is there."""
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        there = children(process.pid)
        books = [pid for pid, line in there if "ansible-playbook -i" in line]
        carriers = [pid for pid, line in there if line.startswith("ssh ")]
        found = {"ansible-playbook": books[:1], "worker": books[1:2], "ssh": carriers[:1]}.get(child, [process.pid])
        if found:
            return found[0]
        time.sleep(0.005)
    pytest.skip(f"no {child} was seen before the end")


def kill(verb: str, row: Row, child: str) -> tuple[int, dict[str, Any], str]:
    """Run a verb, kill one of its processes at its step; return the exit code, the document, what was said."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-u", "-m", "ungcuu", *words(verb)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
    assert process.stderr
    said = ""
    for line in process.stderr:
        said += line
        if re.match(rf"step +{row.step} of", line):
            os.kill(victim(process, child), signal.SIGKILL)
            break
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
