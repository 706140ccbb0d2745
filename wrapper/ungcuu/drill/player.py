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

from collections.abc import Callable, Sequence
from functools import partial

from ungcuu.core.debian import DEFAULT
from ungcuu.core.errors import Exit, Terminated
from ungcuu.core.i18n import _
from ungcuu.drill import preparation, recovery, response
from ungcuu.drill.prepared import Prepared
from ungcuu.drill.record import DrillFailed, Phase, Report
from ungcuu.drill.scene import Scene
from ungcuu.lab import LabError

_Part = tuple[str, Callable[[Phase], None]]


class Drill(Scene):
    """One run of one scenario in one lab."""

    def run(self, debian: str = DEFAULT, prepared: Prepared | None = None) -> Report:
        """Play all phases in order; the report says how far it came. A failed proof ends it, it doesn't raise.

        With ``prepared`` the hosts are put back to what was kept; without it they are made and hardened first.
        """
        of_data = (("data notice", response.notify_of_data),) if self.plan.personal_data == "yes" else ()
        after = (
            ("notice", response.notice),
            ("contain", response.contain),
            ("collect", response.collect),
            *of_data,
            ("eradicate", recovery.eradicate),
            ("recover", recovery.recover),
            ("reassess", recovery.reassess),
            ("release", recovery.release),
            ("review", recovery.review),
        )
        whole = ((name, partial(play, self)) for name, play in after)
        return self._play((*self._up_to_attack(debian, prepared), *whole))

    def attack_alone(self, debian: str = DEFAULT) -> Report:
        """Play up to the attack and no further: the response is left to people. DONE means that the attack worked."""
        return self._play(self._up_to_attack(debian, None))

    def harden(self) -> None:
        """Make the hosts what an operator has before an incident: hardened, backed up, recorded, watched."""
        preparation.harden(self)

    def _up_to_attack(self, debian: str, prepared: Prepared | None) -> tuple[_Part, ...]:
        return (
            ("lab", lambda _phase: preparation.bring_up(self, debian, prepared)),
            ("prepare", lambda phase: preparation.prepare(self, phase, prepared is None)),
            ("attack", partial(preparation.attack, self)),
        )

    def _play(self, phases: Sequence[_Part]) -> Report:
        try:
            for name, play in phases:
                with self.phase(name) as phase:
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

    def _measure(self) -> None:
        def between(begin: str, end: str) -> float | None:
            if begin in self.moments and end in self.moments:
                return round(self.moments[end] - self.moments[begin], 2)
            return None

        self.report.seconds_to_detect = between("attacked", "detected")
        self.report.seconds_to_notify = between("attacked", "notified")
        self.report.seconds_to_contain = between("detected", "contained")
        self.report.seconds_to_recover = between("contained", "recovered")

    def abandon(self, why: str = "the drill failed") -> None:
        """Close the case of a drill that failed, so that the next one on these hosts has a case of its own."""
        if self.report.error and self.report.case:
            words = ("case", "close", self.report.case, "--force", "--reason", why)
            self.verb(*words, codes=tuple(Exit))

    def _stopped(self) -> None:
        """Leave no case open that nobody works on, and say what is left. A second Ctrl-C leaves it as it is."""
        self.report.error = _("The drill was stopped.")
        self.say(self.report.error)
        self.abandon("the drill was stopped")
        self.say(_("Its hosts are still there: UNGCUU_LAB_SLOT={slot} ungcuu lab down").format(slot=self.lab.slot))
