"""The verbs that change a host, each as the tests that kill processes run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ungcuu.cli import registry
from ungcuu.core.settings import Settings
from ungcuu.detect import baseline
from ungcuu.lab import Lab
from ungcuu.recover import restore_points
from ungcuu.run.verb import Verb

ROOT = Path(__file__).parents[3]
FULL = os.environ.get("UNGCUU_KILL_MATRIX") == "full"
CONFIRM = ("--confirm-host", "web01")
IMPLANT = "/var/www/html/killed-test.php"


@dataclass(frozen=True)
class Row:
    """How one verb is run here: its words, the step at which its process dies, what ``resume`` makes of it."""

    words: tuple[str, ...] = ()
    step: int = 1
    settled: bool = True  # run again, it is DONE; else it stays open for a person
    slow: bool = False  # gone on with in the full matrix alone


# In this order: a later verb finds what an earlier one made.
ROWS = {
    "harden": Row(("--no-verify",), step=3, slow=True),
    "patch": Row(("--urgent", "--backup-hours", "0"), settled=False),
    "backup": Row(step=2),
    "accept-point": Row(("POINT", "--reason", "test"), settled=False),
    "baseline": Row(),
    "block": Row(("203.0.113.9", "--reason", "test")),
    "unblock": Row(("203.0.113.9",)),
    "lock": Row(),
    "unlock": Row(),
    "isolate": Row(("--no-case",), step=2),
    "collect": Row(("--profile", "volatile")),
    "release": Row(),
    "eradicate": Row(("--path", IMPLANT), settled=False),
    "rotate": Row(("--website-only",)),
    "restore": Row(("--only", "files"), step=8),
    "reassess": Row(("--entry-closed", "the upload form was removed"), settled=False),
    "rebuild": Row(slow=True, settled=False),
}
# They start no ansible-playbook of their own.
WITHOUT_PLAYBOOK = {"enrol": "pins a key and asks", "restore-drill": "runs `rebuild` as a run of its own"}


def changing() -> dict[str, Verb]:
    found = {name: registry.load(name) for name in registry.names()}
    return {name: verb for name, verb in found.items() if not verb.verbs and verb.takes_lock}


def settings() -> Settings:
    return Settings.from_environment()


def prepare(lab: Lab, verb: str, ungcuu: Callable[..., Any]) -> None:
    """Make what a verb needs so that its run begins."""
    if verb == "unblock":
        assert ungcuu("block", "web01", "203.0.113.9", "--reason", "test")[0] == 0
    if verb == "eradicate":
        lab.exec("web01", ["sh", "-c", f"echo '<?php /* inert */' >{IMPLANT}"])
    if verb == "release":  # a re-assessment that found it clean, newer than the isolation
        record = {"format": baseline.FORMAT, "host": "web01", "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        record |= {"outcome": "clean", "entry": {"closed": True, "how": "test"}}
        path = settings().host_dir("web01") / "reassessment.json"
        baseline.sign(path, record, settings().keys)


def newest_point() -> str:
    point = restore_points.newest(settings().host_dir("web01"))
    assert point is not None, "the row of backup makes one"
    return point.id


def words(verb: str) -> list[str]:
    """What is typed after ``ungcuu``."""
    own = [newest_point() if word == "POINT" else word for word in ROWS[verb].words]
    return ["-i", "lab", "--json", verb, "web01", *own, *(CONFIRM if changing()[verb].dangerous else ())]


def started(verb: str, row: Row) -> tuple[subprocess.Popen[str], str]:
    """Start a verb and wait until it comes to its step; with what it said so far."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-u", "-m", "ungcuu", *words(verb)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
    assert process.stderr
    said = ""
    for line in process.stderr:
        said += line
        if re.match(rf"step +{row.step} of", line):
            return process, said
    pytest.fail(f"it ended before its step {row.step}: {said}")


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
