"""The response plan of a scenario for people: parts with their lines, for a terminal, a page and a letter to approve.

Which papers are due follows from the scenario's severity and data by the site's reporting profiles, as in a real case.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ungcuu.case.clocks import book
from ungcuu.case.facts import Facts
from ungcuu.case.reporting_profile import IMMEDIATELY, NO_LIMIT, Profile, Stage
from ungcuu.core.i18n import N_, _, ngettext
from ungcuu.drill.scenario import PHASES, SEEN_BY, WHO, Scenario, Step
from ungcuu.drill.techniques import TECHNIQUES
from ungcuu.hosts.reporting_site import ROLES, ReportingSite
from ungcuu.report.format import word, zone
from ungcuu.report.forms import Field, Form, reporter

_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
# What the clock of a stage runs from.
_FROM = {
    "detected": N_("from the detection"),
    "personal-data": N_("from when the leak was noticed"),
    "recovered": N_("from the end of the response"),
    "sent": N_("from the report before it"),
}
_FORMS = {
    "initial": N_("initial report"),
    "progress": N_("progress report"),
    "closing": N_("closing report"),
    "personal-data": N_("notice on personal data"),
}


@dataclass(frozen=True)
class Line:
    """One line of a part, with the commands that carry it out."""

    text: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One part of the plan: its name for templates, its heading, its lines."""

    key: str
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Paper:
    """One report that this incident would owe."""

    profile: str
    stage: Stage
    uncertain: bool

    @property
    def due(self) -> str:
        """By when it is due, in words."""
        if self.stage.due == IMMEDIATELY:
            return _("immediately")
        start = _(_FROM[self.stage.clock])
        if self.stage.due == NO_LIMIT:
            return _("without a time limit, {start}").format(start=start)
        count, unit = int(self.stage.due.split(" ", maxsplit=1)[0]), self.stage.due.split(" ")[1].rstrip("s")
        spans = {
            "hour": ngettext("{count} hour", "{count} hours", count),
            "day": ngettext("{count} day", "{count} days", count),
            "month": ngettext("{count} month", "{count} months", count),
        }
        return _("within {span}, {start}").format(span=spans[unit].format(count=count), start=start)

    @property
    def form(self) -> str:
        """The name of its form, in words."""
        return _(_FORMS[self.stage.form])


def papers(known: Scenario, profiles: Sequence[Profile]) -> list[Paper]:
    """Return what this incident would owe, by the same rules that start the clocks of a case."""
    facts = Facts(severity=known.severity, personal_data=known.personal_data)
    clocks = book((), facts, profiles, datetime.now(UTC)).clocks
    return [Paper(clock.profile, clock.stage, clock.uncertain) for clock in clocks]


def doubts(profiles: Sequence[Profile]) -> tuple[str, ...]:
    """Return what is doubtful about the reports that the plan names."""
    day = datetime.now(zone()).date()
    found = [text for profile in profiles for text in profile.doubts(day)]
    return (*found, *(str(text) for profile in profiles for text in profile.unverified))


def parts(known: Scenario, owed: Sequence[Paper], site: ReportingSite | None = None) -> list[Part]:
    """Return the plan in the language in use, in the order in which it is read."""
    site = site or ReportingSite()
    return [
        Part("story", _("What happens"), (Line(str(known.story)),)),
        Part("techniques", _("Techniques of the intruder (MITRE ATT&CK)"), tuple(_techniques(known))),
        Part("severity", _("Severity, and personal data"), (Line(_severity(known)),)),
        Part("signs", _("First signs, and who sees them"), tuple(_signs(known))),
        Part("decisions", _("Who decides what"), tuple(Line(f"{_(WHO[d.who])}: {d.what}") for d in known.decisions)),
        *(_phase(name, steps) for name, steps in known.plan.phases.items()),
        Part("papers", _("Reports due, and to whom"), tuple(Line(_paper(one, site)) for one in owed)),
        Part("targets", _("Times to meet"), (Line(_targets(known)),)),
        Part("stop", _("When to leave this plan"), tuple(Line(str(text)) for text in known.stop)),
        Part("success", _("When it has succeeded"), tuple(Line(str(text)) for text in known.success)),
    ]


