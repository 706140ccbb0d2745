"""What is read out of the register: its records, what is due, the report on the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ungcuu.core.errors import UsageFault
from ungcuu.core.i18n import _, ngettext
from ungcuu.run.verb import Context, Result

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from ungcuu.case.journal import Journal
    from ungcuu.prepare.register.store import Register
    from ungcuu.report.preparedness.period import Quarter
    from ungcuu.report.preparedness.plan import View


def register_of(context: Context, *, quiet: bool = False) -> Register:
    """Read the register; what can't be read is named at once, unless it is asked for again and again."""
    from ungcuu.hosts.site import inventory_of
    from ungcuu.prepare.register import store

    found = store.load(context.settings, inventory_of(context.settings))
    for fault in found.faults if not quiet else ():
        context.out.item(f"! {fault.text}", "bad")
    return found


def operations(context: Context) -> Journal:
    """Open the journal of operations, before anything is written: without it nothing is.

    Raises:
        JournalError: It can't be written.
    """
    from ungcuu.case.journal import Journal

    settings = context.settings
    return Journal.open(settings.operations, settings.keys, settings.heads)


def today() -> date:
    """The local day, in the zone of the reports."""
    from datetime import UTC, datetime

    from ungcuu.report.format import zone

    return datetime.now(UTC).astimezone(zone()).date()


def view_of(context: Context, *, quiet: bool = False) -> View:
    """Gather what the plan is judged by; what can't be read is named at once."""
    from datetime import UTC, datetime

    from ungcuu.hosts import websites
    from ungcuu.report.format import zone
    from ungcuu.report.preparedness.plan import View, scope_of
    from ungcuu.report.preparedness.proofs import gather

    site = context.site
    register = register_of(context, quiet=quiet)
    hosts = site.groups.get("website") or tuple(site.hosts)
    several = {host: tuple(f"{host}/{one.name}" for one in websites.of_host(site, host)) for host in hosts}
    scope = scope_of(register, hosts, several)
    known = gather(context.settings, scope.kept, site.inventory)
    for text in known.unread if not quiet else ():
        context.out.item(f"! {text}", "bad")
    return View(register, known, scope, datetime.now(UTC), zone())


def list_(context: Context) -> Result:
    """Show the records as a table."""
    from ungcuu.prepare.register.kinds import KINDS

    register, kind, unit = register_of(context), context.options["kind"], context.options["unit"]
    found = [
        entry
        for entry in register.entries
        if kind in (None, entry.kind) and unit in (None, entry.text("unit"), entry.id.partition("-")[2])
    ]
    head = (_("Record"), _("Date"), _("Due"), _("Lapses on"), _("Kind"), _("Title"))
    rows = [
        (e.id, e.text("date") or "–", e.text("due") or "–", e.text("until") or "–", _(KINDS[e.kind].title), e.title)
        for e in found
    ]
    if rows:
        context.out.table([head, *rows])
    if not register.own and not register.faults:
        context.out.prose(
            _("The register {folder} is empty but for the legal texts that ungcuu knows.").format(
                folder=register.folder
            )
        )
    return Result(
        data={
            "records": [{"id": entry.id, "kind": entry.kind, **entry.as_texts()} for entry in found],
            "unread": [fault.text for fault in register.faults],
        }
    )


def due(context: Context) -> Result:
    """Show what is due, the most pressing first."""
    from ungcuu.report.preparedness import due as dues
    from ungcuu.run.failures import as_typed

    view, unit = view_of(context), context.options["unit"]
    found = [one for one in dues.due(view, context.options["days"]) if unit in (None, one.unit)]
    for one in found:
        style = "bad" if one.overdue(view.today) and not one.unknown else "warn"
        when = dues.in_words(one, view.today)
        who = f" ({one.owner})" if one.owner else ""
        context.out.entry(when, f"{one.what}{who}", style)
        if one.why:
            context.out.block(f"      {as_typed(one.why, context.settings.typed_inventory)}")
        context.out.block(f"      {as_typed(one.finish, context.settings.typed_inventory)}")
    late = sum(one.overdue(view.today) and not one.unknown for one in found)
    message = _("{all} due within {days} days, {late} of them overdue or never done.").format(
        all=len(found), days=context.options["days"], late=late
    )
    return Result(message=message, data={"due": [_data(one, view) for one in found], "overdue": late, **_unread(view)})


