"""An intruder with root tries to make `isolate` say something untrue; each attack is a row of isolation_attacks.py.

What is true is asked from the intruder's machine. Words that would be untrue must not stand anywhere in the output.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from isolation_attacks import ATTACKS, DEAD, LATER, OPEN, Attack
from isolation_stage import ROOT, Stage

from ungcuu.lab import Lab

TRUE_WITHIN = 10.0  # seconds, on a machine that is not overloaded
SITE_PORTS = [80, 443]
# Sentences that are allowed to hold the words "isolated" and "cut off" although the host is open.
ALLOWED = re.compile(
    r"says that it is cut off|not say that|NOT isolated|NOT proven that \S+ is isolated|whether \S+ is isolated"
    r"|Cut it off at the switch|cut it off at the switch|could not be cut off|Cut the host off|cut the host off"
    r"|Keep it cut off|Isolate the host|Prove the isolation|isolation LOST|cut off since|an isolated host"
)
UNTRUE = re.compile(r"isolated|cut off|proven\b", re.IGNORECASE)
# From this line on a responder knows what is true.
TRUE_LINE = re.compile(r"NOT isolated|NOT proven|no port answers, seen")


class Run:
    """One run of the command line, each line with its time."""

    def __init__(self, *words: str, inventory: str = "lab") -> None:
        command = [sys.executable, "-m", "ungcuu", "-i", inventory, *words]
        begun = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        assert process.stdout is not None
        self.lines: list[tuple[float, str]] = []
        for line in process.stdout:
            self.lines.append((time.monotonic() - begun, line.rstrip("\n")))
        process.wait()
        self.code, self.seconds = process.returncode, time.monotonic() - begun
        self.said = "\n".join(line for _seconds, line in self.lines)

    @property
    def true_after(self) -> float:
        """Seconds to the first line that says what was seen from outside."""
        return next((seconds for seconds, line in self.lines if TRUE_LINE.search(line)), float("inf"))


def untrue_words(said: str) -> list[str]:
    """Return the lines that say, or could be read to say, that the host is isolated."""
    return [line for line in said.splitlines() if UNTRUE.search(ALLOWED.sub("", line))]


@pytest.fixture(scope="module")
def stage(fresh: Callable[..., Lab]) -> Iterator[Stage]:
    made = Stage(fresh("web01", "vault01", "intruder01"))
    yield made
    made.open()


@pytest.fixture
def opened(stage: Stage) -> Iterator[Stage]:
    """The host open, its site answering, and a card; open again afterwards."""
    stage.open()
    stage.card()
    assert len(stage.alive_from_outside(SITE_PORTS)) == 4, "the site does not answer, so silence would prove nothing"
    yield stage
    stage.open()


def truth(stage: Stage) -> str:
    """What the intruder sees."""
    return OPEN if stage.alive_from_outside(SITE_PORTS) else DEAD


# One by day, the others by night.
TRIED = [ATTACKS[0], *(pytest.param(attack, marks=pytest.mark.nightly) for attack in ATTACKS[1:])]


@pytest.mark.parametrize("attack", TRIED, ids=[attack.name for attack in ATTACKS])
def test_nothing_untrue_is_said(opened: Stage, attack: Attack) -> None:
    """A responder who reads "isolated" stops pulling the plug.

    Seen failing without the look from outside: "cut off in 1.15 s" and "is cut off: only management gets in" with
    `nft` as `exit 0` and with a faked sudo; 112 s and "may or may not be cut off" with .ssh/rc that hangs.
    """
    opened.on("web01", attack.setup)
    try:
        run = Run("isolate", "web01", "--reason", "test", "--no-case")
        true = truth(opened)
    finally:
        opened.on("web01", attack.undo)
        opened.on("web01", "pkill -9 -x 'ss|ps|sleep' || true")
    print(f"{attack.name}: true line after {run.true_after:.1f} s, end after {run.seconds:.1f} s\n{run.said}")
    assert true == attack.true, run.said
    for text in attack.said:
        assert text in run.said
    assert run.code in attack.exits, run.said
    if true == OPEN:
        assert untrue_words(run.said) == []
        assert "DONE · isolate" not in run.said.replace("NOT DONE · isolate", "")
        assert "podman network disconnect" in run.said, "the site's own note on the switch is missing"
    if attack.waits:
        assert run.true_after < TRUE_WITHIN * load(), f"{run.true_after:.1f} s"


def load() -> float:
    """How much slower this machine is than an idle one: other work must not fail a test of seconds."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def test_untrue_words_are_recognised() -> None:
    """The test above proves nothing if it allows what it must find."""
    for line in (
        "web01: isolated, and proven; back with: x",
        "State now: web01 is cut off: only management gets in.",
        "isolated as far as could be seen",
        "DONE, cut off",
    ):
        assert untrue_words(line) == [line]


