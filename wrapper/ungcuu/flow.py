"""One command, end to end.

::

    plan (pure; --plan stops here) → confirm → lock → preflight → journal: run_started
    → before → playbook, each report journaled → after → journal: run_finished (on every path) → document and exit code

A run belongs to the open case of its host. Drills and other verbs call :func:`perform`; nobody needs the command line.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ungcuu import __version__
from ungcuu.context import Context
from ungcuu.errors import Exit, NotVerified, Outcome, UngcuuError
from ungcuu.i18n import N_, _
from ungcuu.plan import Plan, Step, hide, playbook_steps
from ungcuu.verb import Hosts, Result, Verb

if TYPE_CHECKING:
    from ungcuu.events import Event
    from ungcuu.runner import RunResult
    from ungcuu.screen import Screen
    from ungcuu.settings import Settings

Confirm = Callable[[Verb, Sequence[str]], None]


STATUSES = {"failed": N_("failed"), "unreachable": N_("unreachable")}


class Terminated(BaseException):
    """SIGTERM arrived."""


@dataclass(frozen=True)
class Request:
    """What was asked for: a verb, the hosts and groups as typed, and the options."""

    verb: Verb
    names: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    case: str | None = None
    plan_only: bool = False


@dataclass
class Report:
    """What came of it: one JSON document and an exit code."""

    document: dict[str, object]
    code: Exit
    error: UngcuuError | None = None


def execute(request: Request, settings: Settings, out: Screen, confirm: Confirm) -> Report:
    """Do what was asked, to the end. Never raises an ``UngcuuError``: it becomes part of the report."""
    verb = request.verb
    ctx = Context(settings, verb, out, options=dict(request.options), reason=request.reason, case=request.case)
    ctx.confirm = confirm
    document: dict[str, object] = {"ungcuu": __version__, "verb": verb.name}
    try:
        ctx.hosts = resolve_hosts(ctx, request.names)
        ctx.plan = make_plan(ctx)
        if request.plan_only:
            return _planned(ctx, document)
        if verb.dangerous:
            confirm(verb, ctx.hosts)
        return _Run(ctx, document).go()
    except UngcuuError as error:
        return failed(document, error, ctx.hosts)


def resolve_hosts(ctx: Context, names: Sequence[str]) -> tuple[str, ...]:
    """Return the hosts that a verb works on. A verb that acts from containment cards needs no inventory for them.

    Raises:
        InventoryError: One is unknown.
        UsageFault: Too many, or none, for this verb.
    """
    from ungcuu.errors import UsageFault

    if not names:
        if ctx.verb.hosts in (Hosts.NONE, Hosts.OPTIONAL):
            return ()
        raise UsageFault(
            _("{verb} needs a host.").format(verb=ctx.verb.name),
            _("Nothing was touched."),
            f"ungcuu {ctx.verb.name} --help",
        )
    if ctx.verb.from_card and all(_has_card(ctx.settings, name) for name in names):
        hosts = tuple(dict.fromkeys(names))
    else:
        hosts = ctx.site.expand(names)
    if ctx.verb.hosts in (Hosts.ONE, Hosts.OPTIONAL) and len(hosts) > 1:
        raise UsageFault(
            _("{verb} takes one host, not {count}: {hosts}").format(
                verb=ctx.verb.name, count=len(hosts), hosts=", ".join(hosts)
            ),
            _("Nothing was touched."),
            f"ungcuu {ctx.verb.name} {hosts[0]}",
        )
    return hosts


def _has_card(settings: Settings, name: str) -> bool:
    return "/" not in name and name not in ("", ".", "..") and (settings.host_dir(name) / "card.json").is_file()


def make_plan(ctx: Context) -> Plan:
    """Return what the run would do. Nothing is asked of any host."""
    verb = ctx.verb
    variables = dict(verb.variables(ctx.options)) if verb.variables else {}
    return Plan(
        verb=verb.name,
        phase=verb.phase.value,
        hosts=ctx.hosts,
        steps=verb_steps(verb, ctx.settings),
        playbook=verb.playbook,
        variables=hide(variables, verb.secrets, [ctx.options.get(name) for name in _secret_options(verb)]),
        read_only=verb.read_only,
        dangerous=verb.dangerous,
        inverse=verb.inverse.format(host=" ".join(ctx.hosts)) if verb.inverse else "",
        reason=ctx.reason,
    )


def _secret_options(verb: Verb) -> list[str]:
    return [option.key for option in verb.options if option.secret]


def verb_steps(verb: Verb, settings: Settings) -> tuple[Step, ...]:
    """Return all steps of a verb: its own before the playbook, the playbook's, its own after."""
    own = [Step(name, play=verb.name) for name in verb.steps_before]
    last = [Step(name, play=verb.name) for name in verb.steps_after]
    return (*own, *(playbook_steps(settings.content, verb.playbook) if verb.playbook else ()), *last)