def letter(known: Scenario, site: ReportingSite, profiles: Sequence[Profile]) -> Form:
    """Return the plan as a letter for a superior to approve."""
    made = parts(known, papers(known, profiles), site)
    fields = (
        *reporter(site, "1. "),
        *(Field(part.key, f"{number}. {part.title}", True, _value(part)) for number, part in enumerate(made, 2)),
        Field("people", f"{len(made) + 2}. " + _("Who stands in each role, with deputy and telephone"), True),
        Field("drilled", f"{len(made) + 3}. " + _("Last drill of this plan: day, result")),
        Field("approved", f"{len(made) + 4}. " + _("Approved by, day; valid until"), True),
    )
    subject = _("Response to an incident: {title}").format(title=known.title)
    return Form("scenario", _("RESPONSE PLAN"), subject, "", fields)


def screen(known: Scenario, owed: Sequence[Paper], doubts: Sequence[str] = (), width: int = 78) -> str:
    """Return the plan for a terminal."""
    rows = [f"{known.id}: {known.title}", ""]
    doubtful = Part("doubts", _("What is doubtful about these reports"), tuple(Line(text) for text in doubts))
    for part in (*parts(known, owed), *([doubtful] if doubts else [])):
        rows.append(part.title)
        for line in part.lines:
            rows += textwrap.wrap(line.text, width, initial_indent="  - ", subsequent_indent="    ")
            rows += [row for command in line.commands for row in _command(command, width)]
        rows.append("")
    return "\n".join(rows).rstrip()


def as_json(known: Scenario, owed: Sequence[Paper]) -> dict[str, Any]:
    """Return the plan as plain data, in the language in use."""
    about = {
        "id": known.id,
        "title": str(known.title),
        "severity": known.severity,
        "personal_data": known.personal_data,
        "simulation": known.has_simulation,
        "targets_minutes": {
            "detect": known.targets.detect,
            "contain": known.targets.contain,
            "recover": known.targets.recover,
        },
    }
    due = [
        {"profile": one.profile, "stage": one.stage.key, "form": one.stage.form, "due": one.stage.due} for one in owed
    ]
    made = parts(known, owed)
    rows = [
        {
            "key": part.key,
            "title": part.title,
            "lines": [{"text": line.text, "commands": list(line.commands)} for line in part.lines],
        }
        for part in made
    ]
    return {**about, "papers": due, "parts": rows}


def _command(command: str, width: int) -> list[str]:
    """A command as it can be pasted: a long one goes on in the next line, and never within quotes."""
    rows = ["      $"]
    for part in _WORD.findall(command):
        if len(rows[-1]) + len(part) + 3 > width:
            rows[-1] += " \\"
            rows.append("         ")
        rows[-1] += f" {part}"
    return rows


def _techniques(known: Scenario) -> Iterator[Line]:
    for technique in known.techniques:
        yield Line(f"{technique} {TECHNIQUES[technique]}")


def _severity(known: Scenario) -> str:
    return _("{severity}; personal data leaked: {known}").format(
        severity=word(known.severity), known=word(known.personal_data)
    )


def _signs(known: Scenario) -> Iterator[Line]:
    for sign in known.signs:
        findings = f" ({', '.join(sign.findings)})" if sign.findings else ""
        yield Line(f"{_(SEEN_BY[sign.seen_by])}: {sign.what}{findings}")


def _phase(name: str, steps: Sequence[Step]) -> Part:
    lines = tuple(Line(f"{_(WHO[step.who])}: {step.do}", step.commands) for step in steps)
    return Part(name, _(PHASES[name]), lines)


def _paper(one: Paper, site: ReportingSite) -> str:
    names = {role: site.of(role) for role in one.stage.recipients}
    to = ", ".join(contact.name if contact else _(ROLES[role]) for role, contact in names.items())
    text = f"{one.stage.title}: {one.due}; {one.form}; {to} ({one.stage.key}, {one.profile})"
    return f"{text}; " + _("until a leak is ruled out") if one.uncertain else text


def _targets(known: Scenario) -> str:
    minutes = known.targets
    return _("notice within {detect} min, contain within {contain} min, recover within {recover} min").format(
        detect=minutes.detect, contain=minutes.contain, recover=minutes.recover
    )


def _value(part: Part) -> str:
    dash = "– " if len(part.lines) > 1 else ""
    rows = [[f"{dash}{line.text}", *(f"→ {command}" for command in line.commands)] for line in part.lines]
    return "\n".join(row for group in rows for row in group)
