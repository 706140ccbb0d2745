"""``ungcuu resume [HOST]``: what became of a run that was cut short, and going on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ungcuu.errors import Exit, Outcome, Undetermined, UngcuuError, Unreachable
from ungcuu.i18n import N_, _, ngettext
from ungcuu.verb import Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.context import Context
    from ungcuu.resuming import OpenRun

# Steps that must survive a lost connection run on the host as transient units of these names. Our lasting services,
# such as the one that guards an isolation, are no steps.
_UNITS = "systemctl show --property Id,ActiveState,SubState,Transient 'ungcuu-*.service'"
_BUSY = ("activating", "active", "deactivating", "reloading")


def run(ctx: Context) -> Result:
    """Reconcile each open run: oldest first, stop at the first whose host gives no answer."""
    from ungcuu.resuming import open_runs

    runs = open_runs(ctx.settings, ctx.hosts)
    if not runs:
        return Result(message=_("No run is open."), data={"runs": []})
    rows: list[dict[str, object]] = []
    worst = Outcome.DONE
    for found in runs:
        outcome = _reconcile(ctx, found)
        rows.append(found.as_data() | {"outcome": outcome.value})
        if outcome is not Outcome.DONE and worst is not Outcome.UNKNOWN:
            worst = outcome
    text = ngettext("{count} open run was looked at.", "{count} open runs were looked at.", len(runs))
    code = {Outcome.DONE: Exit.OK, Outcome.UNKNOWN: Exit.UNKNOWN, Outcome.NOT_DONE: Exit.NOT_DONE}[worst]
    return Result(worst, text.format(count=len(runs)), {"runs": rows}, code)


def _reconcile(ctx: Context, found: OpenRun) -> Outcome:
    from ungcuu import locks, registry

    _tell(ctx, found)
    verb = registry.find_verb(found.verb.split())
    with locks.hold(ctx.settings, found.hosts, "resume", found.run):  # refuses while that run is alive
        if not verb.read_only:
            for host in found.hosts:
                _ask(ctx, host, verb.unit)
        _close(ctx, found)
    command = f"ungcuu {found.verb} {' '.join(found.hosts)}".strip()
    if verb.read_only or ctx.options["close"]:
        ctx.out.line(_("Closed without going on. To run it again: {command}").format(command=command))
        return Outcome.DONE
    if any(value == "(hidden)" for value in found.options.values()):
        ctx.out.line(
            _("It was given a secret, which no journal keeps. Run it again: {command}").format(command=command)
        )
        return Outcome.NOT_DONE
    return _go_on(ctx, found, verb)


def _tell(ctx: Context, found: OpenRun) -> None:
    """Say what the journal knows."""
    ctx.out.line(
        _("{verb} on {hosts}, begun {started} by {who}").format(
            verb=found.verb, hosts=", ".join(found.hosts) or "–", started=found.started, who=found.operator
        ),
        "strong",
    )
    end = _("its outcome is unknown") if found.ended else _("it has no end: the controller was stopped")
    last = _("{count} records, the last one: {last}").format(count=found.records, last=found.last or "–")
    ctx.out.table([(_("reason"), found.reason or "–"), (_("journal"), f"{found.folder.name}: {last}"), (_("end"), end)])


def _ask(ctx: Context, host: str, joined: str) -> None:
    """Ask the host, reading only, whether something of ours is still at work there, but for the unit that is joined.

    Raises:
        Unreachable: It gives no answer.
        Undetermined: A unit of ours is still running.
    """
    from ungcuu import ssh
    from ungcuu.screen import clean

    answer = ssh.run(ctx.target(host), _UNITS, timeout=30, byte_quota=1 << 16)
    if not answer.ok:
        raise Unreachable(
            _("{host} gives no answer: {detail}").format(host=host, detail=clean(answer.detail or answer.stderr, 300)),
            _("Whether the run had its effect is still unknown."),
            f"ungcuu resume {host}",
        )
    busy = busy_units(clean(answer.stdout, 1 << 16, lines=True))
    if joined and busy == [joined] and not ctx.options["close"]:
        ctx.out.line(_("{host} is still at work ({unit}): it is followed to its end.").format(host=host, unit=joined))
        return
    if busy:
        raise Undetermined(
            _("{host} is still at work: {units}").format(host=host, units=", ".join(busy)),
            _("The step goes on there by itself."),
            _("Wait, then: ungcuu resume {host}").format(host=host),
        )
    ctx.out.line(_("{host} answers, and nothing of that run is at work there.").format(host=host))


def busy_units(shown: str) -> list[str]:
    """Return the transient units at work, from what ``systemctl show`` tells of each."""
    units = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in shown.split("\n\n")]
    return [
        unit.get("Id", "?")
        for unit in units
        if unit.get("Transient") == "yes" and unit.get("ActiveState") in _BUSY and unit.get("SubState") != "exited"
    ]


def _close(ctx: Context, found: OpenRun) -> None:
    from ungcuu.journal import Journal
    from ungcuu.resuming import RESUMED

    journal = Journal.open(found.folder, ctx.settings.keys, ctx.settings.heads)
    about: dict[str, Any] = {"run": found.run, "verb": found.verb, "hosts": list(found.hosts)}
    if not found.ended:
        end = {"outcome": Outcome.UNKNOWN.value, "message": "the controller was stopped; closed by resume"}
        journal.append("run_finished", about | end)
    journal.append(RESUMED, about | {"operator": ctx.settings.operator})


def _go_on(ctx: Context, found: OpenRun, verb: Verb) -> Outcome:
    """Run the verb again with the same options: every playbook is idempotent."""
    from ungcuu.flow import Request, execute
    from ungcuu.registry import with_defaults
    from ungcuu.render import error

    case = found.folder.name if found.folder.parent == ctx.settings.cases else None
    request = Request(verb, found.hosts, with_defaults(verb, found.options), found.reason, case)
    report = execute(request, ctx.settings, ctx.out, ctx.confirm)
    ctx.records.append({"kind": "resumed", "data": {"run": found.run, "as": report.document.get("run")}})
    if isinstance(report.error, UngcuuError):
        error(report.error, ctx.out)
    return Outcome(str(report.document["outcome"]))


VERB = Verb(
    name="resume",
    phase=Phase.TOOL,
    summary=N_("Go on with a run that was cut short"),
    description=N_(
        "Finds runs that a killed controller or a lost connection left open, asks the host whether something is still "
        "at work there, closes them in the journal and runs the verb again: what is already done stays as it is."
    ),
    read_only=True,
    journaled=False,
    hosts=Hosts.OPTIONAL,
    options=(Option("--close", N_("Only close them, do not run anything again."), kind="flag"),),
    run=run,
    steps_before=(
        N_("Find the open runs in the journals"),
        N_("Ask the host what is still at work there"),
        N_("Close the run in its journal"),
        N_("Run the verb again with the same options"),
    ),
    examples=("ungcuu resume", "ungcuu resume web01"),
)