def _planned(ctx: Context, document: dict[str, object]) -> Report:
    details = ctx.verb.plan_details(ctx) if ctx.verb.plan_details else {}
    assert ctx.plan is not None  # noqa: S101  (set by the caller)
    document |= {"plan": ctx.plan.as_data() | ({"details": dict(details)} if details else {}), "outcome": "PLANNED"}
    return Report(document, Exit.OK)


def failed(document: dict[str, object], error: UngcuuError, hosts: Sequence[str]) -> Report:
    """Return the report of a command that ended before its run began."""
    document |= {
        "outcome": error.outcome.value,
        "exit_code": int(error.code),
        "hosts": {host: {"outcome": error.outcome.value} for host in hosts},
        "error": {"what": error.what, "state": error.state, "next": error.mend},
    }
    return Report(document, error.code, error)


class _Run:
    """One run, from the lock to the last record."""

    def __init__(self, ctx: Context, document: dict[str, object]) -> None:
        self.ctx, self.document = ctx, document
        self.id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self.started = time.monotonic()
        self.result: RunResult | None = None
        self.error: UngcuuError | None = None
        self.touched = False

    def go(self) -> Report:
        ctx = self.ctx
        with ExitStack() as stack:
            if not ctx.verb.read_only and ctx.hosts:
                from ungcuu import locks

                stack.enter_context(locks.hold(ctx.settings, ctx.hosts, ctx.verb.name, ctx.reason))
            if ctx.verb.preflight:
                ctx.verb.preflight(ctx)
            self._start()
            outcome, code = self._guarded()
            self._finish(outcome, code)
        return Report(self.document, code, self.error)

    def _start(self) -> None:
        """Open the journals and write the first record. No journal, no run."""
        ctx = self.ctx
        self.document |= {"run": self.id, "reason": ctx.reason}
        if not ctx.verb.journaled:
            return
        from ungcuu.journaling import open_ledger

        ledger, cases = open_ledger(ctx.settings, ctx.hosts, ctx.case, ctx.verb.without_journal, self._warn)
        ctx.journal = ledger
        ctx.cases = cases
        self.document["case"] = ctx.case = ctx.case or next(iter(cases.values()), None)
        assert ctx.plan is not None  # noqa: S101  (set by execute)
        ledger.append(
            "run_started",
            {
                "run": self.id,
                "verb": ctx.verb.name,
                "hosts": list(ctx.hosts),
                "playbook": ctx.verb.playbook,
                "options": hide(ctx.options, _secret_options(ctx.verb)),
                "variables": dict(ctx.plan.variables),
                "reason": ctx.reason,
                "operator": ctx.settings.operator,
                "steps": len(ctx.plan.steps),
                "version": __version__,
            },
        )

    def _guarded(self) -> tuple[Outcome, Exit]:
        """Do the work; whatever happens becomes an outcome and an exit code."""
        try:
            result = self._work()
        except UngcuuError as error:
            self.error = error
            outcome = Outcome.UNKNOWN if self.result and self.result.outcome is Outcome.UNKNOWN else error.outcome
            return outcome, error.code
        except (KeyboardInterrupt, Terminated) as stop:
            code = Exit.TERMINATED if isinstance(stop, Terminated) else Exit.INTERRUPTED
            self.error = _stopped(self.ctx, code)
            return Outcome.UNKNOWN, code
        except Exception as fault:  # a fault of ours must still close the journal
            self.error = _fault(self.ctx, fault)
            return Outcome.UNKNOWN, Exit.FAULT
        self.document |= dict(result.data)
        if result.message:
            self.document["message"] = result.message
        return result.outcome, result.code if result.code is not None else _code_of(result.outcome)

    def _work(self) -> Result:
        ctx, verb = self.ctx, self.ctx.verb
        if verb.before:
            self._announce(0, verb.steps_before)
        more = dict((verb.before(ctx) if verb.before else None) or {})
        if verb.run:
            given = verb.run(ctx)
            return given if isinstance(given, Result) else Result(given)
        result = Result()
        if verb.playbook:
            variables = dict(verb.variables(ctx.options)) if verb.variables else {}
            self.result = run_playbook(
                ctx,
                verb.playbook,
                {**variables, **more},
                ctx.hosts,
                deadline=verb.deadline,
                steps_before=len(verb.steps_before),
            )
            problem = _problem(ctx, self.result)
            if verb.after and problem is None:
                self._announce(len(ctx.plan.steps) - len(verb.steps_after) if ctx.plan else 0, verb.steps_after)
            given_after = verb.after(ctx, self.result) if verb.after else None
            if problem is not None:
                raise problem
            return given_after or result
        return result

    def _announce(self, first: int, names: Sequence[str]) -> None:
        """Tell steps that are no part of a playbook."""
        total = len(self.ctx.plan.steps) if self.ctx.plan else len(names)
        for number, name in enumerate(names, first + 1):
            self.ctx.step_counts.setdefault(number - 1, 0)
            self.ctx.out.line(step_line(number, total, _(name), ", ".join(self.ctx.hosts)))

    def _finish(self, outcome: Outcome, code: Exit) -> None:
        """Write the last record and complete the document."""
        ctx = self.ctx
        seconds = round(time.monotonic() - self.started, 3)
        hosts = self._hosts(outcome)
        self.document |= {"outcome": outcome.value, "exit_code": int(code), "seconds": seconds, "hosts": hosts}
        self.document.setdefault("records", ctx.records)
        if ctx.verb.playbook and ctx.plan is not None:
            steps = [
                {"number": number, "name": step.name, "reached": number - 1 in ctx.step_counts}
                | {"changed": ctx.step_counts.get(number - 1, 0)}
                for number, step in enumerate(ctx.plan.steps, 1)
            ]
            self.document.setdefault("steps", steps)
        if self.error is not None:
            self.document["error"] = {"what": self.error.what, "state": self.error.state, "next": self.error.mend}
        if ctx.journal is not None:
            try:
                ctx.journal.append(
                    "run_finished",
                    {
                        "run": self.id,
                        "verb": ctx.verb.name,
                        "hosts": list(ctx.hosts),
                        "outcome": outcome.value,
                        "outcomes": {host: data["outcome"] for host, data in hosts.items()},
                        "exit_code": int(code),
                        "seconds": seconds,
                        "message": self.error.what if self.error else self.document.get("message", ""),
                    },
                )
            except UngcuuError as error:
                self._warn(error.what)

    def _hosts(self, outcome: Outcome) -> dict[str, dict[str, object]]:
        rows: dict[str, dict[str, object]] = {host: {"outcome": outcome.value} for host in self.ctx.hosts}
        for host, data in self.ctx.host_results.items():
            if host in rows:
                rows[host] = {k: v for k, v in vars(data).items() if v not in ("", None)} | {
                    "outcome": data.outcome.value
                }
                if data.outcome is Outcome.DONE and outcome is not Outcome.DONE and len(rows) == 1:
                    rows[host]["outcome"] = outcome.value
        return rows

    def _warn(self, text: str) -> None:
        self.document.setdefault("warnings", []).append(text)  # type: ignore[attr-defined]
        self.ctx.out.line(text, "warn")


