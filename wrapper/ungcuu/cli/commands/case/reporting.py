"""What people record of the reports of a case, and the deadlines of all cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.cli.commands.case.management import chosen
from ungcuu.cli.deadlines_view import as_data, past, show, site_of, stated
from ungcuu.core.i18n import _
from ungcuu.run.verb import Context, Result

if TYPE_CHECKING:
    from ungcuu.case.case import Case


def update(context: Context) -> Result:
    """Record facts that became known or were corrected."""
    from ungcuu.case.case import parse_when
    from ungcuu.case.reporting import update

    case, options = chosen(context), context.options
    changes = stated(context, ())
    changes |= {name: options[name] for name in ("severity", "detected_by") if options[name]}
    if options["detected_at"]:
        changes["detected_at"] = past(parse_when(options["detected_at"]))
    record = update(case, changes, context.reason)
    return Result(message=_("Recorded as record {seq}; the deadlines follow it.").format(seq=record.seq), data=changes)


def sent(context: Context) -> Result:
    """File the proof that a report was sent; that stops its clock."""
    from datetime import UTC, datetime
    from pathlib import Path

    from ungcuu.case.case import parse_when
    from ungcuu.case.reporting import file_sent
    from ungcuu.report.format import word

    case, options = chosen(context), context.options
    when = parse_when(options["at"], "--at 2026-11-22T09:30+07:00") if options["at"] else datetime.now(UTC)
    clock = file_sent(
        case,
        options["stage"],
        Path(options["file"]),
        recipients=tuple(options["to"]),
        channel=options["channel"] or "",
        when=when,
    )
    if clock.missing:
        message = _("Filed. Not yet sent to: {roles}. The deadline still runs.").format(roles=", ".join(clock.missing))
    else:
        message = _("Filed: {name} is {state}.").format(name=clock.key, state=word(str(clock.state)))
    return Result(message=message, data={"case": case.id} | as_data(clock))


def ack(context: Context) -> Result:
    """Record that somebody takes care of a deadline."""
    from ungcuu.case.reporting import acknowledge

    case, key = chosen(context), context.options["stage"]
    record = acknowledge(case, key)
    message = _("Recorded as record {seq}: no more reminders of {name}. It is still due.")
    return Result(message=message.format(seq=record.seq, name=key), data={"case": case.id, "stage": key})


def deadlines(context: Context) -> Result:
    """Show all deadlines that run, or write them as a calendar."""
    from datetime import UTC, datetime
    from pathlib import Path

    from ungcuu.case.reporting import book_of
    from ungcuu.core.atomic import put
    from ungcuu.core.errors import ControllerFault
    from ungcuu.report.calendar import as_ics

    present = datetime.now(UTC)
    found = [(case, book_of(case, present)) for case in cases_of(context)]
    data: dict[str, object] = {"deadlines": [{"case": c.id} | as_data(one) for c, b in found for one in b.pressing]}
    if not context.options["ics"]:
        site = site_of(context)
        for case, clocks in found:
            show(context, clocks, site, present, case.id + "  ")
        return Result(message="" if data["deadlines"] else _("No deadline runs."), data=data)
    target = Path(context.options["ics"])
    text = as_ics([(case.id, case.facts.title, clocks) for case, clocks in found], present)
    try:
        put(target, text)
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be written: {error}").format(path=target, error=error.strerror),
            _("Nothing was changed."),
            "ungcuu case deadlines --ics FILE",
        ) from error
    return Result(message=_("Calendar: {file}").format(file=target), data=data | {"file": str(target)})


def cases_of(context: Context) -> list[Case]:
    """The case that was named, else all with deadlines that count: no drills, and none from before there were clocks
    but those that are open. What was not sent before a case was closed is due all the same.
    """
    from ungcuu.case.case import find, list_cases

    if named := context.options.get("case_id"):
        return [find(context.settings, str(named))]
    known = list_cases(context.settings)
    return [case for case in known if not case.facts.drill and (case.facts.reporting or case.facts.phase != "closed")]
