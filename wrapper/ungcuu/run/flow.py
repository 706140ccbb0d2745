"""One command, end to end.

::

    check, plan (pure; --plan stops here) → confirm → lock → preflight → start → journal: run_started
    → before → playbook, each report journaled → after → journal: run_finished (on every path) → document and exit code

A run belongs to the open case of its host. Drills, timers and tests call :func:`execute`: nobody needs the command
line.
"""

from __future__ import annotations

import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ungcuu import __version__
from ungcuu.core import rights
from ungcuu.core.errors import Exit, Outcome, Terminated, UngcuuError
from ungcuu.core.i18n import _
from ungcuu.core.live_line import Doing, working
from ungcuu.core.scratch import private_folder
from ungcuu.run import liveness, website_runs
from ungcuu.run.plan import hide
from ungcuu.run.play import run_playbook
from ungcuu.run.verb import Context, Result, Verb
from ungcuu.run.verb_plan import make_plan, resolve_hosts, secret_options

if TYPE_CHECKING:
    from ungcuu.core.settings import Settings
    from ungcuu.core.terminal import Screen
    from ungcuu.run.tally import RunResult

_begun: list[str] = []


def begun() -> bool:
    """Return whether a run was begun in this process."""
    return bool(_begun)


Confirm = Callable[[Verb, Sequence[str]], None]


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
    """What came of it: one JSON document and an exit code. ``parts`` are the runs of a command that was several."""

    document: dict[str, object]
    code: Exit
    error: UngcuuError | None = None
    parts: tuple[Report, ...] = ()


def execute(request: Request, settings: Settings, out: Screen, confirm: Confirm) -> Report:
    """Do what was asked, to the end. Never raises an ``UngcuuError``: it becomes part of the report.

    On a host that serves several websites this is one run for each that was asked for, one after another.
    """
    if not request.names and request.verb.without_host:
        request = replace(request, verb=request.verb.without_host)
    if request.verb.playbook_for:
        playbook = request.verb.playbook_for(request.options)
        request = replace(request, verb=replace(request.verb, playbook=playbook))
    if request.verb.websites_for:
        request = replace(request, verb=replace(request.verb, websites=request.verb.websites_for(request.options)))
    document: dict[str, object] = {"ungcuu": __version__, "verb": request.verb.name}
    first = Context(settings, request.verb, out)
    try:
        if not request.verb.from_card:  # a cut has begun already, and must not wait for anything
            rights.require_state(settings)
        asked = website_runs.parts(request.verb, request.names, lambda: first.site)
    except UngcuuError as error:
        return failed(document, error, ())
    except Exception as fault:  # a fault of ungcuu while it read the inventory
        return failed(document, _fault(first, fault, begun=False), ())
    reports: list[Report] = []

    def run(part: website_runs.Part) -> tuple[Mapping[str, object], Exit]:
        reports.append(_execute_one(replace(request, names=part.names), part, first, confirm))
        return reports[-1].document, reports[-1].code

    results = list(website_runs.outcomes(asked, run))
    if len(asked) == 1:
        return reports[0]
    of_all, code = website_runs.summary(results)
    return Report(document | of_all, code, parts=tuple(reports))


def _execute_one(request: Request, part: website_runs.Part, first: Context, confirm: Confirm) -> Report:
    """Do one run: about hosts, or about one website of a host."""
    with ExitStack() as stack:
        verb, settings, out = request.verb, first.settings, first.out
        if part.website and not part.first and verb.website_playbook:
            verb = replace(verb, playbook=verb.website_playbook)
        ctx = Context(settings, verb, out, options=dict(request.options), reason=request.reason, case=request.case)
        ctx.confirm, ctx.play, ctx.shared = confirm, run_playbook, first.shared
        if "site" in vars(first):
            ctx.site = first.site  # loaded already
        document: dict[str, object] = {"ungcuu": __version__, "verb": verb.name}
        if part.website:
            website_runs.lay_over(ctx, part, stack.enter_context(private_folder()))
            website_runs.name_left(ctx, part, document)
        return _go(ctx, request, document)