@pytest.fixture
def isolated(opened: Stage, ungcuu: Callable[..., tuple[int, dict[str, Any], str]]) -> Iterator[str]:
    """The host isolated and proven, in a case of its own; the case's id."""
    code, _document, said = ungcuu("baseline", "web01")
    assert code == 0, said
    code, document, said = ungcuu("case", "open", "web01", "--title", "test")
    assert code == 0, said
    yield str(document["case"])
    ungcuu("case", "close", str(document["case"]), "--force", "--reason", "test")


def _isolate(ungcuu: Callable[..., tuple[int, dict[str, Any], str]]) -> None:
    code, document, said = ungcuu("isolate", "web01")
    assert code == 0, said
    assert "isolated, and proven" in document["message"]


def _three_say(isolated: str, text: str) -> dict[str, Run]:
    runs = {
        "doctor": Run("doctor", "web01"),
        "case status": Run("case", "status", isolated),
        "scan": Run("scan", "web01"),
    }
    for verb, run in runs.items():
        assert text in run.said, f"{verb}: {run.said}"
    return runs


@pytest.fixture
def inventory(tmp_path: Path) -> Callable[..., str]:
    """`inventory(isolation_vantage="")`: the lab's inventory without the intruder, with these facts of the website."""

    def make(**facts: object) -> str:
        folder = tmp_path / f"site{len(list(tmp_path.iterdir()))}"
        shutil.copytree(ROOT / "inventory" / "lab", folder)
        hosts = yaml.safe_load((folder / "hosts.yml").read_text("utf-8"))
        del hosts["all"]["children"]["intruder"]
        (folder / "hosts.yml").write_text(yaml.safe_dump(hosts), "utf-8")
        with (folder / "group_vars" / "website.yml").open("a", encoding="utf-8") as file:
            file.write(yaml.safe_dump(facts) if facts else "")
        return str(folder)

    return make


def test_the_vault_looks_where_no_other_machine_is_named(opened: Stage, inventory: Callable[..., str]) -> None:
    """I2: any second machine can look; what one that may log in can't prove is named, and not called proven.

    Not tried without the default.
    """
    site = inventory()
    (opened.settings.host_dir("web01") / "card.json").unlink()
    run = Run("isolate", "web01", "--no-case", inventory=site)
    assert run.code == 0, run.said
    assert "no port answers, seen from the controller, from outside (vault01)" in run.said
    told = "web01: isolated as far as could be seen; not taken: SSH is closed to others (from outside (vault01)). Back"
    assert told in run.said, run.said
    assert "proven" not in run.said.replace("Prove", "")
    doctor = Run("doctor", "web01", inventory=site)
    assert "vantage: vault01, the vault; it may log in" in doctor.said