def run_playbook(
    ctx: Context,
    playbook: str,
    variables: Mapping[str, object],
    hosts: tuple[str, ...],
    *,
    deadline: float,
    steps_before: int = 0,
) -> RunResult:
    """Run a playbook inside a run: told on the screen step by step, every report journaled as it comes."""
    from ungcuu import runner
    from ungcuu.site import inventory_of

    inventory = inventory_of(ctx.settings)
    own = ctx.plan is not None and playbook == ctx.verb.playbook
    steps = ctx.plan.steps if own and ctx.plan else playbook_steps(ctx.settings.content, playbook)
    listener = _Listener(ctx, replace(_plan_of(ctx), steps=steps), hosts, steps_before if own else 0)
    limit = (*hosts, *(host for group in ctx.verb.with_groups for host in ctx.site.groups.get(group, ())))
    if ctx.verb.each_alone and len(hosts) > 1:
        result = runner.run_each(
            ctx.settings, inventory, playbook, hosts, variables, on_event=listener.take, deadline=deadline
        )
    else:
        result = runner.run(
            ctx.settings,
            inventory,
            playbook,
            tuple(dict.fromkeys(limit)),
            variables,
            on_event=listener.take,
            deadline=deadline,
        )
    ctx.host_results.update(result.hosts)
    if result.cut_short == "interrupted":
        raise result.fault if result.fault is not None else KeyboardInterrupt
    return result


def _plan_of(ctx: Context) -> Plan:
    return ctx.plan or Plan(ctx.verb.name, ctx.verb.phase.value, ctx.hosts, ())


def step_line(number: int, total: int, name: str, host: str) -> str:
    """Return how a step is told."""
    return _("step {number:>2} of {total} · {name} · {host}").format(number=number, total=total, name=name, host=host)


