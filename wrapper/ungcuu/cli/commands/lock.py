"""`lock`: suspend the accounts of a host and of its site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ungcuu.core.errors import Outcome
from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import Change
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    accounts = options["account"]
    given: dict[str, object] = {"account_lock_accounts": list(accounts) if isinstance(accounts, tuple | list) else []}
    return given | ({"account_lock_application": ""} if options["host_only"] else {})


def _plan_details(context: Context) -> Mapping[str, object]:
    """Ask the host whom a run would lock; nothing is changed."""
    from ungcuu.run import foretold

    return foretold.changes(context, _variables(context.options))


def _after(_context: Context, result: RunResult) -> Result | None:
    if result.outcome is not Outcome.DONE:
        return None
    rows = [data for data in result.data_of("change") if data.get("what") == Change.LOCKED]
    if not rows:
        lists = [data.get("left") for data in result.data_of("left")]
        kept = [str(text) for rows_left in lists if isinstance(rows_left, list) for text in rows_left]
        return Result(message="\n".join([_("everything was locked already"), *kept]), data={"left": kept})
    names = rows[0].get("accounts")
    left = rows[0].get("left")
    message = _("locked: {names}; accounts of the site: {site}").format(
        names=", ".join(map(str, names)) if isinstance(names, list) and names else "–",
        site=rows[0].get("site_accounts"),
    )
    return Result(message="\n".join([message, *(map(str, left) if isinstance(left, list) else [])]), data=dict(rows[0]))


VERB = Verb(
    name="lock",
    phase=Phase.CONTAIN,
    websites=Websites.FIRST,
    summary=N_("Suspend the accounts of a host and of its site, with their keys and sessions"),
    description=N_(
        "Locks everybody but the management account: passwords, keys, running processes, and the accounts, sessions "
        "and application passwords of a WordPress site on MariaDB; of another application it says that they were left. "
        "Nothing is deleted: ungcuu unlock HOST puts all of it back."
    ),
    playbook="lock",
    hosts=Hosts.ONE,
    dangerous=True,
    options=(
        Option("--account", N_("Only this account of the host"), multiple=True, metavar="NAME"),
        Option("--host-only", N_("Leave the accounts of the site alone"), kind="flag", default=False),
    ),
    variables=_variables,
    plan_details=_plan_details,
    after=_after,
    inverse="ungcuu unlock {host}",
    examples=("ungcuu lock web01 --reason 'stolen passwords'", "ungcuu lock web01 --account bientap --host-only"),
)
