"""The record of a drill: what it was about, who did what with which effect, what was measured, and what was learnt.

A drill is a case that was opened as an exercise, or one that `drill run` played on disposable hosts. What people judge
stays a blank: who took part, the lessons that nobody recorded, and the verdict on an exercise that no program played.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ungcuu.case.case import Case, list_cases
from ungcuu.case.derivation import derive
from ungcuu.case.facts import TITLES, Facts, from_host
from ungcuu.case.index import OPERATIONS
from ungcuu.case.journal import read_records
from ungcuu.case.lessons import ROOT_CAUSES, follow_ups, lessons_of
from ungcuu.case.record import Record
from ungcuu.core.errors import UngcuuError, UsageFault
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.drill.scenario import SEEN_BY, Scenario, load, names
from ungcuu.drill.techniques import TECHNIQUES
from ungcuu.hosts.reporting_site import ReportingSite
from ungcuu.report.format import shown_place, shown_time, word
from ungcuu.report.forms import Field, Form, reporter
from ungcuu.report.preparedness.drill_trend import MEASURES, shown, target_of, values_of
from ungcuu.report.preparedness.plan_letters import lines
from ungcuu.report.preparedness.proofs import DRILL
from ungcuu.report.runs import by_run, outline, run_title

APART = "drill/"  # before the number of a case that `drill run` played in a state folder of its own


@dataclass(frozen=True)
class Played:
    """One drill: its case with all records, and what `drill run` recorded of it, with the place of that record."""

    case: str = ""
    records: Sequence[Record] = ()
    result: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""

    @property
    def facts(self) -> Facts:
        """What the journal of its case proves."""
        return derive(self.records)

    @property
    def scenario(self) -> str:
        """The scenario that was played; empty for an exercise without one."""
        return str(self.result.get("scenario") or "")


def find(settings: Settings, wanted: str | None = None) -> Played:
    """Return the drill of that case, else the newest one.

    Raises:
        UsageFault: There is none.
        Tampered: Its journal can't be read.
    """
    recorded = [
        Played(f"{APART}{record.data.get('case')}" if record.data.get("case") else "", (), record.data, place)
        for record in (read_records(settings.operations) if settings.operations.is_dir() else [])
        if record.kind == DRILL and not from_host(record) and (place := f"{OPERATIONS} {record.seq}")
    ]
    times = {record.seq: record.time for record in read_records(settings.operations)} if recorded else {}
    known = [(times[int(one.place.partition(" ")[2])], one) for one in recorded]
    known += [(case.facts.opened, Played(case.id)) for case in list_cases(settings) if case.facts.drill]
    chosen = [one for _time, one in sorted(known, key=lambda pair: pair[0]) if wanted in (None, one.case)]
    if not chosen:
        names = ", ".join(dict.fromkeys(one.case for _time, one in known if one.case)) or "–"
        raise UsageFault(
            _("There is no drill {name}; there are: {known}").format(name=wanted or "", known=names),
            _("Nothing was written."),
            "ungcuu drill run webshell",
        )
    return replace(chosen[-1], records=_records(settings, chosen[-1].case))


def _records(settings: Settings, case: str) -> Sequence[Record]:
    """The records of its case; none where the drill ended before one was opened, or a later drill took its place."""
    if not case:
        return ()
    apart = case.startswith(APART)
    place = replace(settings, state=settings.state / "drill") if apart else settings
    try:
        return Case(place, case.removeprefix(APART)).records()
    except (OSError, UngcuuError):
        if apart:
            return ()
        raise


def drill(site: ReportingSite, played: Played, scenario: Mapping[str, Any]) -> Form:
    """Return the record; ``scenario`` is the data of the one that was played, empty where none was."""
    facts = played.facts
    fields = (
        *reporter(site, "1. "),
        Field("exercise", "2. " + _("The exercise"), True, _exercise(played, facts, scenario)),
        Field("period", _("Begin and end"), True, _times(played)),
        Field("target", "3. " + _("Target: system and hosts"), True, _target(site, facts, scenario)),
        Field("people", "4. " + _("People: who took part, in which role"), True),
        Field("operators", _("Who typed the commands"), False, _operators(facts)),
        Field("process", "5. " + _("Process: the plan and procedures that were practised"), True, _process(played)),
        Field("technology", "6. " + _("Technology"), False, _technology(scenario)),
        Field("attacks", "7. " + _("Attacks: kind, payload, entry point, effect"), True, _attacks(played, scenario)),
        Field("actions", "8. " + _("Each action with its effect and its record"), True, _actions(played, facts)),
        Field("findings", _("What was found (the host's word)"), False, _findings(facts)),
        Field("measured", "9. " + _("What was measured"), True, _measured(played, facts)),
        Field("verdict", "10. " + _("Verdict"), True, _verdict(played, facts)),
        Field("lessons", "11. " + _("Lessons"), True, _lessons(played.records)),
        Field("follow_ups", _("Follow-ups: who, until when"), False, _follow_ups(played.records)),
        Field("request", "12. " + _("Proposals")),
    )
    return Form("drill", _("RECORD"), _("Drill of the response to a network security incident"), "", fields)


def doubts(played: Played) -> tuple[str, ...]:
    """Return what is missing for a whole record."""
    if played.records:
        return ()
    return (_("The journal of the drill's case is not there: what was done step by step is not known."),)


def _exercise(played: Played, facts: Facts, scenario: Mapping[str, Any]) -> str:
    title = scenario["title"] if scenario else facts.title or played.scenario
    story = " ".join(scenario["story"].split()) if scenario else facts.reason
    places = ", ".join(filter(None, [played.case, shown_place(played.place)]))
    return "\n".join(filter(None, [title, story, _("records: {places}").format(places=places) if places else ""]))


def _times(played: Played) -> str:
    if not played.records:
        return ""
    return _("{first} to {last}").format(
        first=shown_time(played.records[0].time), last=shown_time(played.records[-1].time)
    )


def _target(site: ReportingSite, facts: Facts, scenario: Mapping[str, Any]) -> str:
    hosts = ", ".join(facts.hosts or scenario.get("hosts", ()))
    if scenario:
        return _("disposable hosts, made for the drill: {hosts}").format(hosts=hosts)
    system = facts.system or (found.name if (found := site.system_of(facts.hosts)) else "")
    return ": ".join(filter(None, [system, hosts]))


def _operators(facts: Facts) -> str:
    return ", ".join(dict.fromkeys(run.operator for run in facts.runs if run.operator))


def _technology(scenario: Mapping[str, Any]) -> str:
    if not scenario:
        return ""
    return _("ungcuu in a lab of containers with real systemd, web server, PHP and database; no production host")


def _plan(played: Played) -> Scenario | None:
    return load(played.scenario) if played.scenario in names() else None


def _process(played: Played) -> str:
    plan = _plan(played)
    return _("response plan {name}: {title}").format(name=plan.id, title=plan.title) if plan else ""


def _attacks(played: Played, scenario: Mapping[str, Any]) -> str:
    """Kinds by the plan; payloads, entry points and effects as they were played."""
    plan = _plan(played)
    rows = [_("kind: {text}").format(text=f"{one} {TECHNIQUES[one]}") for one in (plan.techniques if plan else ())]
    rows += [_("payload, entry point: {text}").format(text=text) for text in scenario.get("attacks", ())]
    rows += [_("effect: {text}").format(text=text) for text in scenario.get("effects", ())]
    return lines(rows)


def _actions(played: Played, facts: Facts) -> str:
    rows = []
    for one in by_run(played.records, facts):
        record = shown_place(f"{played.case} {one.run.seq}")
        rows.append(f"{shown_time(one.run.started)} {run_title(one.run)}: {outline(one)} ({record})")
    return lines(rows, 40)


def _findings(facts: Facts) -> str:
    return lines(f"{_(one.title)}: {one.path} ({word(one.state)})" for one in facts.findings)


def _measured(played: Played, facts: Facts) -> str:
    """What the drill measured, with the plan's target; of an exercise what its case proves."""
    derived = {
        "seconds_to_detect": facts.seconds_to_detect,
        "seconds_to_contain": facts.seconds_to_contain,
        "seconds_to_recover": facts.seconds_to_recover,
    }
    values = {name: value for name, value in derived.items() if value is not None} | values_of(played.result)
    rows = []
    for name in (name for name in MEASURES if name in values):
        target = target_of(played.scenario, name)
        row = f"{_(MEASURES[name][0])}: {shown(name, values[name])}"
        rows.append(row + (f" ({_against(target, values[name])})" if target is not None else ""))
    noticed = played.result.get("noticed_by")
    if isinstance(noticed, list) and noticed:
        rows.append(
            _("noticed by: {names}").format(names=", ".join(_(SEEN_BY.get(str(by), str(by))) for by in noticed))
        )
    return lines(rows)


