"""`unlock`: put back what `lock` suspended."""

from __future__ import annotations

from collections.abc import Mapping

from ungcuu.core.i18n import N_
from ungcuu.run.verb import Context, Hosts, Phase, Verb, Websites


def _variables(_options: Mapping[str, object]) -> Mapping[str, object]:
    return {"account_lock_state": "unlocked"}


def _plan_details(context: Context) -> Mapping[str, object]:
    """Show whom a run would unlock; nothing is changed."""
    from ungcuu.run import foretold

    return foretold.changes(context, _variables(context.options))


VERB = Verb(
    name="unlock",
    phase=Phase.RECOVER,
    websites=Websites.FIRST,
    summary=N_("Put back the accounts that lock suspended, and nothing else"),
    playbook="lock",
    hosts=Hosts.ONE,
    dangerous=True,
    variables=_variables,
    plan_details=_plan_details,
    inverse="ungcuu lock {host}",
    examples=("ungcuu unlock web01",),
)
