"""What the options and the site state for the reports of a case, and how deadlines are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.core.errors import UsageFault
from ungcuu.core.i18n import _
from ungcuu.run.verb import Context

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ungcuu.case.clocks import Book, Clock
    from ungcuu.case.reporting_profile import Profile
    from ungcuu.hosts.reporting_site import ReportingSite


def stated(context: Context, hosts: Sequence[str]) -> dict[str, object]:
    """Return what the options and the site state of the incident for its reports; only what is stated."""
    from ungcuu.case.case import parse_when

    options = context.options
    own = site_of(context).system_of(tuple(hosts)) if hosts else None
    level = options.get("level") or (own.level if own else 0)
    if level and not 1 <= level <= 5:
        raise UsageFault(_("The level of a system is 1 to 5."), _("Nothing was changed."), "--level 2")
    since = options.get("personal_data_at")
    facts: dict[str, object] = {
        "detected_way": options.get("way"),
        "system": options.get("system") or (own.name if own else ""),
        "system_level": level,
        "personal_data": options.get("personal_data"),
        "personal_data_at": past(parse_when(since, "--personal-data-at 2026-11-22T09:30+07:00")) if since else "",
    }
    if facts["personal_data_at"] and facts["personal_data"] != "yes":
        raise UsageFault(
            _("--personal-data-at needs --personal-data yes."), _("Nothing was changed."), "--personal-data yes"
        )
    return {name: value for name, value in facts.items() if value}


def past(when: datetime) -> str:
    """Return a time as records carry it.

    Raises:
        UsageFault: It lies in the future.
    """
    from datetime import UTC, datetime

    from ungcuu.core.clock import format_time

    if when > datetime.now(UTC):
        raise UsageFault(
            _("A time needs its zone and can't lie in the future: {time}").format(time=when), _("Nothing was changed.")
        )
    return format_time(when)


def site_of(context: Context) -> ReportingSite:
    """Return what the site states for its reports. A faulty file is shown and never stops a command in an incident."""
    from ungcuu.core.errors import ControllerFault
    from ungcuu.hosts.reporting_site import ReportingSite, load

    try:
        return load(context.settings)
    except ControllerFault as error:
        context.out.line("! " + error.what, "bad")
        context.out.line("  " + _("No contact is known until it is corrected: ungcuu profile check"))
        return ReportingSite()


def profiles_of(context: Context) -> list[Profile]:
    """Return the reporting profiles by which the site reports; its own win over those that come with ungcuu."""
    from ungcuu.case.reporting_profile import load
    from ungcuu.hosts.reporting_site import folder_of

    folder = folder_of(context.settings)
    return [load(name, folder) for name in site_of(context).profiles]


def show(context: Context, clocks: Book, site: ReportingSite, present: datetime, lead: str = "") -> None:
    """Show what is due when and to whom, the most urgent first."""
    from ungcuu.report.format import shown_time
    from ungcuu.report.people import remaining

    for clock in clocks.pressing:
        assert clock.due is not None  # noqa: S101  (it is pressing)
        when = f"{remaining(clock.due, present)} ({shown_time(_text(clock.due))})"
        bad = clock.due < present
        context.out.item(f"! {lead}{when}  {clock.key}: {clock.stage.title}", "bad" if bad else "warn")
        if clock.uncertain:
            context.out.line("    " + _("(nobody has ruled out that personal data leaked)"))
        if clock.acknowledged:
            context.out.line("    " + _("acknowledged by {who}").format(who=clock.acknowledged))
        for role in clock.missing:
            context.out.item("    → " + recipient(site, role))


def as_data(clock: Clock) -> dict[str, object]:
    """A clock as the ``--json`` document shows it; times are UTC."""
    return {
        "stage": clock.key,
        "profile": clock.profile,
        "title": str(clock.stage.title),
        "state": str(clock.state),
        "start": _text(clock.start),
        "due": _text(clock.due),
        "sent": _text(clock.sent),
        "missing": list(clock.missing),
        "acknowledged": clock.acknowledged,
        "uncertain": clock.uncertain,
    }


def _text(when: datetime | None) -> str:
    from ungcuu.core.clock import format_time

    return format_time(when) if when else ""


def recipient(site: ReportingSite, role: str, *, deputy: bool = False) -> str:
    """Name a recipient with what the inventory knows of it; what it does not know is said."""
    from datetime import UTC, datetime

    from ungcuu.case.clocks import today
    from ungcuu.hosts.reporting_site import ROLES

    contact = site.of(role)
    if contact is None:
        return _("{role}: the inventory names no contact").format(role=_(ROLES[role]))
    person = contact.deputy if deputy and contact.deputy else contact
    parts = [f"{_(ROLES[role])}: {contact.name}"]
    if deputy:
        parts.append(_("deputy {name}").format(name=person.name) if contact.deputy else _("no deputy is named"))
    parts += [text for text in (person.phone, person.email) if text]
    if doubt := contact.doubt(today(datetime.now(UTC))):
        parts.append(doubt)
    return ", ".join(parts)
