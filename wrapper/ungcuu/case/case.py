"""A case: its folder, the steps that a person may take it through, and what stands in the way of closing it.

1. ``detect → contain → recover → review → closed``; a returned intruder may send a case back to ``contain``.
2. A closed case takes no more records of work; a new incident is a new case.
3. A case is closed while a host is isolated or a finding is open only by force, with a reason, and that is recorded.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from ungcuu.case.derivation import derive
from ungcuu.case.facts import TITLES, VERDICTS, Facts
from ungcuu.case.journal import NAME, Journal, read_records
from ungcuu.case.record import Record
from ungcuu.core.atomic import make_private
from ungcuu.core.clock import format_time, now
from ungcuu.core.errors import JournalError, Refused, Tampered, UsageFault
from ungcuu.core.i18n import _
from ungcuu.core.phrases import Coded
from ungcuu.core.sentences import shown
from ungcuu.core.settings import Settings

SEVERITIES = ("low", "medium", "high", "critical")
DOCUMENTS = "documents"  # below the case's folder: what people take from it, for the eyes of its owner alone
TLP = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")

_ID = re.compile(r"UC-\d{8}-\d{3,}\Z")
_ALLOWED = {
    "detect": {"contain", "recover", "review"},
    "contain": {"recover", "review"},
    "recover": {"contain", "review"},
    "review": {"contain", "recover"},
    "closed": set(),
}


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
                fix=f"ungcuu case status {self.id}",
            )
        self.journal().append("phase", {"phase": phase, "from": present, "reason": reason, **self._by()})
        return self._fresh()

    def note(self, text: str) -> Record:
        """Write a person's note into the journal. A note is possible after the end too."""
        return self.journal().append("note", {"text": text, **self._by()})

    def add_task(self, text: str, due: datetime | None = None, owner: str = "") -> Record:
        """Put something on the list of what people have to do. Its key is ``task-`` and a number."""
        number = 1 + sum(record.kind == "task" for record in self.records())
        data = {"task": f"task-{number}", "text": text, "due": format_time(due) if due else "", **self._by()}
        return self.journal().append("task", data | ({"owner": owner} if owner else {}))

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
            *(_("the isolation of {host} is LOST, as last seen from outside").format(host=host) for host in facts.lost),
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
    title: str | Coded,
    reason: str = "",
    severity: str = "high",
    *,
    tlp: str = "AMBER",
    detected_at: datetime | None = None,
    detected_by: str = "",
    first_sign: datetime | None = None,
    drill: bool = False,
    facts: Mapping[str, object] | None = None,
) -> Case:
    """Open a case for hosts and return it.

    ``title`` is a person's, or a phrase of :class:`~ungcuu.core.phrases.CaseTitle`: each reader's language shows it.
    ``detected_at`` is when somebody or something first noticed, by default now; ``first_sign`` is the earliest trace of
    the intruder, where it is known. Both start clocks. ``drill`` marks everything made of it as an exercise. ``facts``
    are what else the reports need, by the names of :class:`~ungcuu.case.facts.Facts`.

    Raises:
        UsageFault: a value is not one of those allowed, or a time lies in the future.
        JournalError: the journal can't be written.
    """
    words = title if isinstance(title, str) else shown(title)
    _refuse_values(words, severity, tlp, detected_at, first_sign)
    case = _claim(settings)
    opened = {
        "case": case.id,
        "title": words.strip(),
        **({} if isinstance(title, str) else {"title_code": title}),
        "hosts": list(hosts),
        "reason": reason,
        "severity": severity,
        "tlp": tlp,
        "detected_at": format_time(detected_at) if detected_at else now(),
        "detected_by": detected_by,
        "first_sign": format_time(first_sign) if first_sign else "",
        "drill": drill,
        "operator": settings.operator,
        **(facts or {}),
    }
    try:
        case.journal().append("case_opened", opened)
    except (JournalError, OSError):
        _give_back(case)
        raise
    return case


def parse_when(text: str, example: str = "--detected-at 2026-11-22T09:30+07:00") -> datetime:
    """Read a time that a person typed: ISO 8601; without a zone it is this machine's local time.

    Raises:
        UsageFault: it is not a time.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageFault(
            _("Not a time: {text}").format(text=text),
            _("Nothing was changed."),
            _("As in: {example}").format(example=example),
        ) from error
    return moment.astimezone(UTC)


def find(settings: Settings, case_id: str) -> Case:
    """Return the case of that id.

    Raises:
        UsageFault: there is none.
        Tampered: its head is there, but its folder is gone or was emptied.
    """
    from ungcuu.case.index import find_lost

    case = Case(settings, case_id)
    if _ID.match(case_id) and (gone := find_lost(settings, case_id)) is not None:
        raise gone.error()
    if not _ID.match(case_id) or not (case.folder / NAME).is_file():
        raise UsageFault(
            _("There is no case {case}.").format(case=repr(case_id)), _("Nothing was changed."), "ungcuu case list"
        )
    return case


def current(settings: Settings, host: str) -> Case | None:
    """Return the newest open case that names this host."""
    for case in reversed(list_cases(settings)):
        facts = case.facts
        if host in facts.hosts and facts.phase != "closed":
            return case
    return None


def list_cases(settings: Settings) -> list[Case]:
    """All cases that can be read, oldest first; :func:`unreadable` and ``index.lost`` have the others."""
    return [case for case in (Case(settings, name) for name in list_ids(settings)) if _readable(case)]


def list_ids(settings: Settings) -> list[str]:
    """The names of all case folders, oldest first, whether they can be read or not."""
    if not settings.cases.is_dir():
        return []
    return sorted((path.name for path in settings.cases.iterdir() if _ID.match(path.name)), key=_number_of)


def unreadable(settings: Settings) -> list[Case]:
    """Return the cases whose journal is there and can't be read."""
    if not settings.cases.is_dir():
        return []
    cases = (Case(settings, path.name) for path in sorted(settings.cases.iterdir()) if _ID.match(path.name))
    return [case for case in cases if (case.folder / NAME).is_file() and not _readable(case) and _holds_something(case)]


def _holds_something(case: Case) -> bool:
    return (case.folder / NAME).stat().st_size > 0


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
    make_private(settings.cases)
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


def _give_back(case: Case) -> None:
    """Take away a case whose first record could not be written: half a case would only mislead."""
    journal = case.folder / NAME
    with contextlib.suppress(OSError):
        if not journal.exists() or journal.stat().st_size == 0:
            journal.unlink(missing_ok=True)
            case.evidence.rmdir()
            case.folder.rmdir()


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
