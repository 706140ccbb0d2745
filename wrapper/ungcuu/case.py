"""A case: its phases, its clocks and what is still open, all derived from its journal.

There is no second copy: what a command or a report says about a case is folded from the records each time.

1. ``detect → contain → recover → review → closed``; a returned intruder may send a case back to ``contain``.
2. A closed case takes no more records of work; a new incident is a new case.
3. A case is closed while a host is isolated or a finding is open only by force, with a reason, and that is recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from ungcuu.errors import Refused, Tampered, UsageFault
from ungcuu.i18n import N_, _
from ungcuu.journal import NAME, Journal, Record, format_time, now, parse_time, read_records
from ungcuu.settings import Settings

PHASES = ("detect", "contain", "recover", "review", "closed")
SEVERITIES = ("low", "medium", "high", "critical")
VERDICTS = ("false alarm", "accepted")
TLP = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")
TITLES = {
    "detect": N_("detect"),
    "contain": N_("contain"),
    "recover": N_("recover"),
    "review": N_("review"),
    "closed": N_("closed"),
}

_ID = re.compile(r"UC-\d{8}-\d{3,}\Z")
_ALLOWED = {
    "detect": {"contain", "recover", "review"},
    "contain": {"recover", "review"},
    "recover": {"contain", "review"},
    "review": {"contain", "recover"},
    "closed": set(),
}
# The phase that a verb's success brings a case to; verbs that are not here leave it where it is.
_PHASE_OF_VERB = {
    "isolate": "contain",
    "block": "contain",
    "collect": "contain",
    "eradicate": "recover",
    "restore": "recover",
    "rotate": "recover",
    "reassess": "recover",
    "release": "review",
}
_SCANS = ("scan", "reassess")
# Kinds that steer a case. A task's result is the host's word, so none of these is believed when it came in one.
_OURS = {"case_opened", "case_closed", "phase", "detected", "first_sign", "run_started", "run_finished", "verdict"}


@dataclass(frozen=True)
class Run:
    """One run of a verb, as the journal tells it; ``finished`` is empty where the journal has no end of it."""

    verb: str
    hosts: tuple[str, ...]
    started: str
    finished: str = ""
    outcome: str = ""
    seconds: float | None = None
    reason: str = ""
    operator: str = ""
    seq: int = 0
    run: str = ""


@dataclass(frozen=True)
class Finding:
    """One finding and what became of it. ``state``: open, quarantined, gone, or a person's verdict."""

    id: str
    host: str
    severity: str
    title: str
    path: str
    state: str
    seen: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether nothing and nobody has answered it."""
        return self.state == "open"

    @property
    def blocks(self) -> bool:
        """Whether it stands in the way of closing the case; a low one does not spoil a re-assessment either."""
        return self.open and self.severity != "low"


@dataclass(frozen=True)
class Facts:
    """Everything about a case that its records prove. Times are UTC in the journal's form; empty means not proven.

    ``first_sign_by`` is ``host`` where only file times on the host say so: an intruder may have set them.
    """

    case: str = ""
    title: str = ""
    hosts: tuple[str, ...] = ()
    severity: str = ""
    tlp: str = "AMBER"
    reason: str = ""
    operator: str = ""
    detected_by: str = ""
    drill: bool = False
    phase: str = "detect"
    phase_since: Mapping[str, str] = field(default_factory=dict)
    first_sign: str = ""
    first_sign_by: str = ""
    detected: str = ""
    opened: str = ""
    contained: str = ""
    recovered: str = ""
    closed: str = ""
    isolated: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    runs: tuple[Run, ...] = ()

    @property
    def seconds_to_detect(self) -> float | None:
        """From the first sign of compromise to its detection."""
        return _between(self.first_sign, self.detected)

    @property
    def seconds_to_contain(self) -> float | None:
        """From detection to the end of the first isolation that succeeded."""
        return _between(self.detected, self.contained)

    @property
    def seconds_to_recover(self) -> float | None:
        """From containment to the end of the release that returned the last host to service."""
        return _between(self.contained, self.recovered)

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """Findings that nothing and nobody has answered."""
        return tuple(finding for finding in self.findings if finding.open)


def payload(record: Record) -> Mapping[str, Any]:
    """The data of a record. What a playbook handed over lies below the host that it came from, which wins."""
    inner = record.data.get("data")
    if not isinstance(inner, Mapping):
        return record.data
    return {**inner, **{key: value for key, value in record.data.items() if key != "data"}}


def from_host(record: Record) -> bool:
    """Whether a record was handed over by a run on a host, and is no more than that host's word."""
    return isinstance(record.data.get("data"), Mapping)


