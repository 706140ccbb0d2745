"""What a run shows while it goes on: a line for each step, a record for each report."""

from __future__ import annotations

import threading

from ungcuu.core.i18n import N_, _, language
from ungcuu.run.events import OWN_CHECK, Event, Status
from ungcuu.run.fleet import Fleet
from ungcuu.run.plan import Plan, Step
from ungcuu.run.verb import Context

STATUSES = {"failed": N_("failed"), "unreachable": N_("unreachable")}


def step_line(number: int, total: int, name: str, host: str) -> str:
    """Return how a step is reported."""
    return _("step {number:>2} of {total} · {name} · {host}").format(number=number, total=total, name=name, host=host)


class Listener:
    """Turns events into lines on the screen and records in the journal. Called from the threads of runs."""

    def __init__(
        self,
        ctx: Context,
        plan: Plan,
        hosts: tuple[str, ...],
        first: int,
        *,
        quiet: bool = False,
        fleet: Fleet | None = None,
    ) -> None:
        """Args: ``quiet`` keeps steps off the screen, where a plan follows: the live line alone moves. So does
        ``fleet``, which shows each host as it ends.
        """
        self.ctx, self.plan, self.hosts, self.first = ctx, plan, hosts, first
        self.quiet, self.fleet = quiet or fleet is not None, fleet
        self.at: dict[str, int] = {}
        self.shown_steps: set[tuple[int, str]] = set()
        self.lock = threading.Lock()
        self.root = ctx.settings.content.resolve().as_posix() + "/"

    def take(self, event: Event) -> None:
        """Report one event."""
        with self.lock:
            self._step(event)
            for report in event.reports:
                about = self.ctx.about(report.kind, report.host)
                self.ctx.records.append({"kind": report.kind, "data": dict(report.data), "host": about})
                if self.ctx.journal is not None:
                    self.ctx.journal.append(report.kind, {"host": about, "data": dict(report.data)})

    def _step(self, event: Event) -> None:
        if event.status is Status.PLAY or not self.plan.steps:
            return
        # A task's start names no host where several run together; each then follows the common place.
        common = self.at.get("", self.first)
        number = self.plan.locate(event.place.removeprefix(self.root), self.at.get(event.host, common))
        self.at[event.host] = number
        who = event.host or ", ".join(self.hosts)
        if event.status is Status.TASK:
            self._show_step(number, event.task, who)
            return
        if self.plan == self.ctx.plan:
            self.ctx.step_counts[number] = self.ctx.step_counts.get(number, 0) + (event.status is Status.CHANGED)
        if event.status in (Status.FAILED, Status.UNREACHABLE) and not self.quiet:
            self.ctx.out.line(self._line(number, event.task, who) + f" · {_(STATUSES[event.status.value])}", "bad")

    def _show_step(self, number: int, task: str, who: str) -> None:
        if (number, who) not in self.shown_steps and not self.quiet:
            self.shown_steps.add((number, who))
            self.ctx.out.line(self._line(number, "", who))
        if self.fleet is not None:
            self.fleet.show(self._now(number, task))
        else:
            self.ctx.doing(self._now(number, task), f"{number + 1}/{len(self.plan.steps)}", who)

    def _now(self, number: int, task: str) -> str:
        """What the live line says: the task, since the step's own line stands above it; in the reader's language."""
        step = self.plan.steps[number].name if number < len(self.plan.steps) else ""
        known = _(task) if task else ""
        foreign = known == task and language() != "en"
        return _(step) if step and (not task or task.startswith(OWN_CHECK) or foreign) else known

    def _line(self, number: int, task: str, who: str) -> str:
        step = self.plan.steps[number] if number < len(self.plan.steps) else Step(task)
        name = _(step.name)
        known = _(task) if task else ""
        foreign = known == task and language() != "en"  # a task's name has no translation where no step is called so
        shown = f"{name}: {known}" if task and task != step.name and not foreign else name
        return step_line(number + 1, len(self.plan.steps), shown, who)
