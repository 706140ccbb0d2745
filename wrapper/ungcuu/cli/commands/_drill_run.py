"""`drill run`: play an incident on disposable hosts, from hardening to the closed case, and measure it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ungcuu.cli.commands._drill_record import keep
from ungcuu.core.debian import DEFAULT, SUPPORTED
from ungcuu.core.errors import Exit, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Argument, Context, Hosts, Option, Outcome, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.drill.record import Report

# A lab of its own, so that a drill never takes down the hosts of `ungcuu lab up`.
_SLOT = "15"
_MOST_SEED = 1_000_000


def playable(_word: str) -> Sequence[str]:
    """Return the names of the scenarios that can be played."""
    from ungcuu.drill.simulation import playable as names

    return names()


def _check(context: Context) -> None:
    """Refuse a scenario that there is not, or that is asked for in two ways."""
    name, known = context.options["scenario"], playable("")
    if bool(name) + bool(context.options["all"]) != 1 and not (context.options["random"] and not name):
        raise UsageFault(
            _("Which scenario? Name one, or give --all or --random; there are: {known}.").format(
                known=", ".join(known)
            ),
            _("Nothing was touched."),
            "ungcuu drill list",
        )
    if context.options["blind"] and context.options["all"]:
        raise UsageFault(
            _("People respond to one scenario at a time: --blind goes with a name or --random."),
            _("Nothing was touched."),
            "ungcuu drill run --random --blind",
        )
    if name and name not in known:
        raise UsageFault(
            _("There is no scenario {name}; there are: {known}.").format(name=name, known=", ".join(known)),
            _("Nothing was touched."),
            "ungcuu drill list",
        )


def _run(context: Context) -> Result:
    from ungcuu.core.atomic import put_json
    from ungcuu.core.i18n import language
    from ungcuu.drill.series import Series

    slot = int(os.environ.get("UNGCUU_LAB_SLOT") or _SLOT)
    seed = _seed(context)
    if context.options["blind"]:
        return _blind(context, slot, seed)
    series = Series(context.settings, slot, context.out.note, context.options["debian"], language(), seed)
    reports = []
    for report in series.play(_names(context, seed)):
        put_json(series.state / f"{report.scenario}.json", report.as_json(), indent=2)
        _keep(context, report)
        if report.error:
            context.out.note(report.error)
        reports.append(report)
    failed = [report.scenario for report in reports if report.outcome != "DONE"]
    data = reports[0].as_json() if len(reports) == 1 else {"drills": [report.as_json() for report in reports]}
    if not context.options["keep"] and not (failed and len(reports) == 1):
        series.lab.down()
    if failed and len(reports) == 1:
        message = _("The drill failed. Its hosts are still there to look at; this removes them: {command}")
        message = message.format(command=f"UNGCUU_LAB_SLOT={slot} ungcuu lab down")
        return Result(Outcome.NOT_DONE, message, data, Exit.NOT_VERIFIED)
    message = "\n".join(map(_words, reports))
    if failed:
        message += "\n" + _("Failed: {names}").format(names=", ".join(failed))
        return Result(Outcome.NOT_DONE, message, data, Exit.NOT_VERIFIED)
    return Result(Outcome.DONE, message, data)


def _blind(context: Context, slot: int, seed: int | None) -> Result:
    """Leave the response to people; what the drill says meanwhile names no step of the attack."""
    from ungcuu.cli.commands._drill_blind import train
    from ungcuu.core.i18n import language
    from ungcuu.drill.player import Drill

    def nothing(_text: str) -> None:
        """A line would name what the intruder does, or where it is seen."""

    name = _names(context, seed)[0]
    phases = context.out.note
    return train(context, Drill(name, context.settings, slot, nothing, language=language(), seed=seed, announce=phases))


def _seed(context: Context) -> int | None:
    """Return what chooses the names: given, drawn, or none. It is shown, so that the same drill can be played again."""
    import secrets

    seed: int | None = context.options["seed"]
    if context.options["random"] and seed is None:
        seed = secrets.randbelow(_MOST_SEED)
    if seed is not None:
        context.out.note(_("The same again: --seed {seed}").format(seed=seed))
    return seed


def _names(context: Context, seed: int | None) -> Sequence[str]:
    import random

    known = playable("")
    if name := context.options["scenario"]:
        return [name]
    return known if context.options["all"] else [random.Random(seed).choice(known)]  # noqa: S311  (no secret)


def _words(report: Report) -> str:
    """Return what was measured in one drill, in a few lines."""
    if report.outcome != "DONE":
        return _("{scenario}: NOT DONE").format(scenario=report.scenario)
    message = _(
        "{scenario}: detected in {detect} s, contained in {contain} s, recovered in {recover} s\n"
        "case:   {case}\nreport: {report}"
    )
    return message.format(
        scenario=report.scenario,
        detect=report.seconds_to_detect,
        contain=report.seconds_to_contain,
        recover=report.seconds_to_recover,
        case=report.case_folder,
        report=report.report,
    )


def _keep(context: Context, report: Report) -> None:
    """Record what came of it: the drill's own result file is replaced each time."""
    done = report.as_json()
    kept = ("scenario", "outcome", "case", "error", "variant", "noticed_by", "false_alarms", "lost")
    data = {name: done[name] for name in kept if done[name] not in (None, "", {}, [])}
    keep(
        context, data | {name: took for name, took in done.items() if name.startswith("seconds_") and took is not None}
    )


VERB = Verb(
    name="run",
    phase=Phase.PREPARE,
    summary=N_("Play a scenario to its end; leaves a case folder and a report"),
    hosts=Hosts.NONE,
    arguments=(Argument("scenario", required=False, complete=playable),),
    options=(
        Option("--all", N_("Play all scenarios, on one set of hosts that is put back between them"), kind="flag"),
        Option("--random", N_("Choose the names that the intruder uses, and the scenario where none is named"), "flag"),
        Option("--seed", N_("Play the same choice again"), kind="int", metavar="N"),
        Option("--blind", N_("Leave the response to people, and compare it with the plan"), kind="flag", default=False),
        Option("--minutes", N_("With --blind: how long to wait for them"), kind="int", default=240, metavar="N"),
        Option("--debian", N_("Debian release of the hosts"), kind="choice", choices=SUPPORTED, default=DEFAULT),
        Option("--keep", N_("Leave the hosts running afterwards"), kind="flag", default=False),
    ),
    check=_check,
    run=_run,
    takes_lock=False,
    journaled=False,
    steps_before=(
        N_("Bring up the lab"),
        N_("Harden, back up and baseline the website"),
        N_("Attack it from intruder01"),
        N_("Detect, contain, collect, eradicate, restore, re-assess, release"),
        N_("Close the case and write the report"),
    ),
    examples=(
        "ungcuu drill run webshell",
        "ungcuu drill run --all",
        "ungcuu drill run --random",
        "ungcuu drill run --random --blind",
    ),
)
