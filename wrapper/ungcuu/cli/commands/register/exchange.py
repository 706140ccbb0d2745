"""The register out as a table or a calendar, and in again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ungcuu.cli.commands.register.reading import count_of_records, operations, register_of, today, view_of
from ungcuu.cli.commands.register.writing import record
from ungcuu.core.errors import ControllerFault, Refused, UsageFault
from ungcuu.core.i18n import _
from ungcuu.run.verb import Context, Result

if TYPE_CHECKING:
    from ungcuu.prepare.register.exchange import Imported
    from ungcuu.prepare.register.store import Register


def export(context: Context) -> Result:
    """Write all records as CSV, or all that is due as iCalendar; never over another file."""
    from ungcuu.prepare.register import exchange

    if context.options["format"] == "csv":
        register = register_of(context)
        text, count, unread = exchange.as_csv(register.entries), len(register.entries), len(register.faults)
    else:
        text, count, unread = _calendar(context)
    target = Path(context.options["output"])
    _write(target, text)
    message = f"{target}: {count_of_records(count)}"
    if unread:
        message += "; " + _("{count} could not be read and are missing there").format(count=unread)
    return Result(message=message, data={"file": str(target), "records": count, "unread": unread})


def _calendar(context: Context) -> tuple[str, int, int]:
    """What is due, each on its day; what was never done stands on the present day."""
    from ungcuu.core import icalendar
    from ungcuu.prepare.register.exchange import uid_of
    from ungcuu.report.preparedness.due import due

    view = view_of(context)
    events = []
    for one in due(view):
        planned = view.register.find(one.id)
        details = "\n".join(filter(None, [one.owner, one.why, one.finish]))
        summary = planned.title if planned else one.what
        kind = planned.kind if planned else "proof"
        events.append(icalendar.Event(uid_of(one.id), one.day or view.today, summary, details, kind))
    text = icalendar.write(events, view.now, _("Preparedness"))
    return text, len(events), len(view.register.faults) + len(view.known.unread)


def _write(target: Path, text: str) -> None:
    from ungcuu.core.atomic import write_beside

    draft = None
    try:
        draft = write_beside(target, text, 0o600)
        target.hardlink_to(draft)  # fails where there is a file
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be written: {error}").format(path=target, error=error.strerror),
            _("Nothing was changed."),
            f"--output {target.with_stem(target.stem + '-2')}",
        ) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def import_(context: Context) -> Result:
    """Take in a table or a calendar, whole or not at all."""
    from ungcuu.prepare.register import exchange, store

    path, register = Path(context.options["file"]), register_of(context)
    text = _text_of(path, exchange.MOST_BYTES)
    try:
        judge = exchange.from_calendar if _is_calendar(text) else exchange.from_csv
        found = judge(text, register, today())
    except exchange.BadRow as error:
        raise UsageFault(
            f"{path.name}: {error}",
            _("Nothing was changed."),
            _("Correct that row, then import the file again; docs/how-to/register.md lists kinds and fields."),
        ) from error
    if found.changed and not context.options["replace"]:
        raise Refused(
            _("{count} differ from the records that stand there: {ids}").format(
                count=count_of_records(len(found.changed)), ids=", ".join(entry.id for entry in found.changed[:8])
            ),
            _("Nothing was changed."),
            f"ungcuu register import {path} --replace",
        )
    journal = operations(context)
    written = store.replace(context.settings, register, [*found.new, *found.changed])
    for entry, place in zip([*found.new, *found.changed], written, strict=True):
        record(journal, context, "imported", entry, place)
    return _result(found, register)


def _result(found: Imported, register: Register) -> Result:
    message = _("{new} added, {changed} replaced, {same} were there already, {left} events of ungcuu itself left out.")
    numbers = {"new": len(found.new), "changed": len(found.changed), "same": found.same, "left": found.passed_over}
    return Result(message=message.format(**numbers), data={"folder": str(register.folder), "imported": numbers})


def _is_calendar(text: str) -> bool:
    return text.removeprefix("\ufeff").lstrip()[:15].upper() == "BEGIN:VCALENDAR"


def _text_of(path: Path, most: int) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise UsageFault(
            _("{path} can't be read: {error}").format(path=path, error=error.strerror),
            _("Nothing was changed."),
            "ungcuu register import FILE",
        ) from error
    if len(data) > most:
        raise UsageFault(
            _("{path} has more than {most} bytes.").format(path=path, most=most),
            _("Nothing was changed."),
            _("Import it in parts."),
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageFault(
            _("{path} is not UTF-8 (byte {byte}).").format(path=path, byte=error.start),
            _("Nothing was changed."),
            _("Save it as “CSV UTF-8” in the spreadsheet."),
        ) from error
