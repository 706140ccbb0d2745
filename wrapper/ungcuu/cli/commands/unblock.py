"""`unblock`: let blocked addresses and networks reach a host again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ungcuu.cli.options import VIA
from ungcuu.core.errors import Refused
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Argument, Context, Hosts, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    addresses = options["addresses"]
    return {"isolation_unblock": list(addresses) if isinstance(addresses, tuple | list) else []}


def _check(context: Context) -> None:
    """Refuse what is not in the list, before anything starts."""
    from ungcuu.contain import blocks

    for host in context.hosts:
        try:
            known = blocks.load(context.settings.host_dir(host))
            blocks.removed(known, [blocks.network(text) for text in context.options["addresses"]])
        except (blocks.NotBlocked, ValueError) as error:
            raise Refused(f"{host}: {error}", _("Nothing was changed."), f"ungcuu doctor {host}") from error


def _plan_details(context: Context) -> Mapping[str, object]:
    """Ask the host what a run would change; nothing is changed."""
    from ungcuu.run import foretold

    return foretold.changes(context, _variables(context.options))


def _after(context: Context, result: RunResult) -> Result | None:
    from ungcuu.cli.commands.block import after

    return after(context, result)


VERB = Verb(
    name="unblock",
    phase=Phase.CONTAIN,
    summary=N_("Let blocked addresses and networks reach a host again"),
    playbook="block",
    hosts=Hosts.GROUP,
    each_alone=True,
    arguments=(Argument("addresses", many=True),),
    options=(VIA,),
    variables=_variables,
    preflight=_check,
    plan_details=_plan_details,
    after=_after,
    inverse="ungcuu block {host} ADDRESS",
    examples=("ungcuu unblock web01 203.0.113.9",),
)
