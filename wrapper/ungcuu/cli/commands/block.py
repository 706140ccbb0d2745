"""`block`: shut addresses and networks out of a host, with owner, reason and an end that somebody is reminded of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ungcuu.cli.options import VIA
from ungcuu.core.errors import Refused, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Argument, Context, Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    addresses = options["addresses"]
    return {
        "isolation_block": list(addresses) if isinstance(addresses, tuple | list) else [],
        "isolation_block_until": options["until"] or "",
    }


def _check(context: Context) -> None:
    """Refuse an address or a time that is none, before anything starts."""
    from ungcuu.case.case import parse_when
    from ungcuu.contain import blocks

    try:
        for address in context.options["addresses"]:
            blocks.network(address)
    except blocks.NotBlocked as error:
        raise UsageFault(str(error), _("Nothing was touched."), f"ungcuu block {context.host} 203.0.113.9") from error
    if context.options["until"]:
        parse_when(context.options["until"], "--until 2026-12-31T18:00+07:00")


def _preflight(context: Context) -> None:
    """Refuse a block that nobody could explain later."""
    if not context.reason:
        again = f"ungcuu block {context.host} {' '.join(context.options['addresses'])} --reason '…'"
        raise Refused(_("A block needs a reason."), _("Nothing was changed."), again)


def _before(context: Context) -> Mapping[str, object]:
    return {"isolation_block_reason": context.reason, "isolation_block_owner": context.settings.operator}


def _plan_details(context: Context) -> Mapping[str, object]:
    """Ask the host what a run would change; nothing is changed."""
    from ungcuu.run import foretold

    return foretold.changes(context, {**_variables(context.options), **_before(context)})


def after(context: Context, result: RunResult) -> Result | None:
    """Show the list as it is now, with what each block has stopped; of several hosts, of those that have it."""
    from ungcuu.core.errors import Outcome

    done = [host for host in context.hosts if host in result.hosts and result.hosts[host].outcome is Outcome.DONE]
    listed = {host: _listed(context, result, host) for host in done}
    lines = [
        (f"{host}: " if len(context.hosts) > 1 else "")
        + _("{network}  {packets} packets  {owner}: {reason}  {since} – {until}").format(
            **row | {"packets": "?" if row["packets"] is None else row["packets"], "until": row["until"] or "…"}
        )
        for host, rows in listed.items()
        for row in rows
    ]
    data = {"blocks": [{"host": host, **row} for host, rows in listed.items() for row in rows]}
    return Result(message="\n".join(lines) or _("nothing is blocked"), data=data)


def _listed(context: Context, result: RunResult, host: str) -> list[dict[str, Any]]:
    """Return what is blocked on a host, each with the packets that the host counts."""
    from ungcuu.contain import blocks

    known_of = host if len(context.hosts) > 1 else None
    rows = next((data["rows"] for data in result.data_of("snapshot", known_of) if data.get("what") == "blocks"), [])
    counts = {row["network"]: row.get("packets") for row in rows} if isinstance(rows, list) else {}
    known = blocks.load(context.settings.host_dir(host))
    return [{**vars(row), "packets": counts.get(row.network)} for row in known]


VERB = Verb(
    name="block",
    phase=Phase.CONTAIN,
    summary=N_("Block addresses and networks on a host"),
    description=N_(
        "Each block has an owner, a reason and, if wanted, an end: doctor reminds then, nothing is unblocked by "
        "itself. An address that may manage the host can't be blocked. The name of a group means all of its hosts."
    ),
    playbook="block",
    hosts=Hosts.GROUP,
    each_alone=True,
    arguments=(Argument("addresses", many=True),),
    options=(
        Option("--until", N_("When to decide again, as 2026-12-31 or 2026-12-31T18:00+07:00"), metavar="TIME"),
        VIA,
    ),
    variables=_variables,
    check=_check,
    preflight=_preflight,
    before=_before,
    plan_details=_plan_details,
    after=after,
    inverse="ungcuu unblock {host} ADDRESS",
    examples=(
        "ungcuu block web01 203.0.113.9 198.51.100.0/24 --reason 'brute force' --until 2026-12-31",
        "ungcuu block website 203.0.113.9 --reason 'brute force on all sites'",
    ),
)
