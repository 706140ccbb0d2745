"""`records`: the journals' records in the forms that log systems read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ungcuu.core.errors import ControllerFault, Exit
from ungcuu.core.i18n import N_, _, ngettext
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from datetime import datetime


def _run(context: Context) -> Result:
    """Print them, or put them into a file in one step."""
    from ungcuu.core.atomic import put
    from ungcuu.report import records

    found, unread = records.events(context.settings, _after(context))
    text = "".join(f"{line}\n" for line in records.lines(found, context.options["format"]))
    data: dict[str, object] = {"records": len(found), "unread": unread}
    wanted = context.options["out"]
    if wanted:
        path = Path(str(wanted)).expanduser()
        try:
            put(path, text)
        except OSError as error:
            raise ControllerFault(
                _("{path} can't be written: {error}").format(path=path, error=error.strerror or error),
                _("The file that was there, if any, stands as it was."),
            ) from error
        data["file"] = str(path)
        context.out.line(_("written to {path}").format(path=path))
    else:
        context.out.block(text.removesuffix("\n"), limit=None)
        data["text"] = text
    for name in unread:
        context.out.line("! " + _("{name} can't be read, and none of its records is here").format(name=name), "bad")
    if unread:
        return Result(data=data, code=Exit.TAMPERED)
    message = ngettext("{count} record", "{count} records", len(found)).format(count=len(found))
    return Result(message=message if wanted else "", data=data)


def _after(context: Context) -> datetime | None:
    from ungcuu.case.case import parse_when

    typed = context.options["after"]
    return parse_when(typed, "--after 2026-11-22T09:30+07:00") if typed else None


VERB = Verb(
    name="records",
    phase=Phase.REVIEW,
    summary=N_("Write the journals' records for a log system: RFC 5424, journald or ECS"),
    description=N_(
        "Every record of the journal of operations and of all cases, in the order of time, each under a lasting id. "
        "What a host stated is marked as that. Signatures are checked by ungcuu case verify. Exit code 12: a journal "
        "can't be read, and its records are missing."
    ),
    hosts=Hosts.NONE,
    options=(
        Option(
            "--format",
            N_("Lines of RFC 5424, journald's export format, or JSON lines of the Elastic Common Schema"),
            "choice",
            default="syslog",
            choices=("syslog", "journald", "ecs"),
        ),
        Option("--after", N_("Only records after this time, ISO 8601"), metavar="TIME"),
        Option("--out", N_("File to put them into in one step; else they are printed"), metavar="FILE"),
    ),
    run=_run,
    read_only=True,
    takes_lock=False,
    journaled=False,
    steps_before=(N_("Read all journals of this controller; no host is asked"),),
    examples=(
        "ungcuu records --format ecs --out /var/log/ungcuu/records.json",
        "ungcuu records --after 2026-11-22T09:30+07:00",
    ),
)
