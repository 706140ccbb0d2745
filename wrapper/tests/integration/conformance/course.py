"""One site from its first minute to the return to service after an incident: each step with its outcome and seconds.

1. The verbs run as an operator types them, each a process of its own, on an inventory that `init` wrote.
2. What they say is not believed: what was restored, rotated and released is looked at by the back door or by HTTP.
3. A step that fails ends the course; what was not reached is said as such.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from conformance.editors import EDITORS, Editor
from conformance.host import Host
from conformance.site import PLANTS, Stack

from ungcuu.core.errors import Exit
from ungcuu.core.phrases import Change
from ungcuu.core.sentences import plain
from ungcuu.lab import Lab

Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
PASSED, FAILED, NOT_OFFERED, NOT_REACHED = "passed", "failed", "not offered", "not reached"
BAD = ("critical", "high", "medium")
# Steps in order, as the matrix shows them.
STEPS = (
    "install", "init", "doctor", "plan", "harden", "harden again", "audit", "editor", "baseline", "backup", "scan",
    "plants", "isolate", "collect", "eradicate", "restore", "rotate", "reassess", "release", "editor again",
)  # fmt: skip # a table
# Other lanes load the machine: what takes longer than on an idle one is no failure here, nor in `collect`.
PATIENCE = {"host_state_seconds": 900}
TO_BASELINE = STEPS[1 : STEPS.index("baseline") + 1]


@dataclass
class Step:
    """One step: what came of it, how long it took as typed, and what a reader of the matrix has to know."""

    name: str
    outcome: str = NOT_REACHED
    seconds: float = 0.0
    detail: str = ""


@dataclass
class Record:
    """What one course leaves: a row of the matrix."""

    name: str
    title: str
    application: str
    measured: str
    load: float
    versions: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    questions: int = 0
    seconds_to_baseline: float = 0.0
    findings_on_a_stock_site: int | None = None
    plants: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def failed(self) -> list[str]:
        """What did not pass, in words."""
        return [f"{step.name}: {step.detail}" for step in self.steps if step.outcome == FAILED]

    def write(self, folder: Path) -> None:
        """Keep it as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self), ensure_ascii=False, indent=2)
        (folder / f"{self.name}.json").write_text(text + "\n", "utf-8")


