"""``ungcuu resume [HOST]``: what became of a run that was cut short, and going on with it.

1. A run whose process is still there is left alone.
2. Everything that needs a person (a dangerous verb's confirmation) is asked for before anything is done or written.
3. A run is closed when it is settled: the verb, run again, was DONE. One that stops at a step says nothing about what
   the first run did beyond that step. Until then it stays open, whatever happens to ``resume`` itself. ``--close``
   closes it unsettled, because a person said so; the outcome stays UNKNOWN.
4. It goes on with the inventory, the options, the reason and the case that the run had.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ungcuu.core.errors import Exit, Outcome, Refused, Undetermined, UngcuuError
from ungcuu.core.i18n import N_, _, ngettext
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.run.resume import OpenRun

# Steps that must survive a lost connection run on the host as transient units of these names. Our lasting services,
# such as the one that guards an isolation, are no steps. What Ansible started there carries a word of its own (the
# bracket keeps this command from finding itself).
_UNITS = "systemctl show --property Id,ActiveState,SubState,Transient 'ungcuu-*.service'"
_TASKS = "echo; grep -l 'BECOME-SUCCES[S]-' /proc/[0-9]*/cmdline 2>/dev/null; true"
_BUSY = ("activating", "active", "deactivating", "reloading")
_TASK_SECONDS = 60.0  # how long a task that lost its controller is waited for


def run(ctx: Context) -> Result:
    """Reconcile each open run: oldest first, stop at the first whose host gives no answer."""
    from ungcuu.run.resume import open_runs

    runs = open_runs(ctx.settings, ctx.hosts)
    going_on = [found for found in runs if found.alive]
    for found in going_on:
        _refuse_running(ctx, found)
    runs = [found for found in runs if found not in going_on]
    if not runs:
        text = _("No run is open.") if not going_on else _("No run is open but those that are still going on.")
        return Result(message=text, data={"runs": [found.as_data() for found in going_on]})
    if not ctx.options["close"]:
        for found in runs:
            _confirm(ctx, found)
    rows: list[dict[str, object]] = []
    for found in runs:
        if _is_settled(ctx, found):  # by the run that an older one was taken up with
            continue
        rows.append(found.as_data() | {"outcome": _reconcile(ctx, found).value})
    return _summary(rows)


def _summary(rows: list[dict[str, object]]) -> Result:
    outcomes = [str(row["outcome"]) for row in rows]
    worst = next((one for one in (Outcome.UNKNOWN, Outcome.NOT_DONE) if one.value in outcomes), Outcome.DONE)
    text = ngettext("{count} open run was taken up.", "{count} open runs were taken up.", len(rows))
    code = {Outcome.DONE: Exit.OK, Outcome.UNKNOWN: Exit.UNKNOWN, Outcome.NOT_DONE: Exit.NOT_DONE}[worst]
    return Result(worst, text.format(count=len(rows)), {"runs": rows}, code)


def _refuse_running(ctx: Context, found: OpenRun) -> None:
    """Say that a run is still going on; where it changes its host, that is a refusal."""
    from ungcuu.cli import registry
    from ungcuu.core.errors import Locked

    hosts = " ".join(found.hosts)
    message = _("{verb} on {hosts} is still going on (process {pid}, since {started}).").format(
        verb=found.verb, hosts=hosts or "–", pid=found.process.get("pid"), started=found.started
    )
    if registry.find_verb(found.verb.split()).read_only:
        ctx.out.line(message)
        return
    raise Locked(
        message,
        _("Nothing was touched by this command; the other run goes on."),
        _("Wait for its end. If it never ends, stop that process, then: ungcuu resume {hosts}").format(hosts=hosts),
    )


def _confirm(ctx: Context, found: OpenRun) -> None:
    """Have a dangerous verb confirmed before anything is done.

    Raises:
        Refused: It was not; the run stays open.
    """
    from ungcuu.cli import registry

    verb = registry.find_verb(found.verb.split())
    if not verb.dangerous:
        return
    try:
        ctx.confirm(verb, found.hosts)
    except Refused as refusal:
        hosts = " ".join(found.hosts)
        names = " ".join(f"--confirm-host {host}" for host in found.hosts)
        raise Refused(
            refusal.what,
            _("Nothing was touched, and the run stays open."),
            f"ungcuu resume {hosts} {names}",
        ) from refusal


def _is_settled(ctx: Context, found: OpenRun) -> bool:
    from ungcuu.run.resume import open_runs

    return found.run not in {other.run for other in open_runs(ctx.settings, found.hosts)}


def _reconcile(ctx: Context, found: OpenRun) -> Outcome:
    from ungcuu.cli import registry
    from ungcuu.run import liveness, locks

    _describe(ctx, found)
    verb = registry.find_verb(found.verb.split())
    with locks.hold(ctx.settings, found.hosts, "resume", found.run):  # refuses while that run is alive
        if ended := liveness.end_left_behind(found.run):
            message = _("Processes that it left behind on this machine were ended: {pids}")
            ctx.out.line(message.format(pids=", ".join(map(str, ended))), "warn")
        if found.options.get("via"):
            _end_on_node(ctx, found)
        _record_end(ctx, found)
        if not verb.read_only:
            _ask_all(_in_its_inventory(ctx, found), found, verb)
        if verb.read_only or ctx.options["close"]:
            _close(ctx, found, Outcome.NOT_DONE if verb.read_only else Outcome.UNKNOWN)
    if verb.read_only or ctx.options["close"]:
        ctx.out.line(_("Closed without resuming. To run it again: {command}").format(command=_command(ctx, found)))
        return Outcome.DONE
    if any(value == "(hidden)" for value in found.options.values()):
        ctx.out.line(
            _("It was given a secret, which no journal keeps, and stays open. Run it again: {command}").format(
                command=_command(ctx, found)
            )
        )
        return Outcome.UNKNOWN
    outcome = _go_on(ctx, found, verb)
    if outcome is Outcome.DONE:
        _close(ctx, found, outcome)
    else:
        message = _("The interrupted run stays open: {command} has not been DONE since. To give it up: {close}")
        close = _typed(ctx, found, f"ungcuu resume {' '.join(found.hosts)} --close")
        ctx.out.line(message.format(command=_command(ctx, found), close=close), "warn")
    return outcome


def _end_on_node(ctx: Context, found: OpenRun) -> None:
    """Have the node that ran the playbook end what is left of it there; one that is gone is named."""
    from ungcuu.run import node, node_runner

    name = str(found.options["via"])
    try:
        ended = node_runner.ended_there(node.found(_in_its_inventory(ctx, found).site, name), found.run)
    except (node.NotBegun, UngcuuError) as error:
        message = _("The node {node} can't be asked what it left behind: {why}").format(node=name, why=error)
        ctx.out.line(message, "warn")
        again = _("Without the node: {command}").format(command=_command(ctx, found))
        ctx.out.line(again)
        return
    if ended:
        message = _("Processes that it left behind on {node} were ended: {pids}")
        ctx.out.line(message.format(node=name, pids=", ".join(map(str, ended))), "warn")


def _in_its_inventory(ctx: Context, found: OpenRun) -> Context:
    """Return the context with the inventory that the run had, unless another one was typed now."""
    from ungcuu.run.verb import Context

    settings = ctx.settings
    if not settings.typed_inventory and found.inventory and Path(found.inventory).exists():
        settings = replace(settings, inventory=Path(found.inventory), typed_inventory=found.typed_inventory)
    return Context(
        settings, ctx.verb, ctx.out, hosts=found.hosts, options=ctx.options, confirm=ctx.confirm, play=ctx.play
    )


def _command(ctx: Context, found: OpenRun) -> str:
    """Return the command that runs it again, with the inventory that it had."""
    return _typed(ctx, found, f"ungcuu {found.verb} {' '.join(found.hosts)}".strip())


def _typed(ctx: Context, found: OpenRun, command: str) -> str:
    from ungcuu.run.failures import as_typed

    return as_typed(command, ctx.settings.typed_inventory or found.typed_inventory)


class NoAnswer(Undetermined):
    """A host that was asked gives no answer."""


def _ask_all(ctx: Context, found: OpenRun, verb: Verb) -> None:
    """Ask each host of a run; one that is closed for good need not answer: it may be gone."""
    for host in found.hosts:
        try:
            _ask(ctx, host, verb.unit)
        except NoAnswer as silence:
            if not ctx.options["close"]:
                raise
            ctx.out.line(f"{silence.what} {_('Its outcome stays unknown.')}", "warn")


def _describe(ctx: Context, found: OpenRun) -> None:
    """Say what the journal knows."""
    ctx.out.line(
        _("{verb} on {hosts}, begun {started} by {who}").format(
            verb=found.verb, hosts=", ".join(found.hosts) or "–", started=found.started, who=found.operator
        ),
        "strong",
    )
    end = _("its outcome is unknown") if found.ended else _("its end was not recorded: the controller was stopped")
    last = _("{count} records, the last one: {last}").format(count=found.records, last=found.last or "–")
    ctx.out.table([(_("reason"), found.reason or "–"), (_("journal"), f"{found.folder.name}: {last}"), (_("end"), end)])


def _ask(ctx: Context, host: str, joined: str) -> None:
    """Ask the host, reading only, whether something of ungcuu is still at work there, but for the unit that is joined.

    A task that Ansible started there is waited for: nobody receives its result, and it ends soon.

    Raises:
        Undetermined: It gives no answer, or a unit or a task of ungcuu is still running.
    """
    until = time.monotonic() + _TASK_SECONDS
    while True:
        units, tasks = _at_work(ctx, host)
        if joined and units == [joined] and not tasks and not ctx.options["close"]:
            message = _("{host} is still at work ({unit}): it is followed to its end.")
            ctx.out.line(message.format(host=host, unit=joined))
            return
        if not units and not tasks:
            ctx.out.line(_("{host} answers, and nothing of that run is at work there.").format(host=host))
            return
        if units or time.monotonic() > until:
            raise Undetermined(
                _("{host} is still at work: {units}").format(host=host, units=", ".join([*units, *tasks])),
                _("The step goes on there by itself, and the run stays open."),
                _("Wait, then: ungcuu resume {host}").format(host=host),
            )
        time.sleep(1)


def _at_work(ctx: Context, host: str) -> tuple[list[str], list[str]]:
    """Return the units and the tasks of ungcuu that are at work on a host.

    Raises:
        NoAnswer: It gives none.
    """
    from ungcuu.core.terminal import clean
    from ungcuu.hosts import ssh

    answer = ssh.run(ctx.target(host), f"{_UNITS}; {_TASKS}", timeout=30, byte_quota=1 << 16)
    if not answer.ok:
        raise NoAnswer(
            _("{host} gives no answer: {detail}").format(host=host, detail=clean(answer.detail or answer.stderr, 300)),
            _("Whether the run had its effect is still unknown; it stays open."),
            f"ungcuu resume {host}",
        )
    shown = clean(answer.stdout, 1 << 16, lines=True)
    tasks = [line for line in shown.splitlines() if line.startswith("/proc/")]
    return busy_units(shown), [_("a task (process {pid})").format(pid=line.split("/")[2]) for line in tasks]


def busy_units(shown: str) -> list[str]:
    """Return the transient units at work, from what ``systemctl show`` says of each."""
    units = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in shown.split("\n\n")]
    return [
        unit.get("Id", "?")
        for unit in units
        if unit.get("Transient") == "yes" and unit.get("ActiveState") in _BUSY and unit.get("SubState") != "exited"
    ]


def _record_end(ctx: Context, found: OpenRun) -> None:
    """Write the end of a run whose controller could not: it stays open, since its outcome is unknown."""
    if not found.ended:
        end = {"outcome": Outcome.UNKNOWN.value, "message": "the controller was stopped; recorded by resume"}
        _append(ctx, found, "run_finished", end)


def _close(ctx: Context, found: OpenRun, outcome: Outcome) -> None:
    from ungcuu.run.resume import RESUMED

    _append(ctx, found, RESUMED, {"operator": ctx.settings.operator, "outcome": outcome.value})


def _append(ctx: Context, found: OpenRun, kind: str, data: dict[str, Any]) -> None:
    from ungcuu.case.journal import Journal

    journal = Journal.open(found.folder, ctx.settings.keys, ctx.settings.heads)
    journal.append(kind, {"run": found.run, "verb": found.verb, "hosts": list(found.hosts), **data})


def _go_on(ctx: Context, found: OpenRun, verb: Verb) -> Outcome:
    """Run the verb again with the same options: every playbook is idempotent. It was confirmed before."""
    from ungcuu.cli.registry import with_defaults
    from ungcuu.cli.render import error
    from ungcuu.run.failures import as_typed
    from ungcuu.run.flow import Request, execute

    case = found.folder.name if found.folder.parent == ctx.settings.cases else None
    settings = _in_its_inventory(ctx, found).settings
    request = Request(verb, found.hosts, with_defaults(verb, found.options), found.reason, case)
    report = execute(request, settings, ctx.out, lambda _verb, _hosts: None)
    ctx.records.append({"kind": "resumed", "data": {"run": found.run, "as": report.document.get("run")}})
    if isinstance(report.error, UngcuuError):
        report.error.fix = as_typed(report.error.fix, settings.typed_inventory)
        error(report.error, ctx.out)
    if "run" not in report.document:  # it was refused before it began: the old run is as unknown as before
        return Outcome.UNKNOWN
    return Outcome(str(report.document["outcome"]))


VERB = Verb(
    name="resume",
    phase=Phase.TOOL,
    summary=N_("Resume a run that was interrupted"),
    description=N_(
        "Finds runs that a killed controller or a lost connection left open, asks the host whether something is still "
        "at work there and runs the verb again with the same options and inventory: what is already done stays as it "
        "is. A run is closed once that has ended; one whose process is still there is left alone."
    ),
    takes_lock=False,
    journaled=False,
    hosts=Hosts.OPTIONAL,
    from_journal=True,
    options=(Option("--close", N_("Only close them, do not run anything again."), kind="flag"),),
    run=run,
    steps_before=(
        N_("Find the open runs in the journals"),
        N_("Have dangerous verbs confirmed; end what a killed run left behind on this machine"),
        N_("Ask the host what is still running there"),
        N_("Run the verb again with the same options and inventory"),
        N_("Close the run in its journal once its outcome is known"),
    ),
    examples=("ungcuu resume", "ungcuu resume web01"),
)
