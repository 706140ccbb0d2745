"""What a run would change, for ``--plan``: the playbook in check mode, asked of each host by itself.

A host that does not answer has no foretold changes: the plan says that they are not known, and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from typing import TYPE_CHECKING

from ungcuu.core.errors import ControllerFault
from ungcuu.core.i18n import N_, _
from ungcuu.core.sentences import word
from ungcuu.run.events import Event

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult
    from ungcuu.run.verb import Context

CHANGES, NOT_KNOWN, DIFFERENCES = N_("changes"), N_("changes not known"), N_("differences")
_UNREACHED = frozenset({"unreachable", "helper unreachable", "host key", "lost", "no result"})
_SHOWN_LINES = 6  # of a change that names nothing itself
_MOST_LINES = 400  # of one difference


@dataclass(frozen=True)
class Foretold:
    """What the hosts said in check mode: each task that would change something, and who could not be asked."""

    result: RunResult
    not_known: tuple[Mapping[str, str], ...]

    def details(self, *, whole: bool = False) -> dict[str, object]:
        """Return it as ``--plan`` shows it; ``whole``: with every difference, line by line."""
        found: dict[str, object] = {CHANGES: [row for event in self.result.foretold for row in _rows(event)]}
        if self.not_known:
            found[NOT_KNOWN] = [dict(row) for row in self.not_known]
        if whole:
            found[DIFFERENCES] = [line for event in self.result.foretold for line in _lines(event)]
        return found


def ask(ctx: Context, variables: Mapping[str, object], *, with_hosts: Sequence[str] = ()) -> Foretold:
    """Run the verb's playbook in check mode. Nothing is changed; what the verb refuses before its run is refused here.

    Args:
        ctx: The verb, its hosts and its plan; the plan's steps get the number of their changes.
        variables: What the run would be given.
        with_hosts: Hosts that the playbook takes besides the named one.

    Raises:
        UngcuuError: The check failed, as the run would.
    """
    from ungcuu.run.failures import problem_of

    if ctx.verb.preflight:
        ctx.verb.preflight(ctx)
    result = _asked(ctx, variables, with_hosts)
    bad = {host: data for host, data in result.hosts.items() if data.problem}
    unreached = {host for host, data in bad.items() if data.problem in _UNREACHED}
    problem = problem_of(ctx.verb.name, True, _named(ctx, result))
    if problem is not None and (result.cut_short or not bad or set(bad) - unreached):
        raise problem
    return Foretold(result, tuple({"host": host, "why": _why(ctx, host, result)} for host in sorted(unreached)))


def _named(ctx: Context, result: RunResult) -> RunResult:
    """Return a result with its hosts named as they were typed."""
    return replace(result, hosts={ctx.name_of(host): data for host, data in result.hosts.items()})


def changes(ctx: Context, variables: Mapping[str, object], *, with_hosts: Sequence[str] = ()) -> dict[str, object]:
    """Return the details that ``--plan`` shows of :func:`ask`."""
    return ask(ctx, variables, with_hosts=with_hosts).details(whole=bool(ctx.settings.verbosity))


def _asked(ctx: Context, variables: Mapping[str, object], with_hosts: Sequence[str]) -> RunResult:
    """Ask each host by a run of its own: one that is silent holds nobody back."""
    from ungcuu.run import runner
    from ungcuu.run.node_runner import made_by
    from ungcuu.run.progress import Listener

    verb = ctx.verb
    if verb.playbook is None or ctx.plan is None:
        raise ControllerFault(f"{verb.name}: no playbook to ask with")
    listener = Listener(ctx, ctx.plan, ctx.hosts, len(verb.steps_before), quiet=True)
    more = (*with_hosts, *(host for group in verb.with_groups for host in ctx.site.groups.get(group, ())))
    if len(ctx.hosts) > 1 and not more:
        return runner.run_each(
            ctx.settings,
            ctx.inventories,
            verb.playbook,
            ctx.hosts,
            variables,
            on_event=listener.take,
            deadline=verb.deadline,
            check=True,
            made_by=made_by(ctx.via),
        )
    hosts = tuple(dict.fromkeys((*ctx.hosts, *more)))
    return runner.run(
        ctx.settings,
        ctx.inventories,
        verb.playbook,
        hosts,
        variables,
        on_event=listener.take,
        deadline=verb.deadline,
        check=True,
        made_by=made_by(ctx.via),
    )


def _why(ctx: Context, host: str, result: RunResult) -> str:
    """Return why a host's changes are not known: what the connection said, and that it is isolated if so noted."""
    from ungcuu.contain import isolation_state
    from ungcuu.run.failures import problem_of

    problem = problem_of(ctx.verb.name, True, replace(result, hosts={host: result.hosts[host]}))
    said = problem.what if problem is not None else ""
    folder = ctx.settings.host_dir(host)
    if isolation_state.isolated_since(folder) is None:
        return said
    return said + " " + _("It is isolated ({mode}).").format(mode=isolation_state.mode_of(folder))


def _rows(event: Event) -> Iterator[dict[str, object]]:
    """Yield one row for each thing that a task would change: what its records name, else what its difference shows."""
    named = [report.data for report in event.reports if report.kind == "change" and report.data.get("item")]
    for data in named:
        yield {"host": event.host, "what": word(str(data.get("what") or event.task)), "item": data["item"]} | (
            {"controls": data["controls"]} if data.get("controls") else {}
        )
    if not named:
        yield {"host": event.host, "what": _(event.task), "item": _shortly(event)}


def _shortly(event: Event) -> str:
    """Name what a task changes: each line where they are few, else the things that they are of, and how many lines."""
    lines = [line for line in _lines(event) if line[:1] in "+-" and not line.startswith(("+++", "---"))]
    if lines and len(lines) <= _SHOWN_LINES:
        return "; ".join(lines)
    things = ", ".join(dict.fromkeys(row.of for row in event.differences if row.of)) or "–"
    return _("{things} ({count} lines)").format(things=things, count=len(lines)) if lines else things


def _lines(event: Event) -> Iterator[str]:
    """Yield a task's differences as a unified diff."""
    for row in event.differences:
        found = list(unified_diff(row.before.splitlines(), row.after.splitlines(), row.of, row.of, n=1, lineterm=""))
        yield from found[:_MOST_LINES]
        if len(found) > _MOST_LINES:
            yield _("… and {count} more lines").format(count=len(found) - _MOST_LINES)