class Course:
    """One run of the suite on one site."""

    def __init__(self, lab: Lab, stack: Stack, folder: Path, ungcuu_on: Callable[[str | Path], Ungcuu]) -> None:
        self.stack, self.host, self.inventory = stack, Host(lab, stack), folder
        self.ungcuu = ungcuu_on("lab")  # until `init` has written the site's own inventory
        self.ungcuu_here = ungcuu_on(folder)
        today = datetime.now(UTC).date().isoformat()
        self.record = Record(stack.name, stack.title, stack.application, today, round(os.getloadavg()[1], 1))
        self.record.steps = [Step(name) for name in STEPS]
        self.case: str | None = None

    def play(self, last: str = STEPS[-1]) -> Record:
        """Take every step in order, up to ``last`` or to the first that fails."""
        for step in self.record.steps:
            play = getattr(self, f"_{step.name.replace(' ', '_')}")
            with self._measured(step):
                play(step)
            if step.outcome == FAILED or step.name == last:
                break
        return self.record

    @contextmanager
    def _measured(self, step: Step) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
            if step.outcome == NOT_REACHED:
                step.outcome = PASSED
        except (AssertionError, RuntimeError, OSError, LookupError) as error:
            step.outcome, step.detail = FAILED, f"{type(error).__name__}: {error}"[-4000:]
        step.seconds = round(time.monotonic() - begun, 1)

    def _verb(self, *words: str, codes: Sequence[int] = (0,)) -> dict[str, Any]:
        """Run one verb as it is typed, and return its document.

        Raises:
            AssertionError: It ended with another exit code.
        """
        given = [*words]
        if words[0] not in ("case", "init", "enrol"):
            given += ["--reason", f"conformance {self.stack.name}", "--confirm-host", words[1]]
            given += ["--case", self.case] if self.case else []
        code, document, said = self.ungcuu(*given)
        assert code in codes, f"{' '.join(words)} ended with {code}: {document.get('error')} {said[-2500:]}"
        return document

    # --- prepare ------------------------------------------------------------------------------------------------------

    def _install(self, _step: Step) -> None:
        if self.stack.source:
            self.host.lay("/tmp/source", Path(os.environ[self.stack.source]))
        self.host.run(self.stack.install)
        self.record.versions = self.host.versions()

    def _init(self, step: Step) -> None:
        lab, name = self.host.lab, self.stack.host
        answers = {
            "--address": self.host.address,
            "--account": "ungcuu",
            "--management": lab.address("controller"),
            "--vault": lab.address("vault01"),
            "--contact": "mailto:baomat@lab.test",
            "--switch-note": "podman network disconnect",
            "--fingerprint": self.host.fingerprint(name),
        }
        words = [word for pair in answers.items() for word in pair]
        key = str(lab.folder / "id_ed25519")
        # The vault is not enrolled yet, and doctor says so.
        made = self._verb(
            "init", "--name", name, "--key", key, *words, "--out", str(self.inventory), codes=(0, int(Exit.FOUND))
        )
        self.ungcuu = self.ungcuu_here
        self._verb("enrol", "vault01", "--fingerprint", self.host.fingerprint("vault01"))
        seen = made["discover"]["facts"]
        facts = self._compare({fact["name"]: fact["value"] for fact in seen if fact["value"] is not None})
        added = {name: self.stack.facts[name] for name in facts["missing"]} | dict(self.stack.answers)
        self.record.questions = len(answers) + 1 + len(added)  # and the vault's fingerprint
        path = self.inventory / "host_vars" / f"{name}.yml"
        written = yaml.safe_dump(added | PATIENCE, allow_unicode=True)
        path.write_text(path.read_text("utf-8") + written, "utf-8")
        assert facts["wrong"] == {}, facts
        assert facts["found"] >= 0.9 * facts["needed"], facts
        step.detail = f"{facts['found']} of {facts['needed']} facts found"

    def _compare(self, found: dict[str, Any]) -> dict[str, Any]:
        """Hold what was found against what a person would have written."""
        right, wrong = [], {}
        for name, wanted in self.stack.facts.items():
            if name not in found:
                continue
            value = sorted(found[name]) if isinstance(found[name], list) else found[name]
            same = value == (sorted(wanted) if isinstance(wanted, list) else wanted)
            if same or (name == "website_health_text" and (wanted in value or value in wanted)):
                right.append(name)
            else:
                wrong[name] = found[name]
        missing = sorted(self.stack.facts.keys() - found.keys())
        self.record.facts = {
            "needed": len(self.stack.facts),
            "found": len(right),
            "wrong": wrong,
            "missing": missing,
        }
        return self.record.facts

    def _doctor(self, _step: Step) -> None:
        self._verb("doctor", self.stack.host)

    def _plan(self, _step: Step) -> None:
        self._verb("harden", self.stack.host, "--plan")

    def _harden(self, step: Step) -> None:
        done = self._verb("harden", self.stack.host)
        step.detail = f"{len(done['changes'])} changes, {done['passed']} checks passed"

    def _harden_again(self, _step: Step) -> None:
        done = self._verb("harden", self.stack.host)
        assert done["changes"] == [], done["changes"]

    def _audit(self, step: Step) -> None:
        rows = self._verb("audit", self.stack.host, codes=(0, int(Exit.FOUND)))["audits"][0]["controls"]
        open_ = [row["id"] for row in rows if row["status"] == "fail"]
        passed = sum(row["status"] == "pass" for row in rows)
        step.detail = f"{passed} controls hold, {len(open_)} do not" + (f": {', '.join(open_)}" if open_ else "")

    def _editor(self, _step: Step) -> None:
        self.editor = self._new_editor()
        self.editor.work()

    def _new_editor(self) -> Editor:
        password = f"bien-Tap-{secrets.token_hex(6)}"
        self.host.run(self.stack.password, password)
        return EDITORS[self.stack.application](self.host.address, self.stack.facts["website_name"], password)

    def _backup(self, step: Step) -> None:
        self._verb("backup", self.stack.host)
        self.files, self.rows = self.host.files(), self.host.rows()
        step.detail = f"{len(self.files)} files" + (f", {len(self.rows)} tables" if self.rows else "")

    def _baseline(self, step: Step) -> None:
        begun = time.monotonic()
        self._verb("baseline", self.stack.host)
        before = sum(known.seconds for known in self.record.steps if known.name in TO_BASELINE and known is not step)
        self.record.seconds_to_baseline = round(before + time.monotonic() - begun, 1)

    def _scan(self, step: Step) -> None:
        done = self._verb("scan", self.stack.host, codes=(0, int(Exit.FOUND)))
        found = [f"{row['path']} ({row['rule']}, {row['severity']})" for row in done["findings"]]
        self.record.findings_on_a_stock_site = len(found)
        assert found == [], found
        unread = done["scans"][0]["checked"].get("application", {}).get("unread", {})
        if unread:
            step.detail = f"not looked at: {', '.join(unread)}"

    # --- the incident -------------------------------------------------------------------------------------------------

    def _plants(self, step: Step) -> None:
        opened = ("--title", "Conformance", "--drill", "--severity", "critical", "--detected-by", "conformance suite")
        done = self._verb("case", "open", self.stack.host, *opened)
        self.case = str(done["case"])
        self._try_to_blind()
        for plant in (*self.stack.plants.values(), *self.stack.beside.values()):
            self.host.run(plant.run)
        scan = self._verb("scan", self.stack.host, codes=(int(Exit.FOUND),))
        seen = {row["path"] for row in scan["findings"] if row["severity"] in BAD}
        for name in PLANTS:
            plant = self.stack.plants.get(name)
            words = f"impossible: {self.stack.impossible[name]}" if plant is None else ""
            self.record.plants[name] = words or ("found" if plant and plant.is_in(seen) else "missed")
        for name, plant in self.stack.beside.items():
            self.record.plants[name] = "found" if plant.is_in(seen) else "missed"
        missed = [name for name, words in self.record.plants.items() if words == "missed"]
        assert missed == [], (missed, sorted(seen))
        step.detail = f"{sum(words == 'found' for words in self.record.plants.values())} found"

    def _try_to_blind(self) -> None:
        """An intruder who renames a table must not silence the scan."""
        if (blinding := self.stack.blinding) is None:
            return
        self.host.run(blinding.run)
        scan = self._verb("scan", self.stack.host, codes=(int(Exit.FOUND),))
        assert [(row["path"], row["rule"]) for row in scan["findings"]] == [(blinding.path, "application.unread")]
        self.host.run(blinding.undo)

    def _isolate(self, _step: Step) -> None:
        self._verb("isolate", self.stack.host)
        try:
            answer = EDITORS[self.stack.application](self.host.address, "x", "").ask("GET", "/", seconds=3)
        except OSError:
            return
        raise AssertionError(f"the isolated website answers: {answer[0]}")

    def _collect(self, step: Step) -> None:
        done = self._verb("collect", self.stack.host, "--patience", "5")
        step.detail = f"{sum(row['kind'] == 'evidence' for row in done['records'])} items"

    def _eradicate(self, _step: Step) -> None:
        self._verb("eradicate", self.stack.host)

    def _restore(self, step: Step) -> None:
        self._verb("restore", self.stack.host)
        if done := self._follow_advice():
            step.detail = f"then by hand, as the scan advises: {'; '.join(done)}"
        for before, now in ((self.files, self.host.files()), (self.rows, self.host.rows())):
            other = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
            assert not other, sorted(f"{key}: {before.get(key)} → {now.get(key)}" for key in other)[:20]

    def _follow_advice(self) -> list[str]:
        """Do what a scan advises for what is left: packages' own files, other parts of the restore point."""
        scan = self._verb("scan", self.stack.host, codes=(0, int(Exit.FOUND)))
        left = [row for row in scan["findings"] if row["severity"] in BAD]
        commands = list(dict.fromkeys(command for row in left for command in row["commands"]))
        for command in commands:
            words = shlex.split(command)
            if words[:2] == ["ungcuu", "rotate"]:
                continue  # it is a step of its own
            if words[0] == "ungcuu":
                self._verb(*words[1:])
            else:
                self.host.run(command)
        by_hand = [plant.by_hand for plant in self.stack.beside.values() if plant.by_hand]
        for script in by_hand:
            self.host.run(script)
        return commands + by_hand

    def _rotate(self, step: Step) -> None:
        old = self.host.run(self.stack.secret).strip() if self.stack.secret else ""
        assert not old or self.host.database_takes(old), "the password was not read right"
        done = self._verb("rotate", self.stack.host, "--website-only")
        rows = [row["data"] for row in done["records"] if row["data"].get("action") == Change.ROTATE]
        changed = [what for row in rows for what in row.get("what", ())]
        left = [plain(what) for row in rows for what in row.get("left", ())]
        if not changed:
            step.outcome, step.detail = NOT_OFFERED, "; ".join(left)
            return
        step.detail = f"new: {', '.join(map(str, changed))}" + (f"; left: {'; '.join(left)}" if left else "")
        assert not old or not self.host.database_takes(old), "the database takes the old password"

    def _reassess(self, step: Step) -> None:
        words = ("--entry-closed", "the weak page was removed", "--application-checked", "looked through by hand")
        done = self._verb("reassess", self.stack.host, *words, codes=(0, int(Exit.NOT_VERIFIED)))
        judged = next(row["data"] for row in done["records"] if row["kind"] == "reassessment")
        self.root_lost = judged["outcome"] == "root lost"
        assert judged["outcome"] in ("clean", "root lost"), judged["left"]
        if self.root_lost:
            step.detail = "clean but for root, which was lost"

    def _release(self, _step: Step) -> None:
        words = ["--root-lost-override", "a disposable host that is thrown away"] if self.root_lost else []
        self._verb("release", self.stack.host, *words)

    def _editor_again(self, step: Step) -> None:
        known = self.editor.inside()
        self._new_editor().work()
        if known:
            step.detail = "the session of before the incident still holds"