def _data(one: Any, view: View) -> dict[str, object]:
    return {**vars(one), "day": one.day.isoformat() if one.day else None, "days_left": one.left(view.today)}


def _unread(view: View) -> dict[str, object]:
    return {"unread": [*view.known.unread, *(fault.text for fault in view.register.faults)]}


def check_period(context: Context) -> None:
    """Refuse a year that no register has."""
    from ungcuu.prepare.register.kinds import FIRST_YEAR, LAST_YEAR

    year = context.options["year"]
    if year is not None and not FIRST_YEAR <= year <= LAST_YEAR:
        raise UsageFault(
            _("--year has to be from {first} to {last}").format(first=FIRST_YEAR, last=LAST_YEAR),
            _("Nothing was changed."),
            "ungcuu register report --quarter 4",
        )


def quarter_of(context: Context) -> Quarter:
    """Return the quarter that the options name, else the present one.

    Raises:
        UsageFault: It has not begun.
    """
    from ungcuu.report.preparedness.period import Quarter

    now, options = today(), context.options
    number = int(options["quarter"]) if options["quarter"] else (now.month + 2) // 3
    quarter = Quarter(options["year"] or now.year, number)
    if quarter.first > now:
        raise UsageFault(
            _("The quarter {name} has not begun.").format(name=quarter.name),
            _("Nothing was written."),
            f"ungcuu register report --quarter {(now.month + 2) // 3} --year {now.year}",
        )
    return quarter


def report(context: Context) -> Result:
    """Write the report on the plan, and show its rows."""
    import hashlib

    from ungcuu.core.i18n import language
    from ungcuu.report.document import print_pdf
    from ungcuu.report.preparedness import page

    journal = operations(context)
    quarter, view = quarter_of(context), view_of(context)
    shown = page.context(view, quarter)
    text = page.render(view, quarter)
    rows = shown["rows"]
    context.out.table((row["code"], row["state"], row["last"], row["lapses"], row["title"]) for row in rows)
    files = {".html": text.encode("utf-8", "backslashreplace")}
    if context.options["pdf"]:
        files[".pdf"] = print_pdf(text)
    target = _target(context, f"preparedness-{quarter.name}{'' if language() == 'en' else f'.{language()}'}")
    written = [_put(target.with_name(target.name + suffix), data) for suffix, data in files.items()]
    for path, data in zip(written, files.values(), strict=True):
        digest = hashlib.sha256(data).hexdigest()
        about = {"period": quarter.name, "file": path.name, "sha256": digest}
        journal.append("register_report", {**about, "operator": context.settings.operator})
    states = {row["code"]: row["state"] for row in rows}
    return Result(
        message=_("Report: {file}").format(file="  ".join(map(str, written))),
        data={"period": quarter.name, "files": [str(path) for path in written], "rows": states, **_unread(view)},
    )


def _target(context: Context, name: str) -> Path:
    """The place of the documents, without suffix."""
    from pathlib import Path

    if context.options["output"]:
        path = Path(context.options["output"])
        return path.with_suffix("") if path.suffix in (".html", ".pdf") else path
    return context.settings.state / "documents" / name


def _put(path: Path, data: bytes) -> Path:
    from ungcuu.core.atomic import make_private, put
    from ungcuu.core.errors import ControllerFault

    try:
        make_private(path.parent)
        return put(path, data)
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be written: {error}").format(path=path, error=error.strerror),
            _("A report that stood there before is as it was."),
            _("Free space on this machine, or name another place with --output."),
        ) from error


def count_of_records(count: int) -> str:
    """A number of records in words."""
    return ngettext("{count} record", "{count} records", count).format(count=count)
