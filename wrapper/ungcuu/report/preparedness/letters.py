"""The letters on preparedness by name, with nothing known: what a template of the site has to stand, too."""

from __future__ import annotations

from ungcuu.core.i18n import N_, _
from ungcuu.drill import scenario
from ungcuu.hosts.reporting_site import ReportingSite
from ungcuu.report import response_plan
from ungcuu.report.forms import Form
from ungcuu.report.letter import BLANK
from ungcuu.report.preparedness import drill_letter, plan_letters, work_letters
from ungcuu.report.preparedness.period import Quarter, ReportingYear
from ungcuu.report.preparedness.plan import View

NAMES = ("plan", "annual", "drill", "patch", "audit", "scenario")
TO = {
    "leadership": N_("the leadership"),
    "steering-committee": N_("the steering committee for digital transformation"),
    "unit-above": N_("the unit above"),
}


def recipient(site: ReportingSite, to: str) -> str:
    """Return whom a letter goes to; a name that the site does not state stays a marked blank."""
    if to == "steering-committee":
        return _(TO[to])
    own = site.organisation
    if to == "unit-above":
        return own.above or f"{_(TO[to])} {BLANK}"
    return _("the leadership of {organisation}").format(organisation=own.name) if own.name else _(TO[to])


def empty(name: str, site: ReportingSite, view: View) -> Form:
    """Return a letter about nothing."""
    today = view.today
    if name == "plan":
        return plan_letters.plan(site, view, Quarter(today.year, 1))
    if name == "annual":
        return plan_letters.annual(site, view, ReportingYear(today.year))
    if name == "drill":
        return drill_letter.drill(site, drill_letter.Played(), {})
    if name == "patch":
        return work_letters.patch(site, view, Quarter(today.year, 1), (), ())
    if name == "scenario":
        return response_plan.letter(scenario.load(scenario.names()[0]), site, ())
    nothing = {"newest": "", "drill": "", "alerts": []}
    return work_letters.audit(site, {"controls": []}, nothing, "", ())
