"""Play a scenario on disposable hosts, from hardening to the closed case, and measure it.

1. The verbs run as an operator runs them: the same command line, one process each, on the lab's inventory.
2. The drill believes none of them: each phase ends with proofs of its own, taken from intruder01 or through the
   container's back door. The first proof that fails ends the drill.
3. What a later proof looks for was seen by the same proof right after the attack: a proof that can't fail proves
   nothing.
4. It has a state folder of its own, so that no real host's baseline, case or journal is touched.

Measured, in seconds: detect = intruder finished → named by watch and scan; notify = intruder finished → message taken;
contain = named → contained and proven; recover = contained → the site serves the same pages to the public again.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ungcuu.core.atomic import make_private
from ungcuu.core.debian import DEFAULT
from ungcuu.core.errors import Exit, Terminated
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.drill.comparison import Contents, compare
from ungcuu.drill.mailbox import Mailbox
from ungcuu.drill.prepared import Prepared
from ungcuu.drill.record import DrillFailed, Lost, Phase, Proof, Report
from ungcuu.drill.scenario import load as scenario_plan
from ungcuu.drill.simulation import FOLDER, Effect, load, variant
from ungcuu.drill.stage import Stage, eventually
from ungcuu.drill.typist import Typist, list_websites, make_inventory
from ungcuu.lab import Lab, LabError

Say = Callable[[str], None]
_Part = tuple[str, Callable[[Phase], None]]
_FOUND = (Exit.OK, Exit.FOUND)
_DATA, _DATA_HOURS = "data-72h", 72.0
_WORK = "bao-cao-moi"
_UPLOAD = f"/var/www/portal/wp-content/uploads/2026/{_WORK}.txt"


class Drill:
    """One run of one scenario in one lab."""

    def __init__(
        self,
        scenario: str,
        settings: Settings,
        slot: int,
        say: Say,
        *,
        language: str = "en",
        seed: int | None = None,
    ) -> None:
        """Prepare; nothing is started yet. `settings.state` becomes the parent of the drill's own state folder."""
        self.state = make_private(settings.state / "drill")
        self.lab = Lab(slot, self.state / "lab" / str(slot))
        simulation = load(scenario)
        chosen = variant(simulation, seed)
        self.stage = Stage(self.lab, simulation, chosen)
        self.data = self.stage.simulation
        self.plan = scenario_plan(scenario)
        self.host = self.data.host
        self.say = say
        self.language = language
        self.report = Report(scenario, variant=chosen)
        self.mailbox = Mailbox()
        advisories = self.stage.source(self.data.advisories) if self.data.advisories else b""
        lab_inventory = settings.content / "inventory" / "lab"
        inventory = make_inventory(lab_inventory, self.state, self.mailbox.target, advisories)
        self.typist = Typist(inventory, self.state, slot, f"drill {scenario}", say)
        self.pages: dict[str, set[str]] = {}
        self.moments: dict[str, float] = {}
        self.good = self.before = Contents({}, {})
        self.alerts: list[Mapping[str, Any]] = []

    def run(self, debian: str = DEFAULT, prepared: Prepared | None = None) -> Report:
        """Play all phases in order; the report says how far it came. A failed proof ends it, it doesn't raise.

        With ``prepared`` the hosts are put back to what was kept; without it they are made and hardened first.
        """
        whole = (
            ("notice", self._notice),
            ("contain", self._contain),
            ("collect", self._collect),
            *((("data notice", self._notify_of_data),) if self.plan.personal_data == "yes" else ()),
            ("eradicate", self._eradicate),
            ("recover", self._recover),
            ("reassess", self._reassess),
            ("release", self._release),
            ("review", self._review),
        )
        return self._play((*self._up_to_attack(debian, prepared), *whole))

    def attack_alone(self, debian: str = DEFAULT) -> Report:
        """Play up to the attack and no further: the response is left to people. DONE means that the attack worked."""
        return self._play(self._up_to_attack(debian, None))

    def _up_to_attack(self, debian: str, prepared: Prepared | None) -> tuple[_Part, ...]:
        return (
            ("lab", lambda _phase: self._bring_up(debian, prepared)),
            ("prepare", lambda phase: self._prepare(phase, prepared is None)),
            ("attack", self._attack),
        )

    def _play(self, phases: Sequence[_Part]) -> Report:
        try:
            for name, play in phases:
                with self._phase(name) as phase:
                    play(phase)
            self.report.outcome = "DONE"
        except (DrillFailed, LabError) as failure:
            self.report.error = str(failure)
        except (KeyboardInterrupt, Terminated):
            self._stopped()
            raise
        finally:
            self.mailbox.close()
        self._measure()
        return self.report

    # --- phases -----------------------------------------------------------------------------------------------------

    def _bring_up(self, debian: str, prepared: Prepared | None) -> None:
        if prepared:
            prepared.put_back(self.data.hosts, debian)
            return
        self.lab.down()
        self.lab.up(self.data.hosts, debian, self.say)

    def harden(self) -> None:
        """Make the hosts what an operator has before an incident: hardened, backed up, recorded, watched."""
        self._close_left()
        self._verb("harden", self.host)
        self._verb("backup", self.host, codes=_FOUND)
        self._verb("baseline", self.host)
        self._verb("watch", "approve", self.host)
        self._verb("watch", "round", self.host, codes=_FOUND)

    def _close_left(self) -> None:
        """End what drills left that failed or were killed: their hosts are gone.

        An open case bars a baseline of the new hosts, an alert that is known already is not raised by them, and one
        that was isolated would count as isolated still.
        """
        shutil.rmtree(self.state / "hosts", ignore_errors=True)
        if any((self.state / "cases").glob("UC-*")):
            for row in self._verb("case", "list")["cases"]:
                if row["phase"] != "closed":
                    words = ("case", "close", row["case"], "--force", "--reason", "its hosts were made again")
                    self._verb(*words, codes=tuple(Exit))

    def _prepare(self, phase: Phase, harden: bool) -> None:
        if harden:
            self.harden()
        if self.data.prepare:
            for step in self.data.prepare:
                self.stage.do(step)
            if self.data.websites:
                self._list_websites()
            self._verb("backup", self.host, codes=_FOUND)
            self._verb("baseline", self.host)
            if self.data.websites:  # each has a page of its own that the watch compares with
                self._verb("watch", "approve", self.host)
        self._audit(phase, vulnerable=True)
        self.moments["backup"] = time.time()
        self.good = self.stage.contents()
        self._remember_pages()
        self._prove(phase, "the site serves its pages", len(self.pages) >= 2, f"{len(self.pages)} pages")
        self._work_honestly()
        self.before = self.stage.contents()
        self._remember_pages()

    def _list_websites(self) -> None:
        """From now on the inventory lists the host's websites, as a person does who found out about the second one."""
        list_websites(self.typist.inventory, self.host, self.stage.source(self.data.websites))

    def _audit(self, phase: Phase, *, vulnerable: bool) -> None:
        """Ask an audit for the published hole: it must be named while it is there, and no more once it is closed."""
        if not self.data.hole:
            return
        (audit,) = self._verb("audit", self.host, codes=_FOUND)["audits"]
        parts = audit["application"]["parts"]
        holes = {hole["id"]: part["name"] for part in parts for hole in part["vulnerabilities"]}
        name = "an audit names the published hole" if vulnerable else "an audit no longer names the published hole"
        detail = f"{self.data.hole}: {holes.get(self.data.hole, f'in none of {len(parts)} parts')}"
        self._prove(phase, name, bool(parts) and (self.data.hole in holes) is vulnerable, detail)

    def _work_honestly(self) -> None:
        """What people write after the last backup: a restore loses it, and the drill says how much."""
        self.stage.put(_UPLOAD, b"written after the backup\n", "portal:portal", "0640")
        program = (FOLDER / "honest.php").read_bytes()
        self.stage.execute(self.host, ["runuser", "-u", "portal", "--", "php", "--"], program)

    def _attack(self, phase: Phase) -> None:
        self.moments["attack"] = time.time()
        for step in self.data.attack:
            self._prove(phase, step.name, True, self.stage.do(step).strip()[:200])
        self.stage.hold_sessions({effect.session for effect in self.data.effects})
        for effect in self.data.effects:
            there = eventually(partial(self.stage.there, effect))
            self._prove(phase, f"there: {effect.name}", there, _where(effect))
        self.moments["attacked"] = time.time()

    def _notice(self, phase: Phase) -> None:
        codes = [*_FOUND, Exit.NOT_VERIFIED]
        if self.data.rounds > 1:  # a host that can't be looked at: such a round is NOT DONE, and the next one knows
            codes.append(Exit.NOT_DONE)
        for _round in range(self.data.rounds):
            self.alerts += self._verb("watch", "round", self.host, codes=codes)["raised"]
        by_watch = [alert["sight"] for alert in self.alerts]
        self.report.false_alarms = sum(_WORK in _place(sight) for sight in by_watch)
        self.moments["noticed"] = time.time()
        for step in self.data.console:
            self.stage.do(step)
        self.report.noticed_by = sorted({notice.by for notice in self.data.notice})
        self._open_case()
        findings = self._findings()  # after the case was opened: they stand in its journal
        self.moments["detected"] = time.time()
        for notice in self.data.notice:
            seen = by_watch if notice.by == "watch" else findings
            named = any(re.fullmatch(notice.rule, str(row["rule"])) and notice.place in _place(row) for row in seen)
            self._prove(phase, f"{notice.by} names {notice.rule}", named, notice.place)
        if any(notice.by == "watch" and notice.notified for notice in self.data.notice):
            told = [at for at, text in self.mailbox.messages if at > self.moments["attack"] and self._named_in(text)]
            self._prove(phase, "a message names it", bool(told), f"{len(self.mailbox.messages)} messages")
            self.moments["notified"] = min(told)

    def _findings(self) -> list[Mapping[str, Any]]:
        scan = self._verb("scan", self.host, codes=_FOUND)
        records = [row for run in scan.get("runs", [scan]) for row in run.get("records", [])]  # one run a website
        return [row["data"] for row in records if row.get("kind") == "finding"]

    def _named_in(self, text: str) -> bool:
        return any(notice.place in text for notice in self.data.notice if notice.by == "watch" and notice.notified)

    def _open_case(self) -> None:
        words = ["--scenario", self.plan.id, "--severity", self.plan.severity]
        words += ["--personal-data", self.plan.personal_data]
        words += ["--detected-by", "ungcuu " + ", ".join(self.report.noticed_by)]
        words += ["--detected-at", self._stamp("noticed"), "--first-sign", self._stamp("attack")]
        opened = self._verb("case", "open", self.host, *words)
        self.report.case = self.typist.case = str(opened["case"])
        if self.alerts:
            self._verb("ack", "--all-of", self.host, "--reason", "drill")

    def _contain(self, phase: Phase) -> None:
        self.moments["enter"] = time.time()
        for words in self.data.contain:
            self._response(words)
        self.moments["contained"] = time.time()
        for effect in self._ending("contain"):
            if effect.session:
                self._prove_dead(phase, effect)
        self._prove_ended(phase, "contain")
        status = self._page("/")["status"]
        if self.data.closes:
            self._prove(phase, "the site is closed to the public", status in (0, 503), f"HTTP {status}")
        else:
            self._prove(phase, "the public is still served", status == 200, f"HTTP {status}")

    def _prove_dead(self, phase: Phase, effect: Effect) -> None:
        """A session is dead only if its last answer came before the cut was reported."""
        eventually(lambda: self.stage.session(effect.session).get("alive") is False)
        session = self.stage.session(effect.session)
        last = float(session.get("last", 0.0))
        dead = session.get("alive") is False and last < self.moments["contained"]
        detail = f"last answer {last - self.moments['enter']:+.2f} s after the command"
        self._prove(phase, f"dead: {effect.name}", dead, detail)

    def _collect(self, phase: Phase) -> None:
        collected = self._verb("collect", self.host, "--profile", self.data.collect)
        evidence = [row for row in collected.get("records", []) if row.get("kind") == "evidence"]
        self._prove(phase, "evidence was taken", bool(evidence), f"{len(evidence)} items")
        self._verify_case(phase)

    def _notify_of_data(self, phase: Phase) -> None:
        """A breach of personal data has its own clock, since the leak was noticed; a notice that was sent stops it."""
        case = str(self.report.case)
        rows = self._verb("case", "deadlines", case)["deadlines"]
        clock: Mapping[str, Any] = next((row for row in rows if row["stage"] == _DATA), {})
        hours = (_time(clock["due"]) - _time(clock["start"])).total_seconds() / 3600 if clock else 0.0
        right = clock.get("state") == "running" and clock.get("start") == self._stamp("noticed").replace("+00:00", "Z")
        self._prove(phase, "its clock runs since it was noticed", right and hours == _DATA_HOURS, f"{hours:.0f} hours")
        form = self._verb("case", "form", case, "personal-data")
        file = Path(str(form["file"]))
        drafted = file.is_file() and file.stat().st_size > 0
        self._prove(phase, "the notice is drafted", drafted, f"{form['entries']} fields are left for a person")
        sent = self._verb("case", "sent", case, _DATA, str(file), "--channel", "drill")
        self._prove(phase, "the notice stops the clock", sent["state"] == "sent", str(sent["sent"]))

    def _eradicate(self, phase: Phase) -> None:
        for words in self.data.eradicate:
            self._response(words)
        self._prove_ended(phase, "eradicate")

    def _recover(self, phase: Phase) -> None:
        for words in self.data.refused:
            self._verb(words[0], self.host, *words[1:], codes=(Exit.NOT_DONE, Exit.NOT_VERIFIED, Exit.REFUSED))
            self._prove(phase, f"refused: {' '.join(words)}", True, "ended NOT DONE")
        for step in self.data.repair:
            self.stage.do(step)
        for words in self.data.recover:
            self._response(words)
        for step in self.data.update:
            self.stage.do(step)
        if self.data.own:
            self._own_up(phase)
        self._prove_ended(phase, "recover")

    def _own_up(self, phase: Phase) -> None:
        """Say of each finding that is people's own work that it is: each must be there, and no other is excused.

        What belongs to the host is found by the scan of each of its websites.
        """
        findings = self._findings()
        for own in self.data.own:
            rows = [one for one in findings if re.fullmatch(own.rule, one["rule"]) and _place(one).endswith(own.place)]
            one_place = len({_place(one) for one in rows}) == 1
            self._prove(phase, f"a scan names people's own work: {own.rule}", one_place, own.place)
            for row in rows:
                self._verb("case", "verdict", str(self.report.case), str(row["id"]), "false-alarm", "--reason", own.why)

    def _reassess(self, phase: Phase) -> None:
        words = ["reassess", self.host, "--entry-closed", self.data.entry_closed]
        words += ["--application-checked", self.data.application_checked] if self.data.application_checked else []
        if not self.data.root_lost_override:
            self._verb(*words)
            return
        said = self._verb(*words, codes=[int(Exit.NOT_VERIFIED)])
        judged: Mapping[str, Any] = next((row["data"] for row in said["records"] if row["kind"] == "reassessment"), {})
        detail = "; ".join(judged.get("left") or []) or str(judged.get("outcome"))
        self._prove(phase, "nothing is left but that root was lost", judged.get("outcome") == "root lost", detail)

    def _release(self, phase: Phase) -> None:
        override = ["--root-lost-override", self.data.root_lost_override] if self.data.root_lost_override else []
        if any(words[0] == "isolate" for words in self.data.contain):
            self._verb("release", self.host, *override)
        for path, digests in self.pages.items():
            same = eventually(partial(self._shows, path, digests))
            self._prove(phase, "the public sees the page of before", same, path)
        self.moments["recovered"] = time.time()
        for effect in (effect for effect in self.data.effects if effect.page and self.data.closes):
            # A page that gives no answer at all would look like one without the intruder's words.
            answered = eventually(partial(self._answers, effect.page))
            self._prove(phase, f"the website answers there: {effect.name}", answered, effect.page)
        for ends in ("contain", "eradicate", "recover"):
            self._prove_ended(phase, ends)
        self._prove_as_before(phase)
        self._audit(phase, vulnerable=False)

    def _prove_as_before(self, phase: Phase) -> None:
        """Compare the whole host with the time before the attack, and count what people lost. Isolation has ended."""
        after = self.stage.contents()
        seen = compare(self.good, self.before, after, self.data.differs)
        compared = f"{len(after.files)} files, {sum(map(len, after.rows.values()))} rows"
        detail = "; ".join(filter(None, [compared, ", ".join(seen.wrong[:8])]))
        self._prove(phase, "each file and row is as in a state before the attack", not seen.wrong, detail)
        restored = any(words[0] == "restore" for words in self.data.recover)
        minutes = (self.moments["attack"] - self.moments["backup"]) / 60 if restored else 0.0
        self.report.lost = Lost(len(seen.lost_files), seen.lost_rows, round(minutes, 1))

    def _review(self, phase: Phase) -> None:
        case = str(self.report.case)
        closed = self._verb("case", "close", case)
        document = self._verb("case", "report", case, "--lang", self.language)
        self.report.case_folder = str(document.get("folder") or closed.get("folder") or self.state / "cases" / case)
        self.report.report = str(document.get("report", ""))
        self._prove(phase, "the report was written", Path(self.report.report).is_file(), self.report.report)
        self._verify_case(phase)

    # --- looking ----------------------------------------------------------------------------------------------------

    def _remember_pages(self) -> None:
        """The home page, an article and a picture: what must be the same at the end, as before or after honest work."""
        look = ["sh", "-c", "cd /var/www/portal && ls wp-content/uploads/*/*/*.png | head -n 1"]
        picture = "/" + self.stage.execute(self.host, look).stdout.decode().strip()
        for path in ("/", "/?p=5", picture, *self.data.pages):
            eventually(partial(self._answers, path))
            self.pages.setdefault(path, set()).add(str(self._page(path).get("sha256")))

    def _page(self, path: str) -> dict[str, Any]:
        """Ask as the public: from intruder01, or from another machine where intruder01 alone is kept out."""
        return self.stage.page(path, "intruder01" if self.data.closes else "vault01")

    def _answers(self, path: str) -> bool:
        return bool(self._page(path)["status"] != 0)

    def _shows(self, path: str, digests: set[str]) -> bool:
        return self._page(path).get("sha256") in digests

    def _ending(self, phase: str) -> Iterator[Effect]:
        return (effect for effect in self.data.effects if effect.ends == phase)

    def _prove_ended(self, phase: Phase, ends: str) -> None:
        for effect in self._ending(ends):
            self._prove(phase, f"gone: {effect.name}", self.stage.gone(effect), _where(effect))

    def abandon(self, why: str = "the drill failed") -> None:
        """Close the case of a drill that failed, so that the next one on these hosts has a case of its own."""
        if self.report.error and self.report.case:
            words = ("case", "close", self.report.case, "--force", "--reason", why)
            self._verb(*words, codes=tuple(Exit))

    def _stopped(self) -> None:
        """Leave no case open that nobody works on, and say what is left. A second Ctrl-C leaves it as it is."""
        self.report.error = _("The drill was stopped.")
        self.say(self.report.error)
        self.abandon("the drill was stopped")
        self.say(_("Its hosts are still there: UNGCUU_LAB_SLOT={slot} ungcuu lab down").format(slot=self.lab.slot))

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

    def _response(self, words: tuple[str, ...]) -> None:
        """A verb of the response: the host stands after its name, with one of its websites where /SITE comes next."""
        verb, *rest = words
        website = rest.pop(0) if rest and rest[0].startswith("/") else ""
        self._verb(verb, self.host + website, *rest)

    def _verb(self, *words: str, codes: Any = (0,)) -> Mapping[str, Any]:
        return self.typist.verb(*words, codes=codes)

    def _stamp(self, moment: str) -> str:
        return datetime.fromtimestamp(self.moments[moment], UTC).isoformat(timespec="milliseconds")

    def _measure(self) -> None:
        def between(begin: str, end: str) -> float | None:
            if begin in self.moments and end in self.moments:
                return round(self.moments[end] - self.moments[begin], 2)
            return None

        self.report.seconds_to_detect = between("attacked", "detected")
        self.report.seconds_to_notify = between("attacked", "notified")
        self.report.seconds_to_contain = between("detected", "contained")
        self.report.seconds_to_recover = between("contained", "recovered")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _place(row: Mapping[str, Any]) -> str:
    return str(row.get("place") or row.get("path") or "")


def _where(effect: Effect) -> str:
    return effect.page or effect.file or effect.session or " ".join(effect.intruder[:1])
