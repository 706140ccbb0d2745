"""What every phase of a drill has at hand: its hosts, its operator, the moments it notes, and how it proves a thing.

The drill believes no verb: what is proven here is taken from intruder01, or through the container's back door.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ungcuu.core.atomic import make_private
from ungcuu.core.errors import Exit
from ungcuu.core.settings import Settings
from ungcuu.drill.comparison import Contents
from ungcuu.drill.mailbox import Mailbox
from ungcuu.drill.record import DrillFailed, Phase, Proof, Report
from ungcuu.drill.scenario import load as scenario_plan
from ungcuu.drill.simulation import Effect, load, variant
from ungcuu.drill.stage import Stage, eventually
from ungcuu.drill.typist import Typist, make_inventory
from ungcuu.lab import Lab

Say = Callable[[str], None]
FOUND = (Exit.OK, Exit.FOUND)
WORK = "bao-cao-moi"  # in the name of what people write after the last backup


class Scene:
    """One scenario on its hosts. ``moments`` holds when what happened, by the clock of this machine."""

    def __init__(
        self,
        scenario: str,
        settings: Settings,
        slot: int,
        say: Say,
        *,
        language: str = "en",
        seed: int | None = None,
        announce: Say | None = None,
    ) -> None:
        """Prepare; nothing is started yet. `settings.state` becomes the parent of the drill's own state folder.

        ``say`` takes each line; ``announce``, where it is given, those on where the drill stands.
        """
        self.state = make_private(settings.state / "drill")
        self.lab = Lab(slot, self.state / "lab" / str(slot))
        simulation = load(scenario)
        chosen = variant(simulation, seed)
        self.stage = Stage(self.lab, simulation, chosen)
        self.data = self.stage.simulation
        self.plan = scenario_plan(scenario)
        self.host = self.data.host
        self.say = say
        self.announce = announce or say
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

    # --- proving ----------------------------------------------------------------------------------------------------

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        """Announce a phase, and note its time and its outcome."""
        phase = Phase(name)
        self.report.phases.append(phase)
        self.announce(f"--- {name}")
        begin = time.monotonic()
        try:
            yield phase
            phase.outcome = "DONE"
        finally:
            phase.seconds = round(time.monotonic() - begin, 2)
            self.announce(f"--- {name}: {phase.outcome}, {phase.seconds:.1f} s")

    def prove(self, phase: Phase, name: str, passed: bool, detail: str) -> None:
        """Note a proof.

        Raises:
            DrillFailed: It failed.
        """
        phase.proofs.append(Proof(name, passed, detail))
        self.say(f"    {'proven' if passed else 'FAILED'}: {name} ({detail})")
        if not passed:
            raise DrillFailed(f"{phase.name}: {name}: {detail}")

    def ending(self, phase: str) -> Iterator[Effect]:
        """Yield the effects of the attack that the phase must end."""
        return (effect for effect in self.data.effects if effect.ends == phase)

    def prove_ended(self, phase: Phase, ends: str) -> None:
        """Each effect that the phase ``ends`` has to end is gone."""
        for effect in self.ending(ends):
            self.prove(phase, f"gone: {effect.name}", self.stage.gone(effect), where(effect))

    def verify_case(self, phase: Phase) -> None:
        """The case's journal and evidence are whole."""
        verified = self.verb("case", "verify", str(self.report.case))
        self.prove(phase, "journal and evidence hash as recorded", verified["outcome"] == "DONE", "case verify")

    def audit(self, phase: Phase, *, vulnerable: bool) -> None:
        """Ask an audit for the published hole: it must be named while it is there, and no more once it is closed."""
        if not self.data.hole:
            return
        (audit,) = self.verb("audit", self.host, codes=FOUND)["audits"]
        parts = audit["application"]["parts"]
        holes = {hole["id"]: part["name"] for part in parts for hole in part["vulnerabilities"]}
        name = "an audit names the published hole" if vulnerable else "an audit no longer names the published hole"
        detail = f"{self.data.hole}: {holes.get(self.data.hole, f'in none of {len(parts)} parts')}"
        self.prove(phase, name, bool(parts) and (self.data.hole in holes) is vulnerable, detail)

    # --- typing -----------------------------------------------------------------------------------------------------

    def verb(self, *words: str, codes: Any = (0,)) -> Mapping[str, Any]:
        """Run a verb as an operator does, and return its document."""
        return self.typist.verb(*words, codes=codes)

    def respond(self, words: tuple[str, ...]) -> None:
        """A verb of the response: the host stands after its name, with one of its websites where /SITE comes next."""
        verb, *rest = words
        website = rest.pop(0) if rest and rest[0].startswith("/") else ""
        self.verb(verb, self.host + website, *rest)

    def findings(self) -> list[Mapping[str, Any]]:
        """Return what a scan finds now."""
        scan = self.verb("scan", self.host, codes=FOUND)
        records = [row for run in scan.get("runs", [scan]) for row in run.get("records", [])]  # one run a website
        return [row["data"] for row in records if row.get("kind") == "finding"]

    def stamp(self, moment: str) -> str:
        """Return a noted moment as verbs take it."""
        return datetime.fromtimestamp(self.moments[moment], UTC).isoformat(timespec="milliseconds")

    # --- looking ----------------------------------------------------------------------------------------------------

    def remember_pages(self) -> None:
        """The home page, an article and a picture: what must be the same at the end, as before or after honest work."""
        look = ["sh", "-c", "cd /var/www/portal && ls wp-content/uploads/*/*/*.png | head -n 1"]
        picture = "/" + self.stage.execute(self.host, look).stdout.decode().strip()
        for path in ("/", "/?p=5", picture, *self.data.pages):
            eventually(partial(self.answers, path))
            self.pages.setdefault(path, set()).add(str(self.page(path).get("sha256")))

    def page(self, path: str) -> dict[str, Any]:
        """Ask as the public: from intruder01, or from another machine where intruder01 alone is kept out."""
        return self.stage.page(path, "intruder01" if self.data.closes else "vault01")

    def answers(self, path: str) -> bool:
        """Whether the website answers there at all."""
        return bool(self.page(path)["status"] != 0)

    def shows(self, path: str, digests: set[str]) -> bool:
        """Whether the public sees one of these pages there."""
        return self.page(path).get("sha256") in digests


def place(row: Mapping[str, Any]) -> str:
    """Return where a finding or an alert points to."""
    return str(row.get("place") or row.get("path") or "")


def where(effect: Effect) -> str:
    """Return where an effect of the attack is seen."""
    return effect.page or effect.file or effect.session or " ".join(effect.intruder[:1])
