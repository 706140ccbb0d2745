"""One playbook inside a run: reported and journaled while it goes on, on each host alone or on all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ungcuu.run.plan import Plan, playbook_steps
from ungcuu.run.verb import Context

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


def run_playbook(
    ctx: Context,
    playbook: str,
    variables: Mapping[str, object],
    hosts: tuple[str, ...],
    *,
    deadline: float,
    steps_before: int = 0,
) -> RunResult:
    """Run a playbook inside a run: reported on the screen step by step, every report journaled as it comes."""
    from ungcuu.run import runner
    from ungcuu.run.fleet import FEW, Fleet
    from ungcuu.run.node_runner import made_by
    from ungcuu.run.progress import Listener

    own = ctx.plan is not None and playbook == ctx.verb.playbook
    steps = ctx.plan.steps if own and ctx.plan else playbook_steps(ctx.settings.content, playbook)
    alone = ctx.verb.each_alone and len(hosts) > 1
    fleet = Fleet(ctx, hosts) if alone and len(hosts) > FEW else None
    listener = Listener(ctx, replace(_plan_of(ctx), steps=steps), hosts, steps_before if own else 0, fleet=fleet)
    targets = {host: ctx.site.target(host) for host in hosts}
    limit = (*hosts, *(host for group in ctx.verb.with_groups for host in ctx.site.groups.get(group, ())))
    if alone:
        result = runner.run_each(
            ctx.settings,
            ctx.inventories,
            playbook,
            hosts,
            variables,
            on_event=listener.take,
            deadline=deadline,
            run_id=ctx.run,
            targets=targets,
            made_by=made_by(ctx.via),
            on_end=fleet.ended if fleet else lambda _host, _result: None,
        )
    else:
        result = runner.run(
            ctx.settings,
            ctx.inventories,
            playbook,
            tuple(dict.fromkeys(limit)),
            variables,
            on_event=listener.take,
            deadline=deadline,
            run_id=ctx.run,
            targets=targets,
            made_by=made_by(ctx.via),
        )
    ctx.host_results.update(result.hosts)
    if result.cut_short == "interrupted":
        raise result.fault if result.fault is not None else KeyboardInterrupt
    return result


def _plan_of(ctx: Context) -> Plan:
    return ctx.plan or Plan(ctx.verb.name, ctx.verb.phase.value, ctx.hosts, ())
