"""SIGKILL for the controller at every boundary of its journal, for every verb that changes a host.

The boundaries are not listed here: each run dies right before or right after the first record of a kind at which no
earlier one died, until one comes to its end. What ``resume`` then makes of the host is compared with what a run that
nobody disturbed makes of it.

What nothing undoes, as ``harden`` and ``restore``, changes the host in the first of these runs that comes to its work,
the one that is taken up after ``run_started``. The later ones find the host as it is to be: of them this shows that
``resume`` ends them and leaves the host so, not that it completes half a change. ``test_killed_children.py`` kills both
in the midst of their work.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from killed_verbs import CONFIRM, ROWS, prepare, settings, words

from ungcuu.case.journal import Journal, read_records
from ungcuu.case.journal_check import verify
from ungcuu.lab import Lab
from ungcuu.run.resume import open_runs

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[3]
DRIVER = Path(__file__).with_name("dies_at_record.py")
MOST_PLACES = 60
# What puts a host back, so that each run begins where the first began.
UNDONE_BY = {
    "block": "unblock",
    "lock": "unlock",
    "isolate": "release",
    "unblock": "block",
    "unlock": "lock",
    "release": "isolate",
}
# They begin with something to undo, and leave a host as the other verbs expect it.
UNDOING = {"unblock", "unlock", "release"}
# Rules of the packet filter, accounts, units, every file of settings and website; a time in them is no difference.
STATE = r"""
import hashlib, os, re, subprocess
commands = ("nft -s list ruleset", "getent shadow", "systemctl list-unit-files --no-legend --state=enabled,masked")
timeless = lambda text: re.sub(rb"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d", b"TIME", text)
for command in commands:
    print(timeless(subprocess.run(command.split(), capture_output=True).stdout).decode())
for top in ("/etc", "/var/www"):
    for folder, _, names in os.walk(top):
        for path in sorted(os.path.join(folder, name) for name in names if not name.endswith("-")):
            if os.path.isfile(path):
                print(hashlib.sha256(timeless(open(path, "rb").read())).hexdigest(), os.stat(path).st_mode, path)
"""
# Each of these runs makes something else than the one before: a password, a time in a file, a newer package.
DIFFERENT_EACH_TIME = {"rotate", "rebuild", "patch"}


@pytest.fixture(scope="module")
def web(fresh: Callable[..., Lab], ungcuu: Callable[..., Any]) -> Iterator[Lab]:
    lab = fresh("web01", "vault01", "intruder01")
    assert ungcuu("baseline", "web01")[0] == 0
    assert ungcuu("backup", "web01")[0] == 0
    yield lab


def state(lab: Lab) -> list[str]:
    return sorted(lab.exec("web01", ["python3", "-c", STATE]).stdout.decode().splitlines())


def put_back(verb: str, lab: Lab, ungcuu: Callable[..., Any]) -> None:
    """Where the next run is to begin: what this verb does is undone."""
    if verb not in UNDONE_BY:
        return
    other = UNDONE_BY[verb]
    prepare(lab, other, ungcuu)
    assert ungcuu(*words(other)[3:])[0] == 0


def check_journal() -> None:
    """No record is lost, torn or changed, and the head is that of the last one."""
    ours = settings()
    key = Journal.open(ours.operations, ours.keys, ours.heads).public
    found = verify(ours.operations, key, ours.heads / f"{ours.operations.name}.json")
    assert found.ok, found.problem


@pytest.mark.parametrize("verb", ROWS)
def test_a_run_that_died_at_a_record_ends_like_one_that_did_not(
    web: Lab, ungcuu: Callable[..., Any], tmp_path: Path, verb: str
) -> None:
    """DONE after ``resume`` means what it means after a run that nobody disturbed, wherever the first one ended."""
    seen, ends = tmp_path / "seen.json", {}
    seen.write_text("[]", "utf-8")
    if verb in UNDOING:
        put_back(verb, web, ungcuu)
    for _attempt in range(MOST_PLACES):
        prepare(web, verb, ungcuu)
        command = [sys.executable, str(DRIVER), str(seen), *words(verb)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != -signal.SIGKILL:
            break
        place = json.loads(seen.read_text("utf-8"))[-1]
        check_journal()
        ends[place] = settle(web, ungcuu, verb, place)
        put_back(verb, web, ungcuu)
    else:
        pytest.fail(f"more than {MOST_PLACES} places: {list(ends)}")
    assert done.returncode == 0 or not ROWS[verb].settled, f"{done.stdout} {done.stderr}"
    assert {"before run_started", "after run_started", "before run_finished", "after run_finished"} <= set(ends)
    whole = state(web)
    if verb not in DIFFERENT_EACH_TIME:
        for place, (outcome, found) in ends.items():
            assert outcome != "DONE" or set(found) ^ set(whole) == set(), f"{place}: {set(found) ^ set(whole)}"
    if verb not in UNDOING:
        put_back(verb, web, ungcuu)


def settle(lab: Lab, ungcuu: Callable[..., Any], verb: str, place: str) -> tuple[str, list[str]]:
    """Take up what the killed run left; return the outcome and the host's state."""
    left = open_runs(settings())
    if place in ("before run_started", "after run_finished"):
        assert left == [], place
        return "never begun" if place.startswith("before") else finished(), state(lab)
    assert [run.verb for run in left] == [verb], place
    code, document, said = ungcuu("resume", "web01", *CONFIRM)
    outcome = document.get("outcome", "")
    if ROWS[verb].settled:
        assert (code, outcome) == (0, "DONE"), f"{place}: {document} {said}"
    if outcome != "DONE":  # it is still there for a person
        assert verb in {run.verb for run in open_runs(settings())}, place
        assert ungcuu("resume", "web01", "--close")[0] == 0
    assert open_runs(settings()) == [], place
    return outcome, state(lab)


def finished() -> str:
    """The outcome of the last run that came to its end."""
    ends = [record for record in read_records(settings().operations) if record.kind == "run_finished"]
    return str(ends[-1].data["outcome"])