def _go(ctx: Context, request: Request, document: dict[str, object]) -> Report:
    verb, out, confirm = ctx.verb, ctx.out, ctx.confirm
    run = _Run(ctx, document)
    try:
        ctx.hosts = resolve_hosts(ctx, request.names)
        ctx.plan = make_plan(ctx)
        _name_unknown(ctx, document)
        if ctx.options.get("via"):
            from ungcuu.run import node_choice

            ctx.via = node_choice.chosen(ctx)
        begun = Doing(_(verb.summary), host=", ".join(ctx.names))
        if request.plan_only:
            with working(out, begun):
                return _planned(ctx, document)
        if verb.dangerous:
            confirm(verb, ctx.names)
        with working(out, begun):
            return run.go()
    except UngcuuError as error:
        return failed(document, error, ctx.names)
    except Exception as fault:  # a fault of ungcuu, or a host's key that ssh refuses, before the run began
        return failed(document, _fault(ctx, fault, begun=run.touched), ctx.names)


def _name_unknown(ctx: Context, document: dict[str, object]) -> None:
    """Warn of names in the site's files that nothing reads. A cut must not wait for that; `doctor` lists them too."""
    if not ctx.hosts or ctx.verb.from_card or not ctx.verb.journaled:
        return
    from ungcuu.hosts.unread_variables import doubts

    if found := [doubt.text for doubt in doubts(ctx.site.inventory, ctx.settings.roles)]:
        known = document.get("warnings")
        document["warnings"] = [*(known if isinstance(known, list) else ()), *found]
        for text in found:
            ctx.out.line(text, "warn")


def _planned(ctx: Context, document: dict[str, object]) -> Report:
    details = ctx.verb.plan_details(ctx) if ctx.verb.plan_details else {}
    assert ctx.plan is not None  # noqa: S101  (set by the caller)
    plan = ctx.plan.as_data(ctx.step_counts) | ({"details": dict(details)} if details else {})
    document |= {"plan": plan, "outcome": "PLANNED"}
    return Report(document, Exit.OK)


