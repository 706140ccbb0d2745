"""What is shown while many hosts are worked on side by side, each by a run of its own.

One line a host as it ends, with its outcome and why, and below them how many are through and which are not. The steps
of each host would be hundreds of lines: they stay off the screen, and in the journal.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ungcuu.core.errors import Outcome
from ungcuu.core.i18n import N_, _
from ungcuu.core.terminal import clean, shorten, width
from ungcuu.run.failures import problem_of
from ungcuu.run.verb import OUTCOMES

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult
    from ungcuu.run.verb import Context

FEW = 3  # hosts whose steps can be followed on a screen
_PLAIN = 200  # columns of a line where there is no terminal
# Of a verb that judges a host itself, and only after its playbook.
_STEPS = {"DONE": N_("steps done"), "NOT DONE": N_("steps failed"), "UNKNOWN": N_("steps unknown")}
_STYLES = {"DONE": "", "NOT DONE": "bad", "UNKNOWN": "warn"}


class Fleet:
    """The screen's side of one command on many hosts. Called from the threads of their runs."""

    def __init__(self, ctx: Context, hosts: Sequence[str]) -> None:
        self.ctx, self.total = ctx, len(hosts)
        self._begun = time.monotonic()
        self._waiting = list(hosts)
        self._lock = threading.Lock()
        self._words = {key: _(word) for key, word in (_STEPS if ctx.verb.run else OUTCOMES).items()}
        self._room = max(width(ctx.name_of(host)) for host in hosts), max(map(width, self._words.values()))

    def ended(self, host: str, result: RunResult) -> None:
        """Show what became of a host."""
        with self._lock:
            self._waiting.remove(host)
            self.ctx.out.line(self._line(host, result), _STYLES[result.outcome.value])
            self.show("")

    def show(self, what: str) -> None:
        """Say what is going on, how many hosts are through, and which are not."""
        place = f"{self.total - len(self._waiting)}/{self.total}"
        self.ctx.doing(what or _(self.ctx.verb.summary), place, ", ".join(map(self.ctx.name_of, self._waiting)))

    def _line(self, host: str, result: RunResult) -> str:
        name, outcome = self.ctx.name_of(host), self._words[result.outcome.value]
        names, outcomes = self._room
        count = f"{self.total - len(self._waiting):>{len(str(self.total))}}/{self.total}"
        columns = [count, name + " " * (names - width(name)), outcome + " " * (outcomes - width(outcome))]
        columns.append(f"{time.monotonic() - self._begun:6.1f} s")
        if result.outcome is not Outcome.DONE:
            named = replace(result, hosts={self.ctx.name_of(one): data for one, data in result.hosts.items()})
            problem = problem_of(self.ctx.verb.name, self.ctx.verb.read_only, named)
            columns.append(clean(problem.what.split("\n")[0], _PLAIN) if problem is not None else "")
        out = self.ctx.out
        return shorten("  ".join(columns).rstrip(), out.room if out.terminal else _PLAIN)
