"""The summary for the steering committee: one quarter, one page to read first, and what it rests on after it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from ungcuu import __version__
from ungcuu.case.facts import TITLES
from ungcuu.case.lessons import ROOT_CAUSES
from ungcuu.core.clock import format_time
from ungcuu.core.i18n import N_, _, language, ngettext
from ungcuu.core.templates import html_environment
from ungcuu.prepare.register.entry import Entry
from ungcuu.prepare.register.kinds import KINDS
from ungcuu.report.format import deed, shown_day, shown_place, shown_seconds, shown_time, word, zone_name
from ungcuu.report.preparedness.due import Due, due, in_words
from ungcuu.report.preparedness.period import Quarter
from ungcuu.report.preparedness.plan import (
    LAPSED,
    NEVER,
    NONE,
    OK,
    REQUIREMENTS,
    ROWS,
    SOON,
    UNKNOWN,
    Requirement,
    Standing,
    View,
    cases_again,
    of_row,
    standings,
    worst,
)
from ungcuu.report.preparedness.proofs import CaseSummary, Proof

AHEAD_DAYS = 92  # what falls due in the next quarter is listed too
MOST = 200  # rows of one list
UNITS_ABREAST = 4  # more do not fit a page
STATES = {
    OK: (N_("carried out"), "good"),
    SOON: (N_("lapses soon"), "warn"),
    LAPSED: (N_("overdue"), "bad"),
    NEVER: (N_("not carried out"), "bad"),
    UNKNOWN: (N_("UNKNOWN"), "warn"),
    NONE: (N_("no occasion"), "quiet"),
}
_LEGAL = {
    "in-force": (N_("in force"), "good"),
    "superseded": (N_("superseded"), "bad"),
    "unclear": (N_("not clear"), "warn"),
}


def render(view: View, quarter: Quarter) -> str:
    """Return the page in the language in use."""
    return html_environment().get_template("summary.html.j2").render(context(view, quarter), _=_)


def context(view: View, quarter: Quarter) -> dict[str, Any]:
    """Return everything that the page shows."""
    found, owed = standings(view), due(view, AHEAD_DAYS)
    known, late = view.known, [one for one in owed if one.overdue(view.today) and not one.unknown]
    return {
        "lang": language(),
        "version": __version__,
        "quarter": quarter,
        "unfinished": quarter.last >= view.today,
        "drawn_up": f"{shown_time(format_time(view.now), view.zone)} ({zone_name(view.now)})",
        "first": shown_day(quarter.first),
        "last": shown_day(quarter.last),
        "tiles": tiles(view, found, late),
        "rows": [row_at_a_glance(view, found, code) for code in ROWS],
        "details": [_detail(view, one) for one in found],
        "units": _units(view, found),
        "late": [owed_row(one, view.today) for one in late[:MOST]],
        "ahead": [owed_row(one, view.today) for one in owed if one not in late][:MOST],
        "more": max(0, len(late) - MOST) + max(0, len(owed) - len(late) - MOST),
        "work": _work(view, quarter),
        "runs": _runs(view, quarter),
        "cases": [_case(one, view) for one in known.cases if quarter.holds(view.day(one.opened))],
        "lessons": [_lesson(one) for one in known.cases if one.root_cause and _told_in(view, quarter, one)],
        "again": [
            {"cause": _(ROOT_CAUSES.get(cause, cause)), "cases": ", ".join(case.id for case in found_cases)}
            for cause, found_cases in cases_again(known.cases)
        ],
        "texts": [_text(entry) for entry in view.register.of("legal")],
        "unread": [*known.unread, *(fault.text for fault in view.register.faults)],
    }


def tiles(view: View, found: Sequence[Standing], late: Sequence[Due]) -> list[dict[str, str]]:
    """The four numbers that stand first."""
    states = [of_row(found, code) for code in ROWS]
    carried = sum(state in (OK, SOON, NONE) for state in states)
    restores = [one for one in found if one.requirement.key == "restore"]
    proven = sum(one.state in (OK, SOON) for one in restores)
    cut = max((p for p in view.known.proofs if p.what == "isolate" and p.outcome == "DONE"), key=_when, default=None)
    return [
        {
            "value": f"{carried} / {len(ROWS)}",
            "text": _("rows of the plan carried out"),
            "tone": _tone(carried, len(ROWS)),
        },
        {"value": str(len(late)), "text": _("tasks overdue or never done"), "tone": "bad" if late else "good"},
        {
            "value": f"{proven} / {len(restores)}",
            "text": _("hosts whose restore is proven"),
            "tone": _tone(proven, len(restores)),
        },
        {
            "value": shown_seconds(cut.seconds) if cut else _("not measured"),
            "text": _("to isolate a host, last time"),
            "tone": "good" if cut else "warn",
        },
    ]


def _when(proof: Proof) -> str:
    return proof.time


def _tone(count: int, wanted: int) -> str:
    return "good" if count == wanted and wanted else "warn" if count else "bad"


_DECIDING = {
    NEVER: N_("lacking: {what}"),
    LAPSED: N_("overdue: {what}"),
    UNKNOWN: N_("not known: {what}"),
}


def row_at_a_glance(view: View, found: Sequence[Standing], code: str) -> dict[str, Any]:
    """One row at a glance: its state, and the proof that decides it."""
    mine = [one for one in found if one.requirement.row == code]
    state = of_row(mine, code)
    deciding = [one for one in mine if one.state == state]
    one = min(deciding, key=lambda standing: standing.last or date.min)
    same = len(deciding) - 1
    what = one.title(view.scope.names)
    if same:
        what += ngettext(" and {count} more", " and {count} more", same).format(count=same)
    return {
        "code": code,
        "title": _(ROWS[code]),
        "state": _(STATES[state][0]),
        "tone": STATES[state][1],
        "deciding": _(_DECIDING.get(state, "{what}")).format(what=what),
        **_days(one),
    }


def _days(one: Standing) -> dict[str, str]:
    age = _("{days} days").format(days=one.age) if one.age is not None else ""
    return {"last": shown_day(one.last), "age": age, "lapses": shown_day(one.lapses), "place": shown_place(one.place)}


def _detail(view: View, one: Standing) -> dict[str, str]:
    state, tone = STATES[one.state]
    return {
        "code": one.requirement.row,
        "what": one.title(view.scope.names),
        "state": _(state),
        "tone": tone,
        "detail": one.detail,
        **_days(one),
    }


def _units(view: View, found: Sequence[Standing]) -> list[dict[str, Any]]:
    """Units beside each other, in what is asked of each; none where the office has no units."""
    asked = [one for one in REQUIREMENTS if one.each != "office"]
    units = ["", *view.scope.units] if view.scope.units else []
    tables = []
    for start in range(0, len(units), UNITS_ABREAST):
        some = units[start : start + UNITS_ABREAST]
        heads = [
            {
                "name": view.scope.names[unit] if unit else _("the office itself"),
                "hosts": ", ".join(view.scope.units[unit] if unit else view.scope.own),
            }
            for unit in some
        ]
        rows = [{"title": _(one.title), "cells": [_cell(found, one, unit) for unit in some]} for one in asked]
        tables.append({"heads": heads, "rows": rows})
    return tables


def _cell(found: Sequence[Standing], wanted: Requirement, unit: str) -> dict[str, str]:
    mine = [one for one in found if one.requirement == wanted and one.unit == unit]
    state, tone = STATES[worst(mine)]
    return {"state": _(state) if mine else "–", "tone": tone}


def owed_row(one: Due, today: date) -> dict[str, str]:
    """One thing that is due, in words."""
    day = shown_day(one.day)
    return {
        "what": one.what,
        "day": day,
        "when": in_words(one, today),
        "tone": "bad" if one.overdue(today) and not one.unknown else "warn",
        "owner": one.owner,
        "why": one.why,
    }


def _work(view: View, quarter: Quarter) -> list[dict[str, str]]:
    """What people recorded as done in the quarter."""
    done = [e for e in view.register.entries if e.id in view.register.own and quarter.holds(e.done)]
    return [
        {
            "day": shown_day(entry.done),
            "kind": _(KINDS[entry.kind].title),
            "title": entry.title,
            "who": _people(entry),
            "place": entry.id,
        }
        for entry in sorted(done, key=lambda entry: (entry.done or date.min, entry.id))[:MOST]
    ]


def _people(entry: Entry) -> str:
    if attendees := entry.items("attendees"):
        return _("{count} people").format(count=len(attendees))
    return entry.text("person") or entry.text("approved_by") or entry.text("owner")


def _runs(view: View, quarter: Quarter) -> list[dict[str, Any]]:
    """What the tool did in the quarter: runs that ended well and others, by verb."""
    mine = [p for p in view.known.proofs if quarter.holds(view.day(p.time)) and p.what in DEEDS_OF]
    good = Counter(p.what for p in mine if p.outcome == "DONE")
    bad = Counter(p.what for p in mine if p.outcome != "DONE")
    return [
        {"what": deed_of(what), "good": good[what], "bad": bad[what]} for what in DEEDS_OF if good[what] or bad[what]
    ]


def deed_of(what: str) -> str:
    """What a run of that kind did, in words."""
    return _(OWN_DEEDS[what]) if what in OWN_DEEDS else deed(what, "DONE")


OWN_DEEDS = {"audit": N_("All controls checked"), "drill": N_("Drill played")}
DEEDS_OF = ("scan", "patch", "audit", "isolate", "collect", "drill")


def _case(one: CaseSummary, view: View) -> dict[str, str]:
    return {
        "id": one.id,
        "title": one.title,
        "kind": _("exercise") if one.drill else _("incident"),
        "severity": word(one.severity),
        "phase": _(TITLES.get(one.phase, one.phase)),
        "opened": shown_day(view.day(one.opened)),
        "contain": shown_seconds(one.seconds_to_contain),
        "recover": shown_seconds(one.seconds_to_recover),
    }


def _lesson(one: CaseSummary) -> dict[str, Any]:
    return {
        "id": one.id,
        "cause": _(ROOT_CAUSES.get(one.root_cause, one.root_cause)),
        "detail": one.lesson.get("detail", ""),
        "worked": one.lesson.get("worked", ""),
        "failed": one.lesson.get("failed", ""),
        "open": sum(not row["done"] for row in one.follow_ups),
        "all": len(one.follow_ups),
    }


def _told_in(view: View, quarter: Quarter, one: CaseSummary) -> bool:
    return quarter.holds(view.day(one.opened)) or quarter.holds(view.day(str(one.lesson.get("time") or "")))


def _text(entry: Entry) -> dict[str, str]:
    state, tone = _LEGAL[entry.text("status")]
    return {
        "number": entry.text("number"),
        "title": entry.title,
        "state": _(state),
        "tone": tone,
        "since": shown_day(entry.day("in_force")),
        "ended": shown_day(entry.day("ended")),
        "replaced": entry.text("replaced_by"),
        "cited": _("yes") if entry.text("in_plan") != "no" else _("no"),
        "checked": shown_day(entry.done),
    }
