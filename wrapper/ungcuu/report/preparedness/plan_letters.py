"""Letters on how the plan is carried out: of a quarter, and of a year. Pure but for the language in use.

They state what the same records prove that the summary for the steering committee shows. What could not be read is
UNKNOWN there and here, and stands as a warning on the letter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ungcuu.case.facts import TITLES
from ungcuu.core.clock import format_time
from ungcuu.core.i18n import N_, _
from ungcuu.hosts.reporting_site import ReportingSite
from ungcuu.report.format import shown_day, shown_seconds, shown_time, word, zone_name
from ungcuu.report.forms import Field, Form, reporter
from ungcuu.report.preparedness.due import Due, due, in_words
from ungcuu.report.preparedness.page import AHEAD_DAYS, DEEDS_OF, STATES, deed_of, row_at_a_glance
from ungcuu.report.preparedness.period import Period, Quarter, ReportingYear
from ungcuu.report.preparedness.plan import (
    ROWS,
    Standing,
    View,
    standings,
    worst,
)
from ungcuu.report.preparedness.proofs import CaseSummary

MOST = 25  # lines of one field: a letter is read, and the summary has them all


def lines(rows: Iterable[str], most: int = MOST) -> str:
    """Return one field: of several lines each begins with a dash, and how many were left out is said."""
    found = list(rows)
    if len(found) < 2:
        return "".join(found)
    more = [_("… and {count} more").format(count=len(found) - most)] if len(found) > most else []
    return "\n".join([*(f"– {row}" for row in found[:most]), *more])


def warnings(view: View) -> tuple[str, ...]:
    """Return what could not be read: what depends on it is UNKNOWN."""
    return (*view.known.unread, *(fault.text for fault in view.register.faults))


def plan(site: ReportingSite, view: View, quarter: Quarter) -> Form:
    """Return the report on how the plan is carried out."""
    found, owed = standings(view), due(view, AHEAD_DAYS)
    late = [one for one in owed if one.overdue(view.today) and not one.unknown]
    rows = [row_at_a_glance(view, found, code) for code in ROWS]
    states = Counter(row["state"] for row in rows)
    fields = (
        *reporter(site, "1. "),
        Field("plan_document", "2. " + _("The plan: number and day"), True),
        Field("period", "3. " + _("Period"), True, _period(quarter)),
        Field("as_of", _("How each row stands is as of"), True, _moment(view)),
        Field("result", "4. " + _("Result"), True, _result(states, len(rows))),
        *(Field(row["code"].lower(), f"{row['code']}. {row['title']}", False, _row(row)) for row in rows),
        Field("units", "5. " + _("Subordinate units"), False, _units(view, found)),
        Field("incidents", "6. " + _("Incidents and exercises"), False, _cases(view, view.known.cases, quarter)),
        Field("runs", "7. " + _("Work of the tool, counted host by host"), False, _runs(view, quarter)),
        Field("late", "8. " + _("Overdue or never done"), False, _owed(view, late)),
        Field("ahead", "9. " + _("Due in the next three months, or not known"), False, _ahead(view, owed, late)),
        Field("difficulties", "10. " + _("Difficulties, and their causes")),
        Field("request", "11. " + _("Proposals")),
    )
    subject = _("Implementation of the plan for responding to network security incidents")
    return Form("plan", _("REPORT"), subject, "", fields)


def annual(site: ReportingSite, view: View, year: ReportingYear) -> Form:
    """Return the annual summary."""
    found = standings(view)
    mine = [case for case in view.known.cases if year.holds(view.day(case.opened))]
    real = [case for case in mine if not case.drill]
    fields = (
        *reporter(site, "1. "),
        Field("period", "2. " + _("Period"), True, _period(year)),
        Field("systems", "3. " + _("Information systems"), True, _systems(site)),
        Field("incidents", "4. " + _("Incidents"), True, _counted(view, real) or _none(view)),
        Field("severities", _("Incidents by severity"), False, _by_severity(real)),
        Field("personal_data", _("Of these, with a leak of personal data"), False, _leaks(real)),
        Field("drills", "5. " + _("Exercises"), False, _drills(view, mine, year)),
        Field("runs", "6. " + _("Work of the tool, counted host by host"), False, _runs(view, year)),
        Field("posture", "7. " + _("How the hosts stand today"), False, _posture(view, found)),
        Field("awareness", "8. " + _("Awareness sessions"), False, _recorded(view, year, "awareness")),
        Field("training", "9. " + _("Training certificates"), False, _recorded(view, year, "training")),
        Field("reviews", "10. " + _("Reviews and audits by people"), False, _recorded(view, year, "review", "audit")),
        Field("difficulties", "11. " + _("Difficulties, and their causes")),
        Field("request", "12. " + _("Proposals, and the plan for the next year")),
    )
    return Form("annual", _("REPORT"), _("Annual summary on network security"), "", fields)


def annual_doubt() -> str:
    """Return what nobody could compare."""
    return _("The form of the decree for the annual report (form 08) was not available: compare it before signing.")


def _period(period: Period) -> str:
    return _("{first} to {last}").format(first=shown_day(period.first), last=shown_day(period.last))


def _moment(view: View) -> str:
    return f"{shown_time(format_time(view.now), view.zone)} ({zone_name(view.now)})"


def _result(states: Counter[str], count: int) -> str:
    parts = [f"{state}: {number}" for state, number in states.most_common()]
    return _("{count} rows of the plan").format(count=count) + "; " + "; ".join(parts)


def _row(row: dict[str, str]) -> str:
    """How a row stands, and what decides it: the proof that is there, or what is missing."""
    parts = [row["state"][:1].upper() + row["state"][1:]]
    if row["deciding"]:
        parts.append(row["deciding"])
    if row["place"]:
        proof = _("last proof {day} ({place})").format(day=row["last"], place=row["place"])
        parts.append(f"{proof}; " + _("lapses on {day}").format(day=row["lapses"]))
    return "\n".join(parts)


def _units(view: View, found: Sequence[Standing]) -> str:
    """Each unit with the state of what is asked of it."""
    rows = []
    for unit, hosts in view.scope.units.items():
        mine = [one for one in found if one.unit == unit and one.requirement.each != "office"]
        by_state: dict[str, list[str]] = {}
        for requirement in dict.fromkeys(one.requirement for one in mine):
            state = worst(one for one in mine if one.requirement == requirement)
            by_state.setdefault(state, []).append(_(requirement.title))
        rows.append(f"{view.scope.names[unit]} ({', '.join(hosts) or '–'})")
        rows += [f"{_(STATES[state][0])}: {', '.join(titles)}" for state, titles in by_state.items()]
    return lines(rows)


def _cases(view: View, cases: Iterable[CaseSummary], period: Period) -> str:
    mine = [case for case in cases if period.holds(view.day(case.opened))]
    return _counted(view, mine) or _none(view)


def _none(view: View) -> str:
    """None, said only where every journal could be read."""
    return "" if view.known.unread else _("None recorded")


def _counted(view: View, cases: Sequence[CaseSummary]) -> str:
    rows = []
    for case in cases:
        kind = _("exercise") if case.drill else _("incident")
        parts = [kind, word(case.severity), _(TITLES.get(case.phase, case.phase))]
        if case.seconds_to_contain is not None:
            parts.append(_("contained in {time}").format(time=shown_seconds(case.seconds_to_contain)))
        if case.seconds_to_recover is not None:
            parts.append(_("recovered in {time}").format(time=shown_seconds(case.seconds_to_recover)))
        rows.append(f"{shown_day(view.day(case.opened))} {case.id}: {case.title} ({'; '.join(parts)})")
    return lines(rows)


def _by_severity(cases: Sequence[CaseSummary]) -> str:
    counts = Counter(case.severity for case in cases)
    return "; ".join(f"{word(name)}: {counts[name]}" for name in ("critical", "high", "medium", "low") if counts[name])


def _leaks(cases: Sequence[CaseSummary]) -> str:
    counts = Counter(case.personal_data for case in cases)
    return "; ".join(f"{word(name)}: {counts[name]}" for name in ("yes", "unknown", "no") if counts[name])


def _drills(view: View, cases: Sequence[CaseSummary], period: Period) -> str:
    """Drills that were played and recorded, exercises on real hosts, and those that people held at a table."""
    rows = []
    for proof in view.known.proofs:
        if proof.what == "drill" and period.holds(view.day(proof.time)):
            parts = [word(proof.outcome)]
            if proof.seconds is not None:
                parts.append(_("contained in {time}").format(time=shown_seconds(proof.seconds)))
            rows.append(f"{shown_day(view.day(proof.time))} {proof.detail} ({'; '.join(parts)})")
    rows += [f"{shown_day(view.day(c.opened))} {c.id}: {c.title}" for c in cases if c.drill and not c.apart]
    return lines([*rows, *_entries(view, period, "drill")])


def _runs(view: View, period: Period) -> str:
    mine = [p for p in view.known.proofs if period.holds(view.day(p.time)) and p.what in DEEDS_OF]
    rows = []
    for what in DEEDS_OF:
        about = [proof for proof in mine if proof.what == what]
        if about:
            good = sum(proof.outcome == "DONE" for proof in about)
            bad = len(about) - good
            text = _("{what}: {good} done").format(what=deed_of(what), good=good)
            rows.append(text + (", " + _("{bad} not done or unknown").format(bad=bad) if bad else ""))
    return lines(rows)


def _owed(view: View, owed: Sequence[Due]) -> str:
    rows = (f"{one.what}: {in_words(one, view.today)}" + (f" ({one.owner})" if one.owner else "") for one in owed)
    return lines(rows)


def _ahead(view: View, owed: Sequence[Due], late: Sequence[Due]) -> str:
    return _owed(view, [one for one in owed if one not in late])


def _systems(site: ReportingSite) -> str:
    rows = []
    for system in site.systems:
        level = _("level {level}").format(level=system.level) if system.level else _("level not stated")
        rows.append(f"{system.name} ({level}): {', '.join(system.hosts) or '–'}")
    return lines(rows)


_POSTURE = {
    "scan": N_("scanned"),
    "patch": N_("security updates"),
    "audit": N_("audit"),
    "backup": N_("backup"),
    "restore": N_("proven restore"),
}


def _posture(view: View, found: Sequence[Standing]) -> str:
    rows = []
    for host in view.scope.hosts:
        mine = {one.requirement.key: one for one in found if one.host == host}
        parts = [f"{_(title)}: {_(STATES[mine[key].state][0])}" for key, title in _POSTURE.items() if key in mine]
        rows.append(f"{host}: {'; '.join(parts)}")
    return lines(rows)


def _entries(view: View, period: Period, *kinds: str) -> list[str]:
    found = [entry for kind in kinds for entry in view.register.of(kind) if period.holds(entry.done)]
    rows = []
    for entry in found:
        count = len(entry.items("attendees")) if "attendees" in entry.values else 0
        people = _("{count} people").format(count=count) if count else entry.text("person")
        text = f"{shown_day(entry.done)} {entry.title}"
        rows.append(f"{text} ({people})" if people else text)
    return rows


def _recorded(view: View, period: Period, *kinds: str) -> str:
    return lines(_entries(view, period, *kinds))