def hosts_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The hosts that a record names."""
    value = data.get("hosts") or data.get("host") or ()
    if isinstance(value, list | tuple):
        return tuple(map(str, value))
    return tuple(value.split(",")) if isinstance(value, str) else ()


def derive(records: Iterable[Record]) -> Facts:
    """Fold the records of a journal into what they prove. Pure."""
    fold = _Fold()
    for record in records:
        fold.take(record)
    return fold.facts()


class _Fold:
    """The accumulator of :func:`derive`."""

    def __init__(self) -> None:
        self._facts = Facts()
        self._phase_since: dict[str, str] = {}
        self._runs: list[Run] = []
        self._isolated: dict[str, str] = {}  # host → "yes" or "unsure"
        self._findings: dict[tuple[str, str], Finding] = {}
        self._quarantined: dict[str, tuple[str, str]] = {}  # id in quarantine → finding
        self._seen: set[tuple[str, str]] = set()  # findings of the scan under way, or of the last one, of each host

    def take(self, record: Record) -> None:
        """Account for one record; a kind without a method here changes nothing that is derived."""
        handler = getattr(self, f"_on_{record.kind}", None)
        if handler is not None and not (record.kind in _OURS and from_host(record)):
            handler(record, payload(record))

    def facts(self) -> Facts:
        """Return what has been folded so far."""
        return replace(
            self._facts,
            phase_since=dict(self._phase_since),
            runs=tuple(self._runs),
            findings=tuple(self._findings.values()),
            isolated=tuple(sorted(self._isolated)),
            unsure=tuple(sorted(host for host, sure in self._isolated.items() if sure == "unsure")),
        )

    def _enter(self, phase: str, when: str) -> None:
        if phase != self._facts.phase:
            self._facts = replace(self._facts, phase=phase)
            self._phase_since[phase] = when

    def _on_case_opened(self, record: Record, data: Mapping[str, Any]) -> None:
        self._facts = replace(
            self._facts,
            case=str(data.get("case") or ""),
            title=str(data.get("title") or ""),
            severity=str(data.get("severity") or ""),
            reason=str(data.get("reason") or ""),
            operator=str(data.get("operator") or ""),
            detected_by=str(data.get("detected_by") or ""),
            drill=data.get("drill") is True,
            hosts=hosts_of(data),
            tlp=str(data.get("tlp") or "AMBER"),
            first_sign=_utc(data.get("first_sign")),
            detected=_utc(data.get("detected_at")) or record.time,
            opened=record.time,
        )
        self._phase_since["detect"] = record.time

    def _on_first_sign(self, _record: Record, data: Mapping[str, Any]) -> None:
        if when := _utc(data.get("time")):
            self._facts = replace(self._facts, first_sign=when, first_sign_by="")

    def _on_detected(self, _record: Record, data: Mapping[str, Any]) -> None:
        self._facts = replace(self._facts, detected=_utc(data.get("time")) or self._facts.detected)

    def _on_phase(self, record: Record, data: Mapping[str, Any]) -> None:
        if data.get("phase") in PHASES:
            self._enter(str(data["phase"]), record.time)

    def _on_case_closed(self, record: Record, _data: Mapping[str, Any]) -> None:
        self._enter("closed", record.time)
        self._facts = replace(self._facts, closed=record.time)

    def _on_run_started(self, record: Record, data: Mapping[str, Any]) -> None:
        run = Run(
            verb=str(data.get("verb") or ""),
            hosts=hosts_of(data),
            started=record.time,
            reason=str(data.get("reason") or ""),
            operator=str(data.get("operator") or ""),
            seq=record.seq,
            run=str(data.get("run") or ""),
        )
        self._runs.append(run)
        if run.verb in _SCANS:
            self._seen = {key for key in self._seen if key[0] not in run.hosts}
        if run.verb == "isolate":
            self._isolated |= {host: "unsure" for host in run.hosts if host not in self._isolated}

    def _on_run_finished(self, record: Record, data: Mapping[str, Any]) -> None:
        at = self._run_index(data)
        if at is None:
            return
        run = replace(
            self._runs[at],
            finished=record.time,
            outcome=str(data.get("outcome") or ""),
            seconds=_number(data.get("seconds")),
        )
        self._runs[at] = run
        outcomes = data.get("outcomes") if isinstance(data.get("outcomes"), Mapping) else {}
        for host in run.hosts:
            self._settle(run, host, str((outcomes or {}).get(host) or run.outcome))
        if run.outcome == "DONE" and self._facts.phase != "closed":
            self._follow(run)

    def _run_index(self, data: Mapping[str, Any]) -> int | None:
        """The unfinished run that a record ends: by its id where it has one, else the newest of that verb."""
        for at in reversed(range(len(self._runs))):
            run = self._runs[at]
            same = data["run"] == run.run if data.get("run") else data.get("verb", run.verb) == run.verb
            if same and not run.finished:
                return at
        return None

    def _settle(self, run: Run, host: str, outcome: str) -> None:
        """What the end of a run proves about one host."""
        if run.verb == "isolate":
            if outcome == "DONE":
                self._isolated[host] = "yes"
            elif outcome == "NOT DONE" and self._isolated.get(host) == "unsure":
                del self._isolated[host]
        elif run.verb == "release" and host in self._isolated:
            if outcome == "DONE":
                del self._isolated[host]
            elif outcome == "UNKNOWN":
                self._isolated[host] = "unsure"

    def _on_scan(self, _record: Record, data: Mapping[str, Any]) -> None:
        """The end of one whole scan of a host: what it no longer saw is gone. Believed only from a scan under way."""
        host = ",".join(hosts_of(data))
        under_way = any(run.verb in _SCANS and not run.finished and host in run.hosts for run in self._runs)
        if not under_way or data.get("complete") is not True:
            return
        self._forget_unseen(host)
        if not self._facts.first_sign and (when := _utc(data.get("first_sign"))):
            self._facts = replace(self._facts, first_sign=when, first_sign_by="host")

    def _forget_unseen(self, host: str) -> None:
        for key, finding in self._findings.items():
            if finding.host == host and finding.open and key not in self._seen:
                self._findings[key] = replace(finding, state="gone")

    def _follow(self, run: Run) -> None:
        if run.verb == "isolate" and not self._facts.contained:
            self._facts = replace(self._facts, contained=run.finished)
        if run.verb == "release" and not self._isolated:
            self._facts = replace(self._facts, recovered=run.finished)
        if run.verb in _PHASE_OF_VERB and (run.verb != "release" or not self._isolated):
            self._enter(_PHASE_OF_VERB[run.verb], run.finished)

    def _on_finding(self, record: Record, data: Mapping[str, Any]) -> None:
        host = ",".join(hosts_of(data))
        path = str(data.get("path") or "")
        key = (host, str(data.get("id") or f"{data.get('rule') or data.get('check') or ''}:{path}"))
        known = self._findings.get(key)
        self._seen.add(key)
        self._findings[key] = Finding(
            id=key[1],
            host=host,
            severity=str(data.get("severity") or ""),
            title=str(data.get("title") or data.get("summary") or data.get("rule") or data.get("check") or ""),
            path=path,
            state=known.state if known and known.state in VERDICTS else "open",
            seen=known.seen if known else record.time,
            data=data,
        )

    def _on_quarantine(self, _record: Record, data: Mapping[str, Any]) -> None:
        hosts, path, named = hosts_of(data), str(data.get("path") or ""), str(data.get("finding") or "")
        for key, finding in self._findings.items():
            same = finding.id == named if named else bool(path) and finding.path == path
            if same and (not hosts or finding.host in hosts) and finding.open:
                self._findings[key] = replace(finding, state="quarantined")
                self._quarantined[str(data.get("id") or "")] = key

    def _on_change(self, _record: Record, data: Mapping[str, Any]) -> None:
        """What was put back from quarantine is open again."""
        key = self._quarantined.get(str(data.get("item") or "")) if data.get("what") == "put back" else None
        if key is not None:
            self._findings[key] = replace(self._findings[key], state="open")

    def _on_verdict(self, _record: Record, data: Mapping[str, Any]) -> None:
        for key, finding in self._findings.items():
            if finding.id == data.get("finding"):
                self._findings[key] = replace(finding, state=str(data.get("verdict") or finding.state))


# --- cases on this controller -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One case folder. ``facts`` is read once; ask for the case again to see what was written since."""

    settings: Settings
    id: str

    @property
    def folder(self) -> Path:
        """``cases/<id>``."""
        return self.settings.cases / self.id

    @property
    def evidence(self) -> Path:
        """Where evidence lies, named by content hash."""
        return self.folder / "evidence"

    @property
    def head(self) -> Path:
        """The signed head, outside the case folder."""
        return self.settings.heads / f"{self.id}.json"

    @cached_property
    def facts(self) -> Facts:
        """What the journal proves."""
        return derive(self.records())

    def records(self) -> list[Record]:
        """All records of its journal."""
        return read_records(self.folder)

    def journal(self) -> Journal:
        """Open its journal for writing."""
        return Journal.open(self.folder, self.settings.keys, self.settings.heads)

    def advance(self, phase: str, reason: str = "") -> Case:
        """Bring the case to a phase; the phase it is in already is no change.

        Raises:
            Refused: that phase does not follow, or the case is closed.
        """
        present = self._fresh().facts.phase
        if phase == present:
            return self._fresh()
        if phase == "closed" or phase not in _ALLOWED[present]:
            raise Refused(
                _("Case {case} can't go from {present} to {phase}").format(
                    case=self.id, present=_(TITLES[present]), phase=_(TITLES.get(phase, phase))
                ),
                mend=f"ungcuu case status {self.id}",
            )
        self.journal().append("phase", {"phase": phase, "from": present, "reason": reason, **self._by()})
        return self._fresh()

    def note(self, text: str) -> Record:
        """Write a person's note into the journal. A note is possible after the end too."""
        return self.journal().append("note", {"text": text, **self._by()})

    def add_task(self, text: str, due: datetime | None = None) -> Record:
        """Put something on the list of what people have to do. Its key is ``task-`` and a number."""
        number = 1 + sum(record.kind == "task" for record in self.records())
        data = {"task": f"task-{number}", "text": text, "due": format_time(due) if due else "", **self._by()}
        return self.journal().append("task", data)

    def finish_task(self, task: str, proof: str) -> Record:
        """Record that a person did something, and what proves it. Tasks may be finished after the case was closed."""
        return self.journal().append("task_done", {"task": task, "text": proof, **self._by()})

    def judge(self, finding: str, verdict: str, reason: str) -> Record:
        """Record a person's verdict on a finding: ``false alarm`` or ``accepted``; it stops standing in the way.

        Raises:
            UsageFault: there is no such finding, no such verdict, or no reason.
            Refused: the case is closed.
        """
        self.refuse_closed()
        if finding not in {known.id for known in self._fresh().facts.findings}:
            raise UsageFault(_("Case {case} has no finding {id}").format(case=self.id, id=finding))
        if verdict not in VERDICTS or not reason.strip():
            raise UsageFault(_("A verdict is one of {values}, with a reason").format(values=", ".join(VERDICTS)))
        data = {"finding": finding, "verdict": verdict, "reason": reason, **self._by()}
        return self.journal().append("verdict", data)

    def obstacles(self) -> list[str]:
        """What stands in the way of closing the case, in words."""
        facts = self._fresh().facts
        sure = [host for host in facts.isolated if host not in facts.unsure]
        return [
            *(_("{host} is still isolated").format(host=host) for host in sure),
            *(_("it is not certain that {host} is out of isolation").format(host=host) for host in facts.unsure),
            *(
                _("finding {id} on {host} is open: {path}").format(id=f.id, host=f.host, path=f.path or f.title)
                for f in facts.open_findings
                if f.blocks
            ),
        ]

    def close(self, reason: str = "", *, force: bool = False) -> Case:
        """Close the case for good.

        Raises:
            Refused: it is closed already, or something stands in the way and ``force`` and a reason are not given.
        """
        fresh = self._fresh()
        fresh.refuse_closed()
        obstacles = fresh.obstacles()
        if obstacles and not force:
            raise Refused(
                _("Case {case} can't be closed: {why}").format(case=self.id, why="; ".join(obstacles)),
                _("The case stays open in the phase {phase}.").format(phase=_(TITLES[fresh.facts.phase])),
                f"ungcuu case status {self.id}",
            )
        if obstacles and not reason.strip():
            raise UsageFault(_("--force needs --reason: why is the case closed while something is open?"))
        data = {"reason": reason, "forced": bool(obstacles), "open": obstacles, **self._by()}
        self.journal().append("case_closed", data)
        return self._fresh()

    def refuse_closed(self) -> None:
        """Raise unless work may still be recorded in this case.

        Raises:
            Refused: it is closed.
        """
        if self._fresh().facts.phase == "closed":
            raise Refused(
                _("Case {case} is closed; a closed case is not opened again").format(case=self.id),
                _("Nothing was changed."),
                "ungcuu case open HOST --title …",
            )

    def _fresh(self) -> Case:
        return Case(self.settings, self.id)

    def _by(self) -> dict[str, str]:
        return {"operator": self.settings.operator}


