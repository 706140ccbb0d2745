"""`form`: letters on preparedness, and the site's own templates of all letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.cli.commands.form import check, drafts
from ungcuu.core.i18n import N_
from ungcuu.run.verb import Argument, Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ungcuu.run.verb import Context

# As in ungcuu.report.preparedness.letters, which is too heavy for --help; a test compares them.
TO = ("leadership", "steering-committee", "unit-above")
_QUARTER = (
    Option("--quarter", N_("Quarter; else the present one"), kind="choice", choices=("1", "2", "3", "4")),
    Option("--year", N_("Year; else the present one"), kind="int", metavar="YEAR"),
)


def _scenarios(_word: str) -> Sequence[str]:
    from ungcuu.drill.scenario import names

    return names()


def _letter(
    name: str,
    summary: str,
    run: Callable[[Context], Result],
    to: str,
    *,
    options: tuple[Option, ...] = (),
    arguments: tuple[Argument, ...] = (),
    check_options: Callable[[Context], None] | None = None,
    examples: tuple[str, ...] = (),
    description: str = "",
) -> Verb:
    return Verb(
        name=name,
        phase=Phase.PREPARE,
        summary=summary,
        description=description,
        hosts=Hosts.NONE,
        arguments=arguments,
        options=(
            *options,
            Option("--to", N_("Whom it goes to"), kind="choice", choices=TO, default=to),
            Option("--format", N_("What to write"), kind="choice", choices=("docx", "pdf", "html"), default="docx"),
            Option("--language", N_("The letter's language"), kind="choice", choices=("vi", "en"), default="vi"),
            Option("--output", N_("File to write, else one in the state folder"), kind="path"),
        ),
        check=check_options,
        run=run,
        read_only=True,
        takes_lock=False,
        journaled=False,
        steps_before=(
            N_("Fill in what the journals, the register and the vault's last report prove"),
            N_("Name the mandatory blanks, then write the letter for a person to complete, sign and send"),
        ),
        examples=examples,
    )


VERB = Verb(
    name="form",
    phase=Phase.PREPARE,
    summary=N_(
        "Draft letters on preparedness: plan, year, drill, scenario, updates, audit; check the site's own templates"
    ),
    hosts=Hosts.NONE,
    verbs=(
        _letter(
            "plan",
            N_("Draft the report on how the plan is carried out, row by row"),
            drafts.plan,
            "steering-committee",
            options=_QUARTER,
            check_options=drafts.check_period,
            examples=("ungcuu form plan --quarter 4", "ungcuu form plan --to unit-above --format pdf"),
        ),
        _letter(
            "annual",
            N_("Draft the annual summary, from 15 December to 14 December"),
            drafts.annual,
            "unit-above",
            options=(_QUARTER[1],),
            check_options=drafts.check_period,
            examples=("ungcuu form annual --year 2026",),
        ),
        _letter(
            "drill",
            N_("Draft the record of a drill: of one case, else of the newest"),
            drafts.drill,
            "leadership",
            arguments=(Argument("case-id", required=False),),
            description=N_(
                "A drill is a case that was opened with --drill, or one that ungcuu drill run played (drill/CASE)."
            ),
            examples=("ungcuu form drill", "ungcuu form drill drill/UC-20261122-001"),
        ),
        _letter(
            "scenario",
            N_("Draft the response plan of a scenario, for a superior to approve"),
            drafts.scenario,
            "leadership",
            arguments=(Argument("scenario", complete=_scenarios),),
            description=N_("Once it is approved: ungcuu register add approval TITLE --set subject=scenario."),
            examples=("ungcuu form scenario webshell", "ungcuu form scenario ransomware --format pdf --language en"),
        ),
        _letter(
            "patch",
            N_("Draft the report on the security updates of a quarter"),
            drafts.patch,
            "leadership",
            options=_QUARTER,
            arguments=(Argument("names", required=False, many=True),),
            check_options=drafts.check_period,
            examples=("ungcuu form patch --quarter 4",),
        ),
        _letter(
            "audit",
            N_("Draft the report on the newest audit of a host"),
            drafts.audit,
            "leadership",
            arguments=(Argument("name"),),
            examples=("ungcuu form audit web01 --format pdf",),
        ),
        Verb(
            name="check",
            phase=Phase.PREPARE,
            summary=N_("Name the fields that a template of the site leaves out, or uses in vain"),
            hosts=Hosts.NONE,
            run=check.check,
            read_only=True,
            takes_lock=False,
            journaled=False,
            steps_before=(
                N_("Read each DOCX template in the folder reporting of the inventory"),
                N_("Compare its fields with those of the letter, and fill it in once"),
            ),
            examples=("ungcuu form check",),
        ),
    ),
)
