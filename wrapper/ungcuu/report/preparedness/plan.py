"""The rows of the plan, what each rests on, and how it stands: the last proof, its age, and when it lapses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from types import MappingProxyType

from ungcuu.core.clock import parse_time
from ungcuu.core.i18n import N_, _
from ungcuu.prepare.register.entry import Entry
from ungcuu.prepare.register.kinds import DAYS
from ungcuu.prepare.register.store import Register
from ungcuu.report.format import shown_day, shown_place, shown_seconds, word
from ungcuu.report.preparedness.proofs import FROM_VAULT, VERBS, CaseSummary, Known, Proof

OK, SOON, LAPSED, NEVER, UNKNOWN, NONE = "ok", "soon", "lapsed", "never", "unknown", "none"
_WORST = (NEVER, LAPSED, UNKNOWN, SOON, OK, NONE)  # of several, the first of these stands for all
SOON_SHARE, SOON_DAYS = 0.25, 30  # a proof is called old in the last quarter of its time, at most in its last 30 days

ROWS = {
    "P1": N_("Detect early; warn in time and correctly"),
    "P2": N_("Spread knowledge of information security and of its legal texts"),
    "P3": N_("Send staff to training"),
    "P4": N_("Watch and monitor; install security updates"),
    "P5": N_("Survey and inspect; upgrade and repair"),
    "P6": N_("Scenarios of incidents, and how to respond to each"),
    "D1": N_("Receive, analyse, verify and notify an incident"),
    "D2": N_("Respond and contain; collect evidence; find extent and source"),
    "D3": N_("Remove, repair, restore, re-assess"),
    "D4": N_("Sum up, report, learn from it"),
    "O1": N_("Who leads and who helps: units, response team, authorities"),
    "O2": N_("Oversee subordinate units; report to the steering committee"),
}


@dataclass(frozen=True)
class Requirement:
    """One thing that a row rests on. ``each``: proven for each host, by each unit, or once for the whole office."""

    key: str
    row: str
    title: str
    each: str = "office"

    @property
    def by_tool(self) -> bool:
        """Whether journals hold what proves it."""
        return self.key in (*VERBS, "drill", "summary", "intake")


# What is recorded for each website of a host by itself; packages, isolation and evidence are the host's.
OF_WEBSITE = frozenset({"scan", "audit", "backup", "restore"})
_NONE_LISTED: Mapping[str, tuple[str, ...]] = MappingProxyType({})

REQUIREMENTS = (
    Requirement("scan", "P1", N_("Scan against the known-good state"), "host"),
    Requirement("awareness", "P2", N_("Awareness session"), "unit"),
    Requirement("legal", "P2", N_("Legal texts checked"), "office"),
    Requirement("training", "P3", N_("Training certificate that has not lapsed"), "unit"),
    Requirement("patch", "P4", N_("Security updates installed"), "host"),
    Requirement("review-logs", "P4", N_("Logs reviewed by a person"), "unit"),
    Requirement("audit", "P5", N_("Audit of all controls"), "host"),
    Requirement("review-accounts", "P5", N_("Accounts reviewed by a person"), "unit"),
    Requirement("drill", "P6", N_("Drill played to its end")),
    Requirement("approval-scenario", "P6", N_("Scenarios approved")),
    Requirement("intake", "D1", N_("Case opened, in an incident or an exercise")),
    Requirement("isolate", "D2", N_("Host isolated, proven")),
    Requirement("collect", "D2", N_("Evidence collected")),
    Requirement("backup", "D3", N_("Backup that can be restored"), "host"),
    Requirement("restore", "D3", N_("Restore proven by trying it"), "host"),
    Requirement("lessons", "D4", N_("Lessons of each closed case")),
    Requirement("contact", "O1", N_("Contacts checked")),
    Requirement("summary", "O2", N_("Summary for the steering committee drawn up")),
    Requirement("meeting", "O2", N_("Review meeting held")),
)


@dataclass(frozen=True)
class Standing:
    """How one requirement stands for one host, unit or the office. ``last`` and ``lapses`` are local days."""

    requirement: Requirement
    state: str
    unit: str = ""
    host: str = ""
    last: date | None = None
    age: int | None = None
    lapses: date | None = None
    place: str = ""
    detail: str = ""

    def doubted(self, why: str) -> Standing:
        """The same as not known, with the reason."""
        return replace(self, state=UNKNOWN, detail="; ".join(filter(None, [self.detail, why])))

    def title(self, names: Mapping[str, str]) -> str:
        """What it is, and of whom; ``names`` are those of the units."""
        whom = self.host or names.get(self.unit, self.unit)
        return f"{_(self.requirement.title)} · {whom}" if whom else _(self.requirement.title)


@dataclass(frozen=True)
class _Found:
    """What was found that proves something; ``until`` is where it says itself when it lapses."""

    last: date | None = None
    place: str = ""
    detail: str = ""
    until: date | None = None


@dataclass(frozen=True)
class Scope:
    """Of whom: the hosts that the office has, its units with theirs, and the websites of hosts that have several."""

    hosts: tuple[str, ...]
    units: Mapping[str, tuple[str, ...]]
    names: Mapping[str, str]
    websites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def own(self) -> tuple[str, ...]:
        """Hosts that belong to no unit."""
        taken = {host for hosts in self.units.values() for host in hosts}
        return tuple(host for host in self.hosts if host not in taken)

    def subjects(self, one: Requirement, host: str) -> tuple[str, ...]:
        """Whom a requirement of a host is asked about: each of its websites, where those have records of their own."""
        return self.websites.get(host) or (host,) if one.key in OF_WEBSITE else (host,)

    @property
    def kept(self) -> tuple[str, ...]:
        """Under which names the hosts' restore points are kept."""
        return tuple(name for host in self.hosts for name in self.websites.get(host) or (host,))