def open_case(
    settings: Settings,
    hosts: Sequence[str],
    title: str,
    reason: str = "",
    severity: str = "high",
    *,
    tlp: str = "AMBER",
    detected_at: datetime | None = None,
    detected_by: str = "",
    first_sign: datetime | None = None,
    drill: bool = False,
) -> Case:
    """Open a case for hosts and return it.

    ``detected_at`` is when somebody or something first noticed, by default now; ``first_sign`` is the earliest trace of
    the intruder, where it is known. Both start clocks. ``drill`` marks everything made of it as an exercise.

    Raises:
        UsageFault: a value is not one of those allowed, or a time lies in the future.
        JournalError: the journal can't be written.
    """
    _refuse_values(title, severity, tlp, detected_at, first_sign)
    case = _claim(settings)
    opened = now()
    case.journal().append(
        "case_opened",
        {
            "case": case.id,
            "title": title.strip(),
            "hosts": list(hosts),
            "reason": reason,
            "severity": severity,
            "tlp": tlp,
            "detected_at": format_time(detected_at) if detected_at else opened,
            "detected_by": detected_by,
            "first_sign": format_time(first_sign) if first_sign else "",
            "drill": drill,
            "operator": settings.operator,
        },
    )
    return case


def parse_when(text: str) -> datetime:
    """Read a time that a person typed: ISO 8601; without a zone it is this machine's local time.

    Raises:
        UsageFault: it is not a time.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageFault(
            _("Not a time: {text}").format(text=text), _("Nothing was changed."), "--detected-at 2026-11-22T09:30+07:00"
        ) from error
    return moment.astimezone(UTC)


def find(settings: Settings, case_id: str) -> Case:
    """Return the case of that id.

    Raises:
        UsageFault: there is none.
    """
    case = Case(settings, case_id)
    if not _ID.match(case_id) or not (case.folder / NAME).is_file():
        raise UsageFault(_("There is no case {case}").format(case=repr(case_id)), mend="ungcuu case list")
    return case


def current(settings: Settings, host: str) -> Case | None:
    """Return the newest open case that names this host."""
    for case in reversed(list_cases(settings)):
        facts = case.facts
        if host in facts.hosts and facts.phase != "closed":
            return case
    return None


def list_cases(settings: Settings) -> list[Case]:
    """All cases, oldest first. One whose journal can't be read is left out here; ``case verify`` names it."""
    if not settings.cases.is_dir():
        return []
    names = sorted((path.name for path in settings.cases.iterdir() if _ID.match(path.name)), key=_number_of)
    return [case for case in (Case(settings, name) for name in names) if _readable(case)]


