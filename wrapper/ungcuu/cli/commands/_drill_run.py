"""`drill run`: play an incident on disposable hosts, from hardening to the closed case, and measure it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ungcuu.core.debian import DEFAULT, SUPPORTED
from ungcuu.core.errors import Exit, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Argument, Context, Hosts, Option, Outcome, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.drill.player import Report

# A lab of its own, so that a drill never takes down the hosts of `ungcuu lab up`.
_SLOT = "15"


def _scenarios(_word: str) -> Sequence[str]:
    from ungcuu.drill.player import scenarios

    return scenarios()


def _check(context: Context) -> None:
    """Refuse a scenario that there is not."""
    known = _scenarios("")
    if (name := context.options["scenario"]) not in known:
        raise UsageFault(
            _("There is no scenario {name}; there are: {known}.").format(name=name, known=", ".join(known)),
            _("Nothing was touched."),
            "ungcuu drill list",
        )


def _run(context: Context) -> Result:
    from ungcuu.core.i18n import language
    from ungcuu.drill.player import Drill

    slot = int(os.environ.get("UNGCUU_LAB_SLOT") or _SLOT)
    drill = Drill(context.options["scenario"], context.settings, slot, context.out.note, language())
    report = drill.run(context.options["debian"])
    (drill.state / f"{report.scenario}.json").write_text(json.dumps(report.as_json(), indent=2), encoding="utf-8")
    _keep(context, report)
    if report.outcome == "DONE" and not context.options["keep"]:
        drill.lab.down()
    if report.error:
        context.out.note(report.error)
        message = _("The drill failed. Its hosts are still there to look at; 'ungcuu lab down' removes them.")
        return Result(Outcome.NOT_DONE, message, report.as_json(), Exit.NOT_VERIFIED)
    message = _(
        "detected in {detect} s, contained in {contain} s, recovered in {recover} s\ncase:   {case}\nreport: {report}"
    )
    values = {
        "detect": report.seconds_to_detect,
        "contain": report.seconds_to_contain,
        "recover": report.seconds_to_recover,
        "case": report.case_folder,
        "report": report.report,
    }
    return Result(Outcome.DONE, message.format(**values), report.as_json())


def _keep(context: Context, report: Report) -> None:
    """Record what came of it in the journal of operations: the drill's own result file is replaced each time."""
    from ungcuu.case.journal import Journal
    from ungcuu.core.errors import UngcuuError

    told = report.as_json()
    data = {name: told[name] for name in ("scenario", "outcome", "case", "error") if told[name]}
    data |= {name: seconds for name, seconds in told.items() if name.startswith("seconds_") and seconds is not None}
    try:
        journal = Journal.open(context.settings.operations, context.settings.keys, context.settings.heads)
        journal.append("drill", {**data, "operator": context.settings.operator})
    except UngcuuError as error:
        message = _("The drill is not in the journal of operations, so the register does not know it: {why}")
        context.out.line(message.format(why=error.what), "warn")


VERB = Verb(
    name="run",
    phase=Phase.PREPARE,
    summary=N_("Play a scenario to its end; leaves a case folder and a report"),
    hosts=Hosts.NONE,
    arguments=(Argument("scenario", complete=_scenarios),),
    options=(
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
    examples=("ungcuu drill run webshell",),
)
