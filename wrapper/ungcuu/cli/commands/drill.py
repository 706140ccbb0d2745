"""`drill`: play an incident on disposable hosts, from hardening to the closed case, and measure it."""

from __future__ import annotations

from ungcuu.cli.commands._drill_run import VERB as RUN
from ungcuu.core.i18n import N_
from ungcuu.run.verb import Context, Hosts, Phase, Result, Verb


def _list(_context: Context) -> Result:
    from ungcuu.core.i18n import language
    from ungcuu.drill.simulation import load, playable

    rows = {name: load(name).title[language()] for name in playable()}
    return Result(message="\n".join(f"{name}: {title}" for name, title in rows.items()), data={"scenarios": rows})


VERB = Verb(
    name="drill",
    phase=Phase.PREPARE,
    summary=N_("Play an incident on disposable hosts and measure it"),
    hosts=Hosts.NONE,
    verbs=(
        RUN,
        Verb(
            name="list",
            phase=Phase.PREPARE,
            summary=N_("List the scenarios"),
            hosts=Hosts.NONE,
            run=_list,
            read_only=True,
            takes_lock=False,
            journaled=False,
        ),
    ),
)
