"""The board: posture, open cases with their clocks, what is due, drills, as pages that only show.

1. Nothing can be started from it. It holds no script and no form, loads nothing, and its policy forbids all three.
2. It shows names, states, times and counts out of the journals: no detail of a finding, no variable, no note, no path.
3. It says when it was drawn up, and what could not be read.
4. A page renews itself only where its reader chose that (the wall screen): it would take a screen reader's place away.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from markupsafe import Markup

from ungcuu import __version__
from ungcuu.case.case import TLP, Case
from ungcuu.case.clocks import read_book
from ungcuu.case.facts import TITLES
from ungcuu.core import i18n
from ungcuu.core.clock import format_time, parse_time
from ungcuu.core.i18n import N_, _
from ungcuu.core.settings import Settings
from ungcuu.core.templates import html_environment
from ungcuu.hosts.reporting_site import folder_of
from ungcuu.report import overview, people
from ungcuu.report.format import shown_day, shown_seconds, shown_time, word, zone_name
from ungcuu.report.preparedness import page
from ungcuu.report.preparedness.due import due
from ungcuu.report.preparedness.plan import REQUIREMENTS, ROWS, Standing, View, standings
from ungcuu.report.preparedness.proofs import CaseSummary, Proof
from ungcuu.report.runs import by_run

MOST_DUE, MOST_DRILLS, MOST_CLOSED = 15, 12, 30
DUE_DAYS = 60
REFRESH_SECONDS = 60
ISOLATION = {"isolated": N_("isolated"), "lost": N_("isolation is LOST"), "unsure": N_("isolation is not certain")}
LANGUAGE_NAMES = {"en": "English", "vi": "Tiếng Việt"}


def pages(view: View, settings: Settings, first: str) -> dict[str, str]:
    """Return every page by its path below the board's folder, in both languages; ``first`` is what index.html opens."""
    found: dict[str, str] = {}
    before = i18n.language()
    try:
        for language in i18n.LANGUAGES:
            i18n.set_language(language)
            found |= {f"{language}/{name}": text for name, text in _in_language(view, settings)}
        i18n.set_language(first)
        found["index.html"] = _render("board_index.html.j2", {"first": first, "names": LANGUAGE_NAMES}, view)
    finally:
        i18n.set_language(before)
    return found


def _in_language(view: View, settings: Settings) -> Iterator[tuple[str, str]]:
    for case in _shown_cases(view):
        yield f"{case.id}.html", _render("board_case.html.j2", _case_page(case, settings), view)
    shown = _context(view, settings)
    for name, wall in (("wall.html", True), ("index.html", False)):
        yield name, _render("board.html.j2", {**shown, "wall": wall}, view)


def _render(template: str, context: Mapping[str, Any], view: View) -> str:
    """Render a page; its policy allows the one style sheet that it holds, by hash."""
    environment = html_environment()
    style = Markup(environment.get_template("board.css").render())  # noqa: S704 - our own file, without any value
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    common = {
        "_": _,
        "lang": i18n.language(),
        "version": __version__,
        "style": style,
        "policy": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        "refresh": REFRESH_SECONDS,
        "tlp": max(["AMBER", *(case.tlp for case in _shown_cases(view))], key=TLP.index),
        "drawn_up": f"{shown_time(format_time(view.now), view.zone)} ({zone_name(view.now)})",
        "languages": LANGUAGE_NAMES,
    }
    return environment.get_template(template).render({**common, **context})


def _context(view: View, settings: Settings) -> dict[str, Any]:
    found, owed = standings(view), due(view, DUE_DAYS)
    late = [one for one in owed if one.overdue(view.today) and not one.unknown]
    shown = _shown_cases(view)
    return {
        "tiles": page.tiles(view, found, late),
        "rows": [page.row_at_a_glance(view, found, code) for code in ROWS],
        "hosts": _hosts(view, found),
        "heads": [_(one.title) for one in REQUIREMENTS if one.each == "host"],
        "open": [_open_case(case, view, settings) for case in shown if case.phase != "closed"],
        "closed": [_closed_case(case) for case in shown if case.phase == "closed"],
        "due": [page.owed_row(one, view.today) for one in owed[:MOST_DUE]],
        "more_due": max(0, len(owed) - MOST_DUE),
        "drills": _drills(view),
        "unread": len(view.known.unread) + len(view.register.faults),
    }


