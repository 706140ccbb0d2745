"""Hosts that lie in everything they say, in front of every verb that listens to one.

Each cell of the table is one reply to one action: the real command in a terminal, over a real sshd on loopback that
plays the reply. What must hold stands in ``properties.py``. An ordinary run takes a dozen of the cells that have
held before, others each day: a cell that was never measured is no change's fault. ``UNGCUU_HOSTILE=full``, as ``./check
nightly`` sets it, takes the whole table.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import suite
from reference import leaves
from replies import REPLIES
from ungcuu_tool import ACTIONS, WITHOUT_HOST, Ungcuu

from ungcuu.run.verb import Verb

FULL = os.environ.get("UNGCUU_HOSTILE") == "full"
DAY = int(time.time() // 86400)
PAPERS = ("screen-done", "markup-done", "bidi-done", "controls-done", "template-done", "traversal-done", "c1-failed")


def cells() -> list[tuple[str, str]]:
    """The cells of this run."""
    if FULL:
        return [cell for number in range(len(ACTIONS)) for cell in suite.diagonal(number)]
    rows = json.loads(Path(__file__).with_name("measured.json").read_text("utf-8"))
    held = [(reply, action) for reply, row in rows.items() for action, cell in row.items() if not cell[3]]
    every = max(1, len(held) // 12)
    return held[DAY % every :: every]


@pytest.fixture(scope="session")
def honest() -> float:
    return suite.honest_seconds()


def test_no_verb_and_no_playbook_is_left_out() -> None:
    """A verb that no liar was put in front of promises what nobody knows."""
    known = dict(leaves())
    listed = {words for words in ACTIONS if words not in ("harden website", "patch application")}
    assert listed | set(WITHOUT_HOST) == set(known)
    assert not listed & set(WITHOUT_HOST)
    silent = [known[name] for name in WITHOUT_HOST]
    assert not [verb.name for verb in silent if verb.playbook or (verb.takes_lock and not _own(verb))]
    books = {path.stem for path in Ungcuu.working_folder.glob("playbooks/*.yml")}
    assert {book for action in ACTIONS.values() for book in action.playbooks} == books


def _own(verb: Verb) -> bool:
    """Whether it works on machines of its own: the lab's, and those of a drill."""
    return verb.name in ("up", "down", "restart", "exec", "run")


def test_every_kind_of_liar_is_there() -> None:
    assert len(REPLIES) >= 40
    assert {reply.liar for reply in REPLIES.values()} == {"interpreter", "sshd", "shell", "sudo", "file names"}


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("reply", "action"), cells(), ids=lambda word: word.replace(" ", "-"))
def test_the_controller_stays_whole(honest: float, reply: str, action: str) -> None:
    """Not an escape, not a file, not a template, not a lie that is believed; and an end to what has none."""
    cell = suite.cell(reply, action, honest)
    if FULL:
        suite.keep(cell)
    assert not cell.wrong, f"{json.dumps(cell.as_data())}\n{cell.ran.text[-1500:]}"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("reply", PAPERS if FULL else [PAPERS[DAY % len(PAPERS)]])
@pytest.mark.parametrize("action", ["collect", "scan", "doctor"] if FULL else ["scan"])
def test_papers_made_of_lies_are_plain(honest: float, reply: str, action: str) -> None:
    """Report, letter, timeline, indicators, calendar and board are opened in other programs, by other people."""
    cell = suite.cell(reply, action, honest, papers=True)
    assert not cell.wrong, f"{json.dumps(cell.as_data())}\n{cell.ran.text[-1500:]}"


# --- the suite itself: what would be wrong is seen ------------------------------------------------------------------

BAD = {
    "control bytes": "printf '\\033]0;PWNED\\007'",
    "written over": "printf '\\033[1;1Hgone'",
    "invisible": "printf 'a\\342\\200\\256b'",
    "written outside": "echo x > /etc/hostile-test",
    "of the host's name": "mkdir -p $UNGCUU_STATE/x && echo > $UNGCUU_STATE/x/hostile-marker",
    "others may open": "umask 0; echo > $UNGCUU_STATE/open.json",
    "holds '": "printf 'a\\033[2J' > $UNGCUU_STATE/record.json",
    "what a template became": "echo $((31337*31337)) > $UNGCUU_STATE/record.json",
    "value stands on the terminal": "cat CANARY",
    "ran on the controller": "touch MARKER",
    "MiB held": "python3 -c 'import time; x = bytearray(600 << 20); time.sleep(2)'",
    "secret on the terminal": "echo $CLOUD_PASSWORD",
    "secret in the process list": "sh -c 'sleep 1; : $0' $CLOUD_PASSWORD",
    "secret in state": "echo $CLOUD_PASSWORD > $UNGCUU_STATE/record.bin",
    "left behind": "touch $TMPDIR/x",
    "left running": "cp /bin/sleep $TMPDIR/x; ($TMPDIR/x 60 >/dev/null 2>&1 &)",
    "it says that it is done": "true",
    "it broke down": "exit 1",
}


@pytest.mark.parametrize("wrong", BAD)
def test_the_suite_sees_what_is_wrong(tmp_path_factory: pytest.TempPathFactory, wrong: str) -> None:
    """A property that nothing can break proves nothing: each is broken here once, by a tool that is bad at it."""
    found = suite.broken(BAD[wrong])
    assert any(wrong in one for one in found), found


def test_what_never_ends_is_ended() -> None:
    """The suite itself must come to an end with a tool that does not listen to Ctrl-C."""
    found = suite.broken("trap '' INT; while :; do sleep 1; done", patience=2)
    assert any("Ctrl-C did not end it" in one for one in found)