def test_without_a_second_machine_what_was_not_taken_is_named(opened: Stage, inventory: Callable[..., str]) -> None:
    """I2: "isolated, and proven" though "nothing gets out" and "contained from outside" were not taken."""
    site = inventory(isolation_vantage="", isolation_switch_note="")
    (opened.settings.host_dir("web01") / "card.json").unlink()
    run = Run("isolate", "web01", "--no-case", inventory=site)
    assert run.code == 0, run.said
    line = next(line for line in run.said.splitlines() if line.startswith("web01: isolated"))
    assert line.startswith(
        "web01: isolated as far as the controller can see; not taken: no port answers (from outside)"
    )
    assert "nothing gets out (on the host)" in line
    assert "proven" not in line
    doctor = Run("doctor", "web01", inventory=site)
    assert "vantage: no second machine can look at an isolated host from outside" in doctor.said
    assert "isolation_switch_note: no note says where to cut the host off" in doctor.said


@pytest.mark.nightly
def test_units_removed_and_a_restart(opened: Stage, isolated: str, ungcuu: Any) -> None:
    """I8: a file of the controller says "isolated" forever; the ports say what is true.

    Not tried without the look from outside.
    """
    _isolate(ungcuu)
    opened.on(
        "web01",
        "rm -rf /etc/systemd/system/ungcuu-isolation* /etc/systemd/system/*/ungcuu-isolation* "
        "/etc/systemd/system/nftables.service.d /etc/ungcuu",
    )
    opened.restart()
    assert truth(opened) == OPEN
    _name, _true, said = LATER[0]
    runs = _three_say(isolated, said)
    for verb, run in runs.items():
        assert "still isolated" not in run.said, verb
        assert "ungcuu -i lab isolate web01" in run.said, f"{verb}: no next command"
    assert "LOST" in runs["case status"].said
    assert (runs["doctor"].code, runs["scan"].code) == (13, 13)
    _code, document, _said = ungcuu("case", "status", isolated)
    assert (document["isolated"], document["lost"]) == ([], ["web01"])
    _isolate(ungcuu)
    _code, document, _said = ungcuu("case", "status", isolated)
    assert (document["isolated"], document["lost"]) == (["web01"], [])


@pytest.mark.nightly
def test_a_table_that_is_deleted_later(opened: Stage, isolated: str, ungcuu: Any) -> None:
    """I3: "proven" is about one moment; what asks later must find that it is over.

    Not tried without the look from outside.
    """
    later = "systemctl stop ungcuu-isolation-guard 2>/dev/null; /usr/sbin/nft.real delete table inet ungcuu_isolation"
    body = (
        f'/usr/sbin/nft.real "$@"; code=$?\ncase "$*" in *-c*|*list*) exit $code;; esac\n'
        f"systemd-run -q --unit=later-$$ --on-active=40 sh -c '{later}' 2>/dev/null\nexit $code"
    )
    from isolation_attacks import replaced

    setup, undo = replaced("/usr/sbin/nft", body)
    opened.on("web01", setup)
    try:
        _isolate(ungcuu)
        assert truth(opened) == DEAD
        deadline = time.monotonic() + 150
        while truth(opened) == DEAD and time.monotonic() < deadline:
            time.sleep(3)
        assert truth(opened) == OPEN, "nothing was deleted, so what follows proves nothing"
        _three_say(isolated, LATER[1][2])
    finally:
        opened.on("web01", undo + "; systemctl stop 'later-*' 2>/dev/null; true")


def test_sshd_killed_after_the_cut(opened: Stage, isolated: str, ungcuu: Any) -> None:
    """T17: the host can't be asked any more, and is isolated all the same; nobody may hear otherwise."""
    _isolate(ungcuu)
    opened.on("web01", "systemctl stop ssh.socket 2>/dev/null; systemctl stop ssh; pkill -9 -x sshd; true")
    try:
        assert truth(opened) == DEAD
        runs = _three_say(isolated, LATER[2][2])
        again = Run("isolate", "web01")
    finally:
        opened.on("web01", "systemctl reset-failed ssh; systemctl start ssh")
    assert all("LOST" not in run.said for run in runs.values())
    assert again.code == 5, again.said
    assert "From outside: no port answers" in again.said
    assert "NOT isolated" not in again.said