def scope_of(register: Register, hosts: Sequence[str], websites: Mapping[str, tuple[str, ...]] = _NONE_LISTED) -> Scope:
    """Return the units of the register; hosts that only a unit names count too."""
    units = {entry.id.partition("-")[2]: entry.items("hosts") for entry in register.of("unit")}
    named = [host for found in units.values() for host in found if host not in hosts]
    names = {entry.id.partition("-")[2]: entry.title for entry in register.of("unit")}
    return Scope((*hosts, *dict.fromkeys(named)), units, names, websites)


@dataclass(frozen=True)
class View:
    """Everything that the plan is judged by, at one moment."""

    register: Register
    known: Known
    scope: Scope
    now: datetime
    zone: tzinfo

    @property
    def today(self) -> date:
        """The local day."""
        return self.now.astimezone(self.zone).date()

    def day(self, time: str) -> date | None:
        """The local day of a time in the journal's form."""
        try:
            return parse_time(time).astimezone(self.zone).date()
        except ValueError:
            return None

    def days(self, key: str) -> int:
        """In how many days a proof lapses: as the site set it, else by default."""
        own = [entry.values["days"] for entry in self.register.of("interval") if entry.values.get("what") == key]
        return next((days for days in own if isinstance(days, int)), DAYS.get(key, 0))


def standings(view: View) -> list[Standing]:
    """Return how each requirement stands, for each of whom it is asked."""
    found: list[Standing] = []
    for one in REQUIREMENTS:
        if one.each == "host":
            pairs = [("", host) for host in view.scope.own]
            pairs += [(unit, host) for unit, hosts in view.scope.units.items() for host in hosts]
            found += [
                _by_tool(view, one, unit, name) for unit, host in pairs for name in view.scope.subjects(one, host)
            ]
            if not pairs:
                found.append(Standing(one, NEVER, detail=_("the inventory names no website host")))
        elif one.each == "unit":
            found += [_by_people(view, one, unit) for unit in ("", *view.scope.units)]
        elif one.key == "lessons":
            found.append(_lessons(view, one))
        else:
            found.append(_once(view, one))
    return found


def of_row(found: Iterable[Standing], row: str) -> str:
    """The state of a row: the worst of what it rests on."""
    return worst(one for one in found if one.requirement.row == row)


def worst(found: Iterable[Standing]) -> str:
    """The state that stands for several: what is surely not carried out comes before what is not known."""
    states = {one.state for one in found}
    return next((state for state in _WORST if state in states), NONE)


def _by_tool(view: View, one: Requirement, unit: str = "", host: str = "") -> Standing:
    """What a run or a restore point proves of one host; without a host, of any."""
    about = [proof for proof in view.known.proofs if proof.what == one.key and (not host or proof.host == host)]
    good = max((proof for proof in about if proof.outcome == "DONE"), key=lambda proof: proof.time, default=None)
    last = max(about, key=lambda proof: proof.time, default=None)
    notes = [_words(good)] if good else []
    if last is not None and last is not good and (good is None or last.time > good.time):
        text = _("tried again on {day}: {outcome} ({place})") if good else _("tried on {day}: {outcome} ({place})")
        notes.append(
            text.format(day=shown_day(view.day(last.time)), outcome=_outcome(last), place=shown_place(last.place))
        )
    day = view.day(good.time) if good else None
    place = good.place if good else ""
    return _judged(view, one, _Found(day, place, "; ".join(filter(None, notes))), unit, host)


def _outcome(proof: Proof) -> str:
    return word(proof.outcome)


_MEASURED = {
    "isolate": N_("isolated in {time}"),
    "restore": N_("restored in {time}"),
    "drill": N_("contained in {time}"),
}


def _words(proof: Proof) -> str:
    parts = [proof.detail]
    if proof.what in _MEASURED and proof.seconds is not None:
        parts.append(_(_MEASURED[proof.what]).format(time=shown_seconds(proof.seconds)))
    if proof.practice and proof.what != "drill":
        parts.append(_("in an exercise"))
    if not proof.host or proof.what in ("isolate", "collect"):
        parts.append(proof.host)
    return ", ".join(filter(None, parts))