def _readable(case: Case) -> bool:
    try:
        return bool(case.facts.opened)
    except Tampered:
        return False


def _number_of(case_id: str) -> tuple[str, int]:
    __, day, number = case_id.split("-")
    return day, int(number)


def _claim(settings: Settings) -> Case:
    """Take the next free number of the day; a number whose head exists was used, though its folder may be gone."""
    day = datetime.now(UTC).astimezone().strftime("%Y%m%d")
    settings.cases.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(1, 100_000):
        case = Case(settings, f"UC-{day}-{number:03d}")
        if case.head.exists():
            continue
        try:
            case.folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        case.evidence.mkdir(mode=0o700)
        return case
    raise Refused(_("No number is left for a case today"))


def _refuse_values(
    title: str, severity: str, tlp: str, detected_at: datetime | None, first_sign: datetime | None
) -> None:
    if not title.strip():
        raise UsageFault(_("A case needs a title"))
    if severity not in SEVERITIES:
        raise UsageFault(_("Severity is one of {values}").format(values=", ".join(SEVERITIES)))
    if tlp not in TLP:
        raise UsageFault(_("TLP is one of {values}").format(values=", ".join(TLP)))
    for moment in (detected_at, first_sign):
        if moment is not None and (moment.tzinfo is None or moment > datetime.now(UTC)):
            raise UsageFault(_("A time needs its zone and can't lie in the future: {time}").format(time=moment))


def _between(start: str, end: str) -> float | None:
    try:
        return max(0.0, (parse_time(end) - parse_time(start)).total_seconds())
    except ValueError:
        return None


def _utc(value: object) -> str:
    """A time that someone wrote, in the journal's form; empty where it is none."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return ""
    return format_time(moment) if moment.tzinfo else ""


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
