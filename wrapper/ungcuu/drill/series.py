"""Play one scenario, or several on one set of hosts that is put back between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ungcuu.core.atomic import make_private
from ungcuu.core.settings import Settings
from ungcuu.drill.player import Drill
from ungcuu.drill.prepared import Prepared
from ungcuu.drill.record import Report
from ungcuu.drill.simulation import load
from ungcuu.lab import Lab


@dataclass(frozen=True)
class Series:
    """What the scenarios are played with. ``seed`` chooses the names; without it each scenario plays its first ones."""

    settings: Settings
    slot: int
    say: Callable[[str], None]
    debian: str
    language: str = "en"
    seed: int | None = None

    @property
    def state(self) -> Path:
        """Return the drills' own state folder."""
        return make_private(self.settings.state / "drill")

    @property
    def lab(self) -> Lab:
        """Return the lab in which they are played."""
        return Lab(self.slot, self.state / "lab" / str(self.slot))

    def play(self, names: Sequence[str]) -> Iterator[Report]:
        """Play the scenarios one after another, and yield what came of each. A single one needs no kept hosts."""
        if len(names) == 1:
            yield self._drill(names[0]).run(self.debian)
            return
        hosts = tuple(dict.fromkeys(host for name in names for host in load(name).hosts))
        prepared = Prepared(self.lab, self.state)
        self._prepare(names[0], hosts, prepared)
        try:
            for name in names:
                drill = self._drill(name)
                yield drill.run(self.debian, prepared)
                drill.abandon()
        finally:
            prepared.drop(hosts)

    def _drill(self, name: str) -> Drill:
        return Drill(name, self.settings, self.slot, self.say, language=self.language, seed=self.seed)

    def _prepare(self, name: str, hosts: Sequence[str], prepared: Prepared) -> None:
        """Harden, back up and record the hosts once, and keep them as they are then."""
        self.say("--- hosts")
        self.lab.down()
        self.lab.up(hosts, self.debian, self.say)
        drill = self._drill(name)
        try:
            drill.harden()
        finally:
            drill.mailbox.close()
        prepared.keep(hosts)