def _by_people(view: View, one: Requirement, unit: str = "") -> Standing:
    """What a record of the register proves; where units are asked, only a record of that unit counts."""
    kind, _dash, subject = one.key.partition("-")
    entries = [
        entry
        for entry in view.register.of(kind)
        if entry.done and entry.text("unit") == unit and subject in ("", entry.text("subject"))
    ]
    if kind == "training":
        return _training(view, one, entries, unit)
    last = max(entries, key=lambda entry: entry.done or date.min, default=None)
    found = _Found(last.done, last.id, last.title, last.day("until")) if last else _Found()
    return _judged(view, one, found, unit)


def _training(view: View, one: Requirement, entries: Sequence[Entry], unit: str) -> Standing:
    """The certificate that lapses last keeps the row; each other one is due on its own."""
    last = max(entries, key=lambda entry: entry.day("until") or date.min, default=None)
    detail = f"{last.text('person')}: {last.title}" if last else ""
    found = _Found(last.done, last.id, detail, last.day("until")) if last else _Found()
    return _judged(view, one, found, unit)


def _once(view: View, one: Requirement) -> Standing:
    """What is asked once for the whole office: by people, by the tool, or by either (a drill)."""
    if one.key == "legal":
        return _oldest(view, one, [entry for entry in view.register.of("legal") if entry.text("in_plan") != "no"])
    if one.key == "contact":
        return _oldest(view, one, view.register.of("contact"))
    if one.key == "intake":
        last = max(view.known.cases, key=lambda case: case.opened, default=None)
        day = view.day(last.opened) if last else None
        return _judged(view, one, _Found(day, last.id, last.title) if last else _Found())
    found = [_by_tool(view, one)]
    if one.key in ("drill", "meeting", "approval-scenario"):
        found.append(_by_people(view, one))
    dated = [standing for standing in found if standing.last]
    return max(dated, key=lambda standing: standing.last or date.min) if dated else found[0]


def _oldest(view: View, one: Requirement, entries: Sequence[Entry]) -> Standing:
    """Records that have each to be checked again: the one that was checked longest ago counts."""
    undated = next((entry for entry in entries if entry.done is None), None)
    if not entries or undated:
        return _judged(view, one, _Found(detail=undated.id if undated else ""))
    first = min(entries, key=lambda entry: entry.done or date.max)
    count = _("{count} records; checked longest ago: {title}").format(count=len(entries), title=first.title)
    if first.id not in view.register.own:
        count += "; " + _("as shipped with ungcuu, not checked here by a person")
    return _judged(view, one, _Found(first.done, first.id, count))


def _lessons(view: View, one: Requirement) -> Standing:
    """Each closed case has its lessons; without a closed case there is nothing to learn from."""
    closed = [case for case in view.known.cases if case.closed and not case.apart]
    open_ones = [case for case in closed if not case.root_cause]
    if open_ones:
        names = ", ".join(case.id for case in open_ones)
        return Standing(one, LAPSED, detail=_("no lessons recorded: {cases}").format(cases=names))
    if not closed:
        state = UNKNOWN if view.known.unread else NONE
        return Standing(one, state, detail=_("no case was closed yet"))
    last = max(closed, key=lambda case: case.closed)
    day = view.day(str(last.lesson.get("time") or ""))
    return Standing(one, OK, last=day, age=(view.today - day).days if day else None, place=last.id, detail=last.title)


def _judged(view: View, one: Requirement, found: _Found, unit: str = "", host: str = "") -> Standing:
    """Judge the day of a proof by the clock."""
    last, doubt = found.last, _doubt(view, one, host)
    standing = Standing(one, NEVER, unit, host, last, place=found.place, detail=found.detail)
    if last is None:
        return standing.doubted(doubt) if doubt else standing
    if last > view.today:
        return standing.doubted(
            _("dated in the future: the clock of this machine was set back, or the record is wrong")
        )
    lapses = found.until or last + timedelta(days=view.days(one.key))
    left = (lapses - view.today).days
    soon = min(SOON_DAYS, int((lapses - last).days * SOON_SHARE))
    state = LAPSED if left < 0 else SOON if left <= soon else OK
    dated = replace(standing, state=state, age=(view.today - last).days, lapses=lapses)
    return dated.doubted(doubt) if state == LAPSED and doubt else dated


def _doubt(view: View, one: Requirement, host: str) -> str:
    """Why a newer proof may stand where nobody could look; empty where all that matters was read."""
    if one.key in FROM_VAULT:
        message = _("the vault was not asked yet: ungcuu restore-points {host}")
        return message.format(host=host) if host in view.known.unasked else ""
    kind = one.key.partition("-")[0]
    if any(fault.kind == kind for fault in view.register.faults):
        return _("a record of this kind can't be read")
    return _("a journal can't be read") if one.by_tool and view.known.unread else ""


def cases_again(cases: Iterable[CaseSummary]) -> Iterator[tuple[str, list[CaseSummary]]]:
    """Yield the root causes that more than one real case had, with these cases; oldest first."""
    by_cause: dict[str, list[CaseSummary]] = {}
    for case in cases:
        if case.root_cause not in ("", "not-found", "other") and not case.drill:
            by_cause.setdefault(case.root_cause, []).append(case)
    yield from ((cause, found) for cause, found in by_cause.items() if len(found) > 1)
