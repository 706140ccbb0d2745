"""`register`: what was done to be prepared, what is due, and the summary for the steering committee."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ungcuu.cli.commands.register import exchange, reading, writing
from ungcuu.core.i18n import N_
from ungcuu.run.verb import Argument, Hosts, Option, Phase, Result, Verb, on_controller

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ungcuu.run.verb import Context

# As in ungcuu.prepare.register.kinds, which is too heavy for --help; a test compares them.
KINDS = (
    "awareness",
    "training",
    "drill",
    "audit",
    "review",
    "legal",
    "contact",
    "approval",
    "meeting",
    "task",
    "unit",
    "interval",
)
_UNIT = Option("--unit", N_("Only this unit"), metavar="NAME")
_FORMATS = ("csv", "ics")


def _ids(_word: str) -> Sequence[str]:
    import os
    from pathlib import Path

    from ungcuu.core.errors import UngcuuError
    from ungcuu.core.settings import Settings
    from ungcuu.hosts.site import find_inventory
    from ungcuu.prepare.register import store

    try:
        folder = store.folder_of(find_inventory(Settings.from_environment(), None, os.environ, Path.cwd()))
        return sorted(path.stem for path in folder.glob("*.yml"))
    except (UngcuuError, OSError):
        return []


def _sub(
    name: str, summary: str, run: Callable[[Context], Result], *, steps: tuple[str, ...] = (), **rest: Any
) -> Verb:
    """A verb below `register`: what it writes is one record in the journal of operations (see `reading.operations`)."""
    return on_controller(name=name, summary=summary, run=run, steps_before=steps, **{"phase": Phase.PREPARE, **rest})


VERB = Verb(
    name="register",
    phase=Phase.PREPARE,
    summary=N_("Keep the register of preparedness: what was done, what is due, the report on the plan"),
    hosts=Hosts.NONE,
    verbs=(
        _sub(
            "add",
            N_("Add one record: done on a day (--date), or planned for one (--due)"),
            writing.add,
            description=N_(
                "One YAML file in the folder register beside the site's hosts; edit it by hand at any time. Fields of "
                "each kind: docs/how-to/register.md."
            ),
            arguments=(Argument("kind", choices=KINDS), Argument("title", many=True)),
            options=(
                Option("--date", N_("Day on which it was done, or last checked"), metavar="DAY"),
                Option("--due", N_("Day on which it is planned"), metavar="DAY"),
                Option("--until", N_("Day on which it lapses, such as a certificate's expiry"), metavar="DAY"),
                Option("--owner", N_("Who is responsible")),
                Option("--unit", N_("Unit that it belongs to; else the office itself"), metavar="NAME"),
                Option("--proof", N_("What proves it, such as the number of a document")),
                Option("--set", N_("Another field; again for each item of a list"), multiple=True, metavar="NAME=TEXT"),
                Option("--id", N_("Name of the record; else the next number of its kind"), metavar="NAME"),
            ),
            check=writing.check,
            steps=(N_("Check every field"), N_("Write one file, whole, and record it in the journal of operations")),
            examples=(
                'ungcuu register add awareness "Mật khẩu và lừa đảo" --date 2026-10-02 --set attendees="Nguyễn An"',
                'ungcuu register add training "An toàn thông tin cơ bản" --date 2026-03-01 --until 2028-03-01 '
                '--set person="Lê Bình"',
                'ungcuu register add unit "Chi cục Quản lý thị trường" --id unit-qltt --set hosts=web02',
            ),
        ),
        _sub(
            "list",
            N_("List the records, and the files that can't be read"),
            reading.list_,
            arguments=(Argument("kind", required=False, choices=KINDS),),
            options=(_UNIT,),
            examples=("ungcuu register list contact",),
        ),
        _sub(
            "due",
            N_("List what is overdue or due soon: proofs, planned work, certificates, follow-ups of cases"),
            reading.due,
            options=(
                Option("--days", N_("How far to look ahead"), kind="int", default=60, metavar="DAYS"),
                _UNIT,
            ),
            examples=("ungcuu register due --days 30",),
        ),
        _sub(
            "done",
            N_("Record that something planned, or a follow-up of a case, was done, and what proves it"),
            writing.done,
            arguments=(Argument("id", complete=_ids), Argument("proof", many=True)),
            options=(
                Option("--date", N_("Day on which it was done; else today"), metavar="DAY"),
                Option("--until", N_("Day on which it lapses, such as a certificate's expiry"), metavar="DAY"),
            ),
            examples=(
                'ungcuu register done awareness-002 "biên bản 14/BB-VP"',
                'ungcuu register done UC-20261122-001/task-1 "upload form removed"',
            ),
        ),
        _sub(
            "report",
            N_("Write the report on the plan for the steering committee (HTML, and PDF with --pdf)"),
            reading.report,
            options=(
                Option("--quarter", N_("Quarter; else the present one"), kind="choice", choices=("1", "2", "3", "4")),
                Option("--year", N_("Year; else the present one"), kind="int", metavar="YEAR"),
                Option("--pdf", N_("Write a PDF too"), kind="flag", default=False),
                Option("--output", N_("File to write, else one in the state folder"), kind="path"),
            ),
            check=reading.check_period,
            steps=(
                N_("Read the register, every journal, and what the vault last reported"),
                N_("Write the page, and record its hash in the journal of operations"),
            ),
            examples=("ungcuu register report --quarter 4 --lang vi --pdf",),
        ),
        _sub(
            "export",
            N_("Write the register as a table, or what is due as a calendar"),
            exchange.export,
            arguments=(Argument("format", choices=_FORMATS),),
            options=(Option("--output", N_("File to write; it must not exist"), kind="path", required=True),),
            examples=(
                "ungcuu register export csv --output register.csv",
                "ungcuu register export ics --output due.ics",
            ),
        ),
        _sub(
            "import",
            N_("Take in records from a table or a calendar; all of them or none"),
            exchange.import_,
            description=N_(
                "A row with a kind alone in the column id becomes a new record. Records that differ are replaced only "
                "with --replace."
            ),
            arguments=(Argument("file"),),
            options=(Option("--replace", N_("Replace records that differ"), kind="flag", default=False),),
            steps=(N_("Check every row"), N_("Write the files, and record them in the journal of operations")),
            examples=("ungcuu register import register.csv --replace",),
        ),
    ),
)
