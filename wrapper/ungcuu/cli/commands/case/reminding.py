"""`case remind`: reminders of deadlines on the screen, to people's addresses, or by the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.cli.commands.case.reporting import cases_of
from ungcuu.cli.deadlines_view import as_data, recipient, site_of
from ungcuu.core.errors import UngcuuError
from ungcuu.core.i18n import _, ngettext
from ungcuu.run.verb import Context, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ungcuu.case.case import Case
    from ungcuu.case.reporting import Reminder
    from ungcuu.hosts.reporting_site import ReportingSite
    from ungcuu.watch.choices import Choices


def remind(context: Context) -> Result:
    """Give each reminder that is due, for all open cases or one."""
    from datetime import UTC, datetime

    from ungcuu.case.reporting import due_now, give

    if context.options["schedule"]:
        return _schedule(context, str(context.options["schedule"]))
    present, site, rows = datetime.now(UTC), site_of(context), list[dict[str, object]]()
    failed = []
    for case in cases_of(context):
        due = due_now(case, present)
        _show(context, case, due, site, present)
        rows += [{"case": case.id, "step": one.step} | as_data(one.clock) for one in due]
        if not context.options["send"]:
            for one in due:
                give(case, one, present, "screen")
        elif due and not _sent(context, case, due, site, present):
            failed.append(case.id)
    message = ngettext("{count} reminder", "{count} reminders", len(rows)).format(count=len(rows))
    if failed:
        message += "; " + _("NOT all delivered: {cases}").format(cases=", ".join(failed))
        return Result(Outcome.NOT_DONE, message, {"reminders": rows})
    return Result(message=message, data={"reminders": rows})


def _show(context: Context, case: Case, due: Sequence[Reminder], site: ReportingSite, present: datetime) -> None:
    from ungcuu.report.people import remaining

    for one in due:
        assert one.clock.due is not None  # noqa: S101  (it is pressing)
        text = f"{case.id}  {one.clock.stage.title}: {remaining(one.clock.due, present)}"
        context.out.item(("!! " if one.escalated else "! ") + text, "bad" if one.escalated else "warn")
        for role in one.clock.missing:
            context.out.item("   " + recipient(site, role, deputy=one.escalated))


def _sent(context: Context, case: Case, due: Sequence[Reminder], site: ReportingSite, present: datetime) -> bool:
    """Send the reminders of one case and record what became of them; False where somebody was not reached."""
    from ungcuu.case.reporting import give
    from ungcuu.report.reminders import dispatch
    from ungcuu.watch.delivery import Delivery

    sent = dispatch(case, due, _choices(context, case), site, present)
    journal = case.journal()
    for row in sent.rows:
        journal.append("notification", row)
        if why := str(row["why"]):
            words = Delivery(str(row["kind_of_address"]), why).words
            name = f"{row['address']} · {row['kind_of_address']}"
            context.out.item("   " + _("{name}: NOT notified: {why}").format(name=name, why=words), "bad")
    for one in sent.given:
        give(case, one, present, "notification")
    if sent.nobody:
        message = _("Nobody is notified of the deadlines of {case}: the inventory has no watch_targets for its hosts.")
        context.out.item("   " + message.format(case=case.id), "bad")
    return not sent.failed


def _choices(context: Context, case: Case) -> list[Choices]:
    """The watch's addresses of a case's hosts; what can't be read is said, and never stops the other reminders."""
    from ungcuu.core.settings import machine_of
    from ungcuu.hosts import website_facts
    from ungcuu.watch.choices import from_facts

    found = []
    for host in dict.fromkeys(machine_of(host) for host in case.facts.hosts):
        try:
            if host not in context.site.hosts:
                text = _("{host} is no longer in the inventory: its addresses are not known.")
                context.out.item("   " + text.format(host=host), "warn")
                continue
            website_facts.require(context.site, (host,), "notify")
            found.append(from_facts(context.site.variables(host)))
        except UngcuuError as error:
            context.out.item("   " + error.what, "bad")
    return found


def _schedule(context: Context, calendar: str) -> Result:
    """Have reminders sent by the clock of this controller from now on, or no more."""
    from ungcuu.run import schedule

    words = ("case", "remind", "--send")
    if calendar == schedule.NEVER:
        gone = schedule.remove(words)
        return Result(message=_("reminders are no longer sent") if gone else _("no reminders were scheduled"))
    timer = schedule.install(context.settings, context.site.inventory, calendar, words, spread="20s")
    if not schedule.lingers():
        context.out.prose(_("It runs only while you are logged in. For always: loginctl enable-linger"), "warn")
    message = _("reminders of deadlines are sent: {calendar}").format(calendar=calendar)
    return Result(message=message, data={"schedule": {"calendar": calendar, "timer": str(timer)}})
