"""`unlock`: put back what `lock` suspended."""

from __future__ import annotations

from collections.abc import Mapping

from ungcuu.core.i18n import N_
from ungcuu.run.verb import Hosts, Phase, Verb


def _variables(_options: Mapping[str, object]) -> Mapping[str, object]:
    return {"account_lock_state": "unlocked"}


VERB = Verb(
    name="unlock",
    phase=Phase.RECOVER,
    summary=N_("Put back the accounts that lock suspended, and nothing else"),
    playbook="lock",
    hosts=Hosts.ONE,
    dangerous=True,
    variables=_variables,
    inverse="ungcuu lock {host}",
    examples=("ungcuu unlock web01",),
)
