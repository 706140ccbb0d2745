"""`drill report`: what drills measured, over time."""

from __future__ import annotations

from ungcuu.cli.commands._drill_plans import all_names
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Argument, Context, Hosts, Option, Phase, Result, Verb


def _check(context: Context) -> None:
    """Refuse a scenario that there is not."""
    from ungcuu.drill.scenario import load

    if context.options["scenario"]:
        load(context.options["scenario"])


def _report(context: Context) -> Result:
    """Show the trend of each measure; write it as a page and as a table where asked for."""
    from datetime import UTC, datetime
    from pathlib import Path

    from ungcuu.cli import papers
    from ungcuu.core.clock import format_time
    from ungcuu.report.preparedness import drill_trend

    options, data = context.options, {}
    found = drill_trend.drills(context.settings, options["scenario"] or "")
    if options["html"]:
        page = drill_trend.page(found, format_time(datetime.now(UTC)))
        data["html"] = str(papers.keep(Path(options["html"]), page, "--html"))
    if options["csv"]:
        data["csv"] = str(papers.keep(Path(options["csv"]), drill_trend.as_csv(found), "--csv"))
    for name, mine in drill_trend.by_scenario(found).items():
        context.out.line(drill_trend.heading(name))
        context.out.line("  " + drill_trend.summary(mine))
        head = (_("Measure"), _("Last"), _("Target"), "", "")
        rows = [
            (row["title"], row["last"], row["target"] or "–", row["course"], "✗" if row["missed"] else "")
            for row in drill_trend.rows_of(name, mine)
        ]
        context.out.table([head, *rows] if rows else [], "    ")
    message = "\n".join(data.values()) if found else _("No drill is recorded yet.")
    return Result(message=message, data={**drill_trend.as_json(found), **data})


VERB = Verb(
    name="report",
    phase=Phase.PREPARE,
    summary=N_("Show what drills measured over time: of one scenario, else of all"),
    description=N_(
        "Each measure is compared with the middle of the drills before it, and with the target of the scenario. What a "
        "drill did not measure is a gap."
    ),
    hosts=Hosts.NONE,
    arguments=(Argument("scenario", required=False, complete=all_names),),
    options=(
        Option("--html", N_("Write a page with a line for each measure"), kind="path"),
        Option("--csv", N_("Write a table, one row for each drill"), kind="path"),
    ),
    check=_check,
    run=_report,
    read_only=True,
    takes_lock=False,
    journaled=False,
    steps_before=(N_("Read the drills in the journal of operations"), N_("Show and write the trend of each measure")),
    examples=("ungcuu drill report", "ungcuu drill report webshell --html drills.html --csv drills.csv"),
)