def _shown_cases(view: View) -> list[CaseSummary]:
    """Open cases and the newest closed ones, newest first; those of `drill run` are in the table of drills."""
    cases = [case for case in reversed(view.known.cases) if not case.apart]
    return [case for case in cases if case.phase != "closed"] + [c for c in cases if c.phase == "closed"][:MOST_CLOSED]


def _hosts(view: View, found: Sequence[Standing]) -> list[dict[str, Any]]:
    """Each host, or each of its websites, with the state and age of each of its proofs."""
    isolation: dict[str, str] = {}
    for case in view.known.cases:
        isolation |= case.isolation if not case.apart else {}
    rows = []
    names = [(host, name) for host in view.scope.hosts for name in view.scope.websites.get(host) or (host,)]
    for host, name in names:
        mine = [one for one in found if one.host in (host, name)]
        cells = []
        for one in mine:
            state, tone = page.STATES[one.state]
            age = _("{days} days").format(days=one.age) if one.age is not None else ""
            cells.append({"state": _(state), "tone": tone, "age": age, "lapses": shown_day(one.lapses)})
        unit = next((view.scope.names[one] for one, hosts in view.scope.units.items() if host in hosts), "")
        rows.append(
            {"name": name, "unit": unit, "isolation": _(ISOLATION.get(isolation.get(host, ""), "")), "cells": cells}
        )
    return rows


def _open_case(case: CaseSummary, view: View, settings: Settings) -> dict[str, Any]:
    return {
        **_closed_case(case),
        "hosts": ", ".join(case.hosts),
        "isolation": ", ".join(f"{host}: {_(ISOLATION[state])}" for host, state in case.isolation.items()),
        "findings": case.open_findings,
        "since": _since(case.detected, view),
        "clocks": [
            {"text": row["text"], "due": row["due"], "state": row["state"], "tone": row["tone"]}
            for row in _deadlines(case, view, settings)
        ],
    }


def _closed_case(case: CaseSummary) -> dict[str, Any]:
    return {
        "id": case.id,
        "title": case.title,
        "kind": _("exercise") if case.drill else _("incident"),
        "drill": case.drill,
        "severity": word(case.severity),
        "phase": _(TITLES.get(case.phase, case.phase)),
        "detected": shown_time(case.detected),
        "contain": shown_seconds(case.seconds_to_contain),
        "recover": shown_seconds(case.seconds_to_recover),
    }


def _deadlines(case: CaseSummary, view: View, settings: Settings) -> list[dict[str, str]]:
    """What people still have to do in a case by a certain time."""
    opened = Case(settings, case.id)
    records = opened.records()
    book = read_book(records, opened.facts, view.now, folder_of(settings))
    return people.pressing(people.people(records, view.now, book))


def _since(time: str, view: View) -> str:
    try:
        passed = view.now - parse_time(time)
    except ValueError:
        return "–"
    return shown_seconds(passed.total_seconds()) if passed > timedelta(0) else _("not known")


def _drills(view: View) -> list[dict[str, Any]]:
    """The newest drills, oldest first, each with a bar as long as its containment took."""
    found = sorted((p for p in view.known.proofs if p.what == "drill"), key=lambda proof: proof.time)[-MOST_DRILLS:]
    longest = max((proof.seconds or 0 for proof in found), default=0) or 1
    return [_drill(proof, view, longest) for proof in found]


def _drill(proof: Proof, view: View, longest: float) -> dict[str, Any]:
    good = proof.outcome == "DONE"
    return {
        "day": shown_day(view.day(proof.time)),
        "scenario": proof.detail,
        "outcome": word(proof.outcome),
        "tone": "good" if good else "bad",
        "contain": shown_seconds(proof.seconds),
        "width": round(100 * (proof.seconds or 0) / longest, 1),
    }


def _case_page(case: CaseSummary, settings: Settings) -> dict[str, Any]:
    """One case: its clocks, and what happened when. Only our own words for each event."""
    opened = Case(settings, case.id)
    records = opened.records()
    rows = overview.timeline(records, opened.facts, by_run(records, opened.facts))
    return {
        "case": {**_closed_case(case), "hosts": ", ".join(case.hosts)},
        "rows": [{"local": row["local"], "what": row["what"], "tone": row["tone"]} for row in rows],
        "detect": shown_seconds(case.seconds_to_detect),
    }