def failed(document: Mapping[str, object], error: UngcuuError, hosts: Sequence[str]) -> Report:
    """Return the report of a command that ended before its run began. Every document has these keys."""
    whole: dict[str, object] = {
        "ungcuu": __version__,
        "verb": "",
        **document,
        "outcome": error.outcome.value,
        "exit_code": int(error.code),
        "hosts": {host: {"outcome": error.outcome.value} for host in hosts},
        "error": {"what": error.what, "state": error.state, "next": error.fix},
    }
    return Report(whole, error.code, error)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let neither Ctrl-C nor SIGTERM come between the end of the work and its record."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Run:
    """One run, from the lock to the last record."""

    def __init__(self, ctx: Context, document: dict[str, object]) -> None:
        self.ctx, self.document = ctx, document
        self.id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        ctx.run = self.id
        self.started = time.monotonic()
        self.result: RunResult | None = None
        self.error: UngcuuError | None = None
        self.touched = False  # something may have been sent to a host

    def go(self) -> Report:
        ctx = self.ctx
        with ExitStack() as stack:
            if ctx.verb.takes_lock and ctx.hosts:
                from ungcuu.run import locks

                go_on = self._warn if ctx.verb.without_journal else None
                stack.enter_context(locks.hold(ctx.settings, ctx.hosts, ctx.verb.name, ctx.reason, go_on))
            if ctx.verb.preflight:
                ctx.verb.preflight(ctx)
            if ctx.verb.start:
                self.touched = True
                ctx.started = ctx.verb.start(ctx)
            _begun.append(self.id)
            self._start()
            self.touched = True
            outcome, code = self._guarded()
            with _uninterrupted():
                self._finish(outcome, code)
        return Report(self.document, code, self.error)

    def _start(self) -> None:
        """Open the journals and write the first record. No journal, no run."""
        ctx = self.ctx
        self.document |= {"run": self.id, "reason": ctx.reason}
        if not ctx.verb.journaled:
            return
        from ungcuu.run.ledger import open_ledger

        if ctx.verb.intake:
            ctx.verb.intake(ctx)
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
                "hosts": list(ctx.names),
                "playbook": ctx.verb.playbook,
                "options": hide(ctx.options, secret_options(ctx.verb)),
                "variables": dict(ctx.plan.variables),
                "reason": ctx.reason,
                "operator": ctx.settings.operator,
                "steps": len(ctx.plan.steps),
                "version": __version__,
                "process": liveness.this_process(),
                "inventory": _inventory_in_use(ctx.settings),
                "typed_inventory": ctx.settings.typed_inventory,
            },
        )

    def _guarded(self) -> tuple[Outcome, Exit]:
        """Do the work; whatever happens becomes an outcome and an exit code."""
        try:
            result = self._work()
        except UngcuuError as error:
            self.error = error
            unknown = self.result is not None and self.result.outcome is Outcome.UNKNOWN and not self.ctx.verb.read_only
            return Outcome.UNKNOWN if unknown else error.outcome, error.code
        except (KeyboardInterrupt, Terminated) as stop:
            code = Exit.TERMINATED if isinstance(stop, Terminated) else Exit.INTERRUPTED
            self.error = _stopped(self.ctx, code)
            return Outcome.NOT_DONE if self.ctx.verb.read_only else Outcome.UNKNOWN, code
        except Exception as fault:  # a fault of ungcuu must still close the journal
            self.error = _fault(self.ctx, fault)
            known = self.ctx.verb.read_only and self.error.code is not Exit.FAULT
            return self.error.outcome if known else Outcome.UNKNOWN, self.error.code
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
                # What the other hosts brought is no less true for it.
                self.document |= dict(given_after.data) if given_after else {}
                raise problem
            return given_after or result
        return result

    def _announce(self, first: int, names: Sequence[str]) -> None:
        """Report steps that are no part of a playbook."""
        from ungcuu.run.progress import step_line

        total = len(self.ctx.plan.steps) if self.ctx.plan else len(names)
        for number, name in enumerate(names, first + 1):
            self.ctx.step_counts.setdefault(number - 1, 0)
            self.ctx.out.line(step_line(number, total, _(name), ", ".join(self.ctx.names)))
            self.ctx.doing(_(name), f"{number}/{total}", ", ".join(self.ctx.names))

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
            self.document["error"] = {"what": self.error.what, "state": self.error.state, "next": self.error.fix}
        if ctx.journal is not None:
            try:
                ctx.journal.append(
                    "run_finished",
                    {
                        "run": self.id,
                        "verb": ctx.verb.name,
                        "hosts": list(ctx.names),
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
        rows: dict[str, dict[str, object]] = {name: {"outcome": outcome.value} for name in self.ctx.names}
        for machine, data in self.ctx.host_results.items():
            host = self.ctx.name_of(machine)
            if host in rows:
                rows[host] = {k: v for k, v in vars(data).items() if k != "cut" and v not in ("", None)} | {
                    "outcome": data.outcome.value
                }
        if outcome is not Outcome.DONE and all(row["outcome"] == Outcome.DONE.value for row in rows.values()):
            # The playbook was done on each; what followed was not, and nobody said on which.
            rows = {host: row | {"outcome": outcome.value} for host, row in rows.items()}
        return rows

    def _warn(self, text: str) -> None:
        known = self.document.get("warnings")
        self.document["warnings"] = [*(known if isinstance(known, list) else ()), text]
        self.ctx.out.line(text, "warn")


def _inventory_in_use(settings: Settings) -> str:
    """Return the inventory's path, for whoever takes the run up again; empty where none can be found."""
    from ungcuu.hosts.site import inventory_of

    try:
        return str(inventory_of(settings).absolute())
    except UngcuuError:
        return ""


def _problem(ctx: Context, result: RunResult) -> UngcuuError | None:
    """Return the error that a run's result amounts to, or None when it is done."""
    from ungcuu.run.failures import problem_of, with_options

    named = replace(result, hosts={ctx.name_of(host): data for host, data in result.hosts.items()})
    problem = problem_of(ctx.verb.name, ctx.verb.read_only, named)
    if problem is not None:
        problem.fix = with_options(problem.fix, ctx.verb, ctx.options)
    return problem


def _code_of(outcome: Outcome) -> Exit:
    return {Outcome.DONE: Exit.OK, Outcome.NOT_DONE: Exit.NOT_DONE, Outcome.UNKNOWN: Exit.UNKNOWN}[outcome]


def _stopped(ctx: Context, code: Exit) -> UngcuuError:
    from ungcuu.core.errors import Undetermined

    hosts = " ".join(ctx.names)
    return Undetermined(
        _("Stopped by {signal} before the end.").format(signal="Ctrl-C" if code is Exit.INTERRUPTED else "SIGTERM"),
        _("The step under way on {hosts} may or may not have happened.").format(hosts=hosts or "–")
        if not ctx.verb.read_only
        else _("Nothing was changed: {verb} only reads.").format(verb=ctx.verb.name),
        f"ungcuu resume {hosts}" if hosts and not ctx.verb.read_only else f"ungcuu {ctx.verb.name} {hosts}".strip(),
    )


def _fault(ctx: Context, fault: Exception, *, begun: bool = True) -> UngcuuError:
    from ungcuu.run.failures import fault_of

    verb, verbosity = ctx.verb, ctx.settings.verbosity
    return fault_of(verb.name, ctx.names, fault, verbosity, read_only=verb.read_only, begun=begun)
