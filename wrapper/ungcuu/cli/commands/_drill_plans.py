"""`drill list` and `drill show`: scenarios with their response plans."""

from __future__ import annotations

from collections.abc import Sequence

from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Argument, Context, Hosts, Phase, Result, Verb


def all_names(_word: str) -> Sequence[str]:
    """Return the names of all scenarios."""
    from ungcuu.drill.scenario import names

    return names()


def _list(_context: Context) -> Result:
    from ungcuu.drill import scenario

    known = [scenario.load(name) for name in scenario.names()]
    rows = [
        {"name": one.id, "title": str(one.title), "severity": one.severity, "simulation": one.has_simulation}
        for one in known
    ]
    played, paper = _("can be played"), _("a plan alone")
    lines = [f"{one.id}: {one.title} ({played if one.has_simulation else paper})" for one in known]
    return Result(message="\n".join(lines), data={"scenarios": rows})


def _show(context: Context) -> Result:
    from ungcuu.cli.deadlines_view import profiles_of
    from ungcuu.drill.scenario import load
    from ungcuu.report import response_plan

    known, profiles = load(context.options["scenario"]), profiles_of(context)
    owed = response_plan.papers(known, profiles)
    doubts = response_plan.doubts(profiles)
    data = response_plan.as_json(known, owed) | {"doubts": list(doubts)}
    return Result(message=response_plan.screen(known, owed, doubts), data=data)


LIST = Verb(
    name="list",
    phase=Phase.PREPARE,
    summary=N_("List the scenarios, and which of them can be played"),
    hosts=Hosts.NONE,
    run=_list,
    read_only=True,
    takes_lock=False,
    journaled=False,
)
SHOW = Verb(
    name="show",
    phase=Phase.PREPARE,
    summary=N_("Show a scenario with its response plan; as a letter: ungcuu form scenario"),
    hosts=Hosts.NONE,
    arguments=(Argument("scenario", complete=all_names),),
    run=_show,
    read_only=True,
    takes_lock=False,
    journaled=False,
    examples=("ungcuu drill show ransomware", "ungcuu --lang vi drill show webshell"),
)