class _Listener:
    """Turns events into lines on the screen and records in the journal. Called from the threads of runs."""

    def __init__(self, ctx: Context, plan: Plan, hosts: tuple[str, ...], first: int) -> None:
        self.ctx, self.plan, self.hosts, self.first = ctx, plan, hosts, first
        self.at: dict[str, int] = {}
        self.told: set[tuple[int, str]] = set()
        self.lock = threading.Lock()
        self.root = ctx.settings.content.resolve().as_posix() + "/"

    def take(self, event: Event) -> None:
        """Tell one event."""
        with self.lock:
            self._step(event)
            for report in event.reports:
                entry: dict[str, object] = {"kind": report.kind, "data": dict(report.data), "host": report.host}
                self.ctx.records.append(entry)
                if self.ctx.journal is not None:
                    self.ctx.journal.append(report.kind, {"host": report.host, "data": dict(report.data)})

    def _step(self, event: Event) -> None:
        from ungcuu.events import Status

        if event.status is Status.PLAY or not self.plan.steps:
            return
        # A task's start names no host where several run together; each then follows the common place.
        common = self.at.get("", self.first)
        number = self.plan.locate(event.place.removeprefix(self.root), self.at.get(event.host, common))
        self.at[event.host] = number
        who = event.host or ", ".join(self.hosts)
        if event.status is Status.TASK:
            self._tell(number, event.task, who)
            return
        if self.plan == self.ctx.plan:
            self.ctx.step_counts[number] = self.ctx.step_counts.get(number, 0) + (event.status is Status.CHANGED)
        if event.status in (Status.FAILED, Status.UNREACHABLE):
            self.ctx.out.line(self._line(number, event.task, who) + f" · {_(STATUSES[event.status.value])}", "bad")

    def _tell(self, number: int, task: str, who: str) -> None:
        if (number, who) in self.told:
            self.ctx.out.progress(self._line(number, task, who))
            return
        self.told.add((number, who))
        self.ctx.out.line(self._line(number, "", who))

    def _line(self, number: int, task: str, who: str) -> str:
        step = self.plan.steps[number] if number < len(self.plan.steps) else Step(task)
        name = _(step.name)
        shown = f"{name}: {task}" if task and task != step.name else name
        return step_line(number + 1, len(self.plan.steps), shown, who)


def _problem(ctx: Context, result: RunResult) -> UngcuuError | None:
    """Return the error that a run's result amounts to, or None when it is done."""
    from ungcuu.problems import problem_of

    return problem_of(ctx.verb.name, ctx.verb.read_only, result)


def _code_of(outcome: Outcome) -> Exit:
    return {Outcome.DONE: Exit.OK, Outcome.NOT_DONE: Exit.NOT_DONE, Outcome.UNKNOWN: Exit.UNKNOWN}[outcome]


def _stopped(ctx: Context, code: Exit) -> UngcuuError:
    from ungcuu.errors import Undetermined

    hosts = " ".join(ctx.hosts)
    return Undetermined(
        _("Stopped by {signal} before the end.").format(signal="Ctrl-C" if code is Exit.INTERRUPTED else "SIGTERM"),
        _("The step under way on {hosts} may or may not have happened.").format(hosts=hosts or "–")
        if not ctx.verb.read_only
        else _("Nothing was changed: {verb} only reads.").format(verb=ctx.verb.name),
        f"ungcuu resume {hosts}" if hosts and not ctx.verb.read_only else f"ungcuu {ctx.verb.name} {hosts}".strip(),
    )


def _fault(ctx: Context, fault: Exception) -> UngcuuError:
    from ungcuu.problems import fault_of

    return fault_of(ctx.verb.name, ctx.hosts, fault, ctx.settings.verbosity)


def perform(ctx: Context, verb: str, hosts: tuple[str, ...], options: Mapping[str, object]) -> Mapping[str, object]:
    """Run another verb as the command line would, confirmed, and return its document.

    Raises:
        NotVerified: It was not done; the message says which verb and why.
    """
    from ungcuu.registry import find_verb, with_defaults

    found = find_verb(verb.split())
    request = Request(found, hosts, with_defaults(found, options), reason=ctx.reason, case=ctx.case)
    report = execute(request, ctx.settings, ctx.out, lambda _verb, _hosts: None)
    if report.error is not None:
        raise report.error
    if report.document.get("outcome") != Outcome.DONE.value:
        raise NotVerified(
            _("{verb} ended with {outcome}.").format(verb=verb, outcome=report.document.get("outcome")),
            str(report.document.get("message", "")),
            f"ungcuu {verb} {' '.join(hosts)}",
        )
    return report.document
