"""Play a scenario on disposable hosts, from hardening to the closed case, and measure it.

1. The verbs run as an operator runs them: the same command line, one process each, on the lab's inventory.
2. The drill believes none of them: each phase ends with proofs of its own, taken from intruder01 or through the
   container's back door. The first proof that fails ends the drill.
3. It has a state folder of its own, so that no real host's baseline, case or journal is touched.

Measured, in seconds: detect = intruder finished → scan has named every plant; contain = named → isolation proven;
recover = isolated → the site serves the same pages to the public again.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from ungcuu.core.atomic import make_private
from ungcuu.core.debian import DEFAULT
from ungcuu.core.errors import Exit, NotVerified
from ungcuu.core.settings import Settings
from ungcuu.drill import scenario
from ungcuu.lab import Lab, LabHost

_HELD_LOG = "/run/ungcuu-drill-held.json"
_OUTWARD_LOG = "/run/ungcuu-drill-outward.json"
_OUTWARD_PORT = "4444"
_SESSION_LIFE = "900"
_VERB_DEADLINE = 1200

Say = Callable[[str], None]


class DrillFailed(NotVerified):
    """A proof failed, or a verb did not end well. The message says which, and what was seen."""


@dataclass(frozen=True)
class Proof:
    """One thing that was tried and its result."""

    name: str
    passed: bool
    detail: str


@dataclass
class Phase:
    """One phase of the drill: wall-clock seconds, DONE or NOT DONE, and what was proven."""

    name: str
    seconds: float = 0.0
    outcome: str = "NOT DONE"
    proofs: list[Proof] = field(default_factory=list)


@dataclass
class Report:
    """What a drill leaves: the document that ``drill run --json`` prints."""

    scenario: str
    outcome: str = "NOT DONE"
    phases: list[Phase] = field(default_factory=list)
    seconds_to_detect: float | None = None
    seconds_to_contain: float | None = None
    seconds_to_recover: float | None = None
    case: str | None = None
    case_folder: str | None = None
    report: str | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return dataclasses.asdict(self)


def scenarios() -> list[str]:
    """Names of the scenarios that can be played."""
    return [name for name in scenario.names() if scenario.has_simulation(name)]


def load(name: str) -> dict[str, Any]:
    """Read what a scenario plays, with its title and story.

    Raises:
        DrillFailed: no such scenario; the message lists those that exist.
    """
    if name not in scenarios():
        raise DrillFailed(f"There is no scenario {name!r}; there are: {', '.join(scenarios())}.")
    known = scenario.load(name)
    texts = {"title": dataclasses.asdict(known.title), "story": dataclasses.asdict(known.story)}
    simulation = files("ungcuu") / "drill" / name / scenario.SIMULATION
    return texts | dict(yaml.safe_load(simulation.read_text(encoding="utf-8")))


def _typed(words: Sequence[str]) -> str:
    """Return a command as a person would type it in a shell."""
    return shlex.join(["ungcuu", *words])


class Drill:
    """One run of one scenario in one lab."""

    def __init__(self, name: str, settings: Settings, slot: int, say: Say, language: str = "en") -> None:
        """Prepare; nothing is started yet. `settings.state` becomes the parent of the drill's own state folder."""
        self.data = load(name)
        self.folder = files("ungcuu") / "drill" / name
        self.state = make_private(settings.state / "drill")
        self.lab = Lab(slot, self.state / "lab" / str(slot))
        self.host: LabHost = self.lab.find(self.data["host"])
        self.address = self.lab.address(self.host.name)
        self.name = "portal.lab.test"
        self.say = say
        self.language = language
        self.report = Report(name)
        self.known_good: dict[str, str] = {}
        self.moments: dict[str, float] = {}

    def run(self, debian: str = DEFAULT) -> Report:
        """Play all phases in order; the report says how far it came. A failed proof ends it, it doesn't raise."""
        phases: list[tuple[str, Callable[[Phase], None]]] = [
            ("lab", lambda phase: self._bring_up(phase, debian)),
            ("prepare", self._prepare),
            ("attack", self._attack),
            ("detect", self._detect),
            ("contain", self._contain),
            ("collect", self._collect),
            ("eradicate", self._eradicate),
            ("restore", self._restore),
            ("reassess", self._reassess),
            ("release", self._release),
            ("review", self._review),
        ]
        try:
            for name, play in phases:
                with self._phase(name) as phase:
                    play(phase)
            self.report.outcome = "DONE"
        except DrillFailed as failure:
            self.report.error = str(failure)
        self._measure()
        return self.report

    # --- phases -----------------------------------------------------------------------------------------------------

    def _bring_up(self, _: Phase, debian: str) -> None:
        self.lab.down()
        self.lab.up(self.data["hosts"], debian, self.say)

    def _prepare(self, phase: Phase) -> None:
        self._verb("harden", self.host.name)
        # A baseline of an earlier machine may still be known: the new one, signed next, is what the point is judged by.
        self._verb("backup", self.host.name, codes=(Exit.OK, Exit.FOUND))
        self._verb("baseline", self.host.name)
        self.known_good = {path: self._page(path)["sha256"] for path in self._pages()}
        self._prove(phase, "the site serves its pages", len(self.known_good) >= 2, f"{len(self.known_good)} pages")

    def _attack(self, phase: Phase) -> None:
        self.moments["attack"] = time.time()
        self._deploy_weakness()
        uploads = [f"{plant['upload']}={self._encoded(plant['source'])}" for plant in self.data["plants"]]
        said = self._intruder("upload", self.address, self.name, self.data["page"], *uploads)
        stored = all(item["status"] == 200 and item["text"] == "stored" for item in said)
        self._prove(phase, "the weak page took every plant", stored, json.dumps(said))
        for plant in self.data["plants"]:
            there = self._eventually(partial(self._host_has_marker, plant["finds"]))
            self._prove(phase, f"planted: {plant['name']}", there, plant["finds"])
        self._prove(phase, "the web shell answers the intruder", self._shell_answers(), self.data["shell"])
        self._hold_sessions()
        for title, log in (("held", _HELD_LOG), ("outward", _OUTWARD_LOG)):
            alive = self._eventually(partial(self._is_alive, log))
            self._prove(phase, f"the intruder's {title} session is alive", alive, str(self._session(log)))
        self.moments["attacked"] = time.time()

    def _detect(self, phase: Phase) -> None:
        scan = self._verb("scan", self.host.name, codes=(Exit.OK, Exit.FOUND))
        self.moments["detected"] = time.time()
        findings = [row["data"] for row in scan.get("records", []) if row.get("kind") == "finding"]
        seen = {str(finding.get("path")) for finding in findings}
        for plant in self.data["plants"]:
            self._prove(phase, f"scan names the {plant['name']}", plant["finds"] in seen, plant["finds"])
        for item in self.data["weakness"]:
            self._prove(phase, "scan names the weakness", item["path"] in seen, item["path"])
        titled = self.data["title"][self.language]
        clocks = ["--detected-at", self._stamp("detected"), "--first-sign", self._stamp("attack")]
        opened = self._verb(
            "case",
            "open",
            self.host.name,
            "--title",
            titled,
            "--drill",
            "--severity",
            "critical",
            "--detected-by",
            f"ungcuu scan ({self.report.scenario})",
            *clocks,
        )
        self.report.case = str(opened["case"])
        # Once more, so that the findings stand in the case's own journal.
        self._verb("scan", self.host.name, codes=(Exit.OK, Exit.FOUND))

    def _contain(self, phase: Phase) -> None:
        self.moments["enter"] = time.time()
        self._verb("isolate", self.host.name)
        self.moments["contained"] = time.time()
        for title, log in (("held", _HELD_LOG), ("outward", _OUTWARD_LOG)):
            session = self._session(log)
            last = float(session.get("last", 0.0))
            dead = session.get("alive") is False and last < self.moments["contained"]
            detail = f"last answer {last - self.moments['enter']:+.2f} s after the command"
            self._prove(phase, f"the intruder's {title} session is dead", dead, detail)
        self._prove(phase, "the web shell no longer answers", not self._shell_answers(), self.data["shell"])
        self._prove(phase, "the site is closed to the public", self._page("/")["status"] == 0, "/")

    def _collect(self, phase: Phase) -> None:
        collected = self._verb("collect", self.host.name, "--profile", "triage")
        evidence = [row for row in collected.get("records", []) if row.get("kind") == "evidence"]
        self._prove(phase, "evidence was taken", bool(evidence), f"{len(evidence)} items")
        self._verify_case(phase)

    def _eradicate(self, phase: Phase) -> None:
        self._verb("eradicate", self.host.name, "--kill-processes")
        for plant in self.data["plants"]:
            gone = not self._host_has_marker(plant["finds"])
            self._prove(phase, f"gone from its place: {plant['name']}", gone, plant["finds"])

    def _restore(self, phase: Phase) -> None:
        self._verb("restore", self.host.name)
        gone = not any(self._host_has(item["path"]) for item in self.data["weakness"])
        self._prove(phase, "the weakness is gone", gone, self.data["page"])

    def _reassess(self, phase: Phase) -> None:
        words = ("reassess", self.host.name, "--entry-closed", self.data["entry_closed"])
        if "root_lost_override" not in self.data:
            self._verb(*words)
            return
        said = self._verb(*words, codes=[int(Exit.NOT_VERIFIED)])
        judged: Mapping[str, Any] = next((row["data"] for row in said["records"] if row["kind"] == "reassessment"), {})
        self._prove(
            phase,
            "nothing is left but that root was lost",
            judged.get("outcome") == "root lost",
            "; ".join(judged.get("left") or []) or str(judged.get("outcome")),
        )

    def _release(self, phase: Phase) -> None:
        override = self.data.get("root_lost_override")
        self._verb("release", self.host.name, *(["--root-lost-override", override] if override else []))
        for path, digest in self.known_good.items():
            page = self._page(path)
            same = page.get("sha256") == digest
            self._prove(phase, "the public sees the page of before", same, f"{path}: HTTP {page['status']}")
        self.moments["recovered"] = time.time()
        self._prove(phase, "the web shell still does not answer", not self._shell_answers(), self.data["shell"])

    def _review(self, phase: Phase) -> None:
        case = str(self.report.case)
        closed = self._verb("case", "close", case)
        document = self._verb("case", "report", case, "--lang", self.language)
        self.report.case_folder = str(document.get("folder") or closed.get("folder") or self.state / "cases" / case)
        self.report.report = str(document.get("report", ""))
        self._prove(phase, "the report was written", Path(self.report.report).is_file(), self.report.report)
        self._verify_case(phase)

    # --- the attack's parts -----------------------------------------------------------------------------------------

    def _deploy_weakness(self) -> None:
        for item in self.data["weakness"]:
            script = 'cat > "$1" && chown "$2" "$1" && chmod "$3" "$1"'
            words = ["sh", "-ec", script, "deploy", item["path"], item["owner"], item["mode"]]
            self._exec(self.host.name, words, (self.folder / item["source"]).read_bytes())
        self._exec(self.host.name, ["sh", "-ec", self.data["weakness_start"]])

    def _hold_sessions(self) -> None:
        intruder = self.lab.address("intruder01")
        self._intruder("hold", self.address, self.name, _HELD_LOG, _SESSION_LIFE, background=True)
        self._intruder("listen", _OUTWARD_PORT, _OUTWARD_LOG, _SESSION_LIFE, background=True)
        self._eventually(lambda: b":4444" in self._exec("intruder01", ["ss", "-ltn"]).stdout)
        self._intruder("call", intruder, _OUTWARD_PORT, _SESSION_LIFE, background=True, host=self.host.name)

    def _intruder(self, *words: str, background: bool = False, host: str = "intruder01") -> Any:
        program = (files("ungcuu") / "drill" / "intruder.py").read_bytes()
        if not background:
            return json.loads(self._exec(host, ["python3", "-", *words], program).stdout)
        # A background process can't read its program from our pipe, so it is handed over whole.
        starter = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.stdin.read(), *sys.argv[1:]], "
        starter += "stdin=-3, stdout=-3, stderr=-3, start_new_session=True)"
        self._exec(host, ["python3", "-c", starter, *words], program)
        return None

    def _encoded(self, source: str) -> str:
        return base64.b64encode((self.folder / source).read_bytes()).decode("ascii")

    # --- looking ----------------------------------------------------------------------------------------------------

    def _pages(self) -> Iterator[str]:
        """The home page, an article and a picture: what must be the same after the restore."""
        yield "/"
        yield "/?p=5"
        look = ["sh", "-c", "cd /var/www/portal && ls wp-content/uploads/*/*/*.png | head -n 1"]
        yield "/" + self._exec(self.host.name, look).stdout.decode().strip()

    def _page(self, path: str) -> dict[str, Any]:
        return dict(self._intruder("get", self.address, self.name, path))

    def _shell_answers(self) -> bool:
        ways = (f"{self.data['page']}?view={self.data['shell']}", f"/wp-content/uploads/{self.data['shell']}")
        return any(self.data["marker"] in str(self._page(path).get("text", "")) for path in ways)

    def _is_alive(self, log: str) -> bool:
        return self._session(log).get("alive") is True

    def _session(self, log: str) -> dict[str, Any]:
        said = self.lab.exec("intruder01", ["cat", log]).stdout
        try:
            return dict(json.loads(said))
        except ValueError:  # not written yet, or read in mid-write
            return {}

    def _host_has(self, path: str) -> bool:
        # -f: a masked unit is a link to /dev/null, which is not the weakness any more.
        return self.lab.exec(self.host.name, ["test", "-f", path]).returncode == 0

    def _host_has_marker(self, path: str) -> bool:
        return self.lab.exec(self.host.name, ["grep", "-q", self.data["marker"], path]).returncode == 0

    def _verify_case(self, phase: Phase) -> None:
        verified = self._verb("case", "verify", str(self.report.case))
        self._prove(phase, "journal and evidence hash as recorded", verified["outcome"] == "DONE", "case verify")

    # --- machinery --------------------------------------------------------------------------------------------------

    @contextmanager
    def _phase(self, name: str) -> Iterator[Phase]:
        phase = Phase(name)
        self.report.phases.append(phase)
        self.say(f"--- {name}")
        begin = time.monotonic()
        try:
            yield phase
            phase.outcome = "DONE"
        finally:
            phase.seconds = round(time.monotonic() - begin, 2)
            self.say(f"--- {name}: {phase.outcome}, {phase.seconds:.1f} s")

    def _prove(self, phase: Phase, name: str, passed: bool, detail: str) -> None:
        phase.proofs.append(Proof(name, passed, detail))
        self.say(f"    {'proven' if passed else 'FAILED'}: {name} ({detail})")
        if not passed:
            raise DrillFailed(f"{phase.name}: {name}: {detail}")

    def _verb(self, *words: str, codes: Sequence[int] = (0,)) -> Mapping[str, Any]:
        command = [sys.executable, "-m", "ungcuu", "--inventory", "lab", "--json", *words]
        # The case's reader must see why; and a drill has no terminal to type a host's name at.
        if words[0] != "case":
            command += ["--reason", f"drill {self.report.scenario}", "--confirm-host", words[1]]
            command += ["--case", self.report.case] if self.report.case else []
        environment = os.environ | {"UNGCUU_STATE": str(self.state), "UNGCUU_LAB_SLOT": str(self.lab.slot)}
        self.say(f"    $ {_typed(words)}")
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_VERB_DEADLINE, check=False
        )
        said = done.stderr.decode(errors="replace")
        if done.returncode not in codes:
            raise DrillFailed(f"{_typed(words)} ended with exit code {done.returncode}:\n{said[-3000:]}")
        return dict(json.loads(done.stdout))

    def _exec(self, host: str, words: Sequence[str], stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        done = self.lab.exec(host, words, stdin)
        if done.returncode:
            raise DrillFailed(f"on {host}: {' '.join(words)[:200]}: {done.stderr.decode(errors='replace')[-500:]}")
        return done

    @staticmethod
    def _eventually(look: Callable[[], bool], seconds: float = 30.0) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if look():
                return True
            time.sleep(0.2)
        return look()

    def _stamp(self, moment: str) -> str:
        return datetime.fromtimestamp(self.moments[moment], UTC).isoformat(timespec="milliseconds")

    def _measure(self) -> None:
        def between(begin: str, end: str) -> float | None:
            if begin in self.moments and end in self.moments:
                return round(self.moments[end] - self.moments[begin], 2)
            return None

        self.report.seconds_to_detect = between("attacked", "detected")
        self.report.seconds_to_contain = between("detected", "contained")
        self.report.seconds_to_recover = between("contained", "recovered")
