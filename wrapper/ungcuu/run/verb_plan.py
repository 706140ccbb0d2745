"""From what was asked to what would be done: hosts, steps, variables. No host is asked anything."""

from __future__ import annotations

from collections.abc import Sequence

from ungcuu.core.errors import UsageFault
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.hosts import website_facts
from ungcuu.run import playbook_hosts
from ungcuu.run.plan import Plan, Step, hide, playbook_steps
from ungcuu.run.verb import Context, Hosts, Verb


def resolve_hosts(ctx: Context, names: Sequence[str]) -> tuple[str, ...]:
    """Return the hosts that a verb works on. A verb that acts from containment cards needs no inventory for them.

    Raises:
        InventoryError: One is unknown.
        UsageFault: Too many, or none, for this verb.
    """
    if not names:
        if ctx.verb.hosts in (Hosts.NONE, Hosts.OPTIONAL, Hosts.ANY):
            return ()
        raise UsageFault(
            _("{verb} needs a host.").format(verb=ctx.verb.name),
            _("Nothing was touched."),
            f"ungcuu {ctx.verb.name} --help",
        )
    known = (ctx.verb.from_card and all(_has_card(ctx.settings, name) for name in names)) or (
        ctx.verb.from_journal and set(names) <= _hosts_of_open_runs(ctx.settings)
    )
    hosts = tuple(dict.fromkeys(names)) if known else ctx.site.expand(names)
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


def _hosts_of_open_runs(settings: Settings) -> set[str]:
    from ungcuu.run.resume import open_runs

    return {host for run in open_runs(settings) for host in run.hosts}


def make_plan(ctx: Context) -> Plan:
    """Return what the run would do. Nothing is asked of any host.

    Raises:
        UngcuuError: An option means nothing, or the inventory lacks a fact that the verb needs.
    """
    verb = ctx.verb
    if verb.check:
        verb.check(ctx)
    if ctx.hosts and not (verb.from_card or verb.from_journal):  # a cut must not wait for the inventory
        if verb.playbook:
            playbook_hosts.require(ctx.site, ctx.hosts, verb.name, verb.playbook)
        website_facts.require(ctx.site, ctx.hosts, verb.name)
    variables = dict(verb.variables(ctx.options)) if verb.variables else {}
    return Plan(
        verb=verb.name,
        phase=verb.phase.value,
        hosts=ctx.names,
        steps=verb_steps(verb, ctx.settings),
        playbook=verb.playbook,
        variables=hide(variables, verb.secrets, [ctx.options.get(name) for name in secret_options(verb)]),
        read_only=verb.read_only,
        dangerous=verb.dangerous,
        inverse=verb.inverse.format(host=" ".join(ctx.names)) if verb.inverse else "",
        reason=ctx.reason,
    )


def secret_options(verb: Verb) -> list[str]:
    """Return the keys of the options that must never be shown."""
    return [option.key for option in verb.options if option.secret]


def verb_steps(verb: Verb, settings: Settings) -> tuple[Step, ...]:
    """Return all steps of a verb: its own before the playbook, the playbook's, its own after."""
    own = [Step(name, play=verb.name) for name in verb.steps_before]
    last = [Step(name, play=verb.name) for name in verb.steps_after]
    return (*own, *(playbook_steps(settings.content, verb.playbook) if verb.playbook else ()), *last)