def _against(target: float, value: float) -> str:
    shown_target = _("target {value}").format(value=_("{minutes} min").format(minutes=f"{target / 60:g}"))
    return f"{shown_target}, " + _("missed") if value > target else shown_target


def _verdict(played: Played, facts: Facts) -> str:
    """What the program that played it proved; an exercise of people is judged by people."""
    if played.result:
        outcome = word(str(played.result.get("outcome") or "UNKNOWN"))
        return "; ".join(filter(None, [outcome, str(played.result.get("error") or "")]))
    if facts.phase == "closed":
        return ""
    return _("not over: the case is in the phase {phase}").format(phase=_(TITLES[facts.phase]))


def _lessons(records: Sequence[Record]) -> str:
    found = lessons_of(records)
    if found is None:
        return ""
    parts = [_(ROOT_CAUSES.get(found.root_cause, found.root_cause)) + f": {found.detail}"]
    parts += [_("worked: {text}").format(text=found.worked)] if found.worked else []
    parts += [_("did not work: {text}").format(text=found.failed)] if found.failed else []
    return "\n".join(parts)


def _follow_ups(records: Sequence[Record]) -> str:
    rows = []
    for one in follow_ups(records):
        when = _("done {time}").format(time=shown_time(one.done)) if one.done else shown_time(one.due)
        rows.append(f"{one.text} ({one.owner or '–'}; {when})")
    return lines(rows)
