"""The gate before a host returns to service: checks passed, a new scan clean, the way in closed by a person's word.

The record is signed. ``release`` demands it (ungcuu/contain/isolation_state.py). What is not clean says what is left.
Where root was lost (ungcuu/detect/root_loss.py) no scan says that the host may be released.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ungcuu.case.case import current
from ungcuu.case.facts import FALSE_ALARM
from ungcuu.case.facts import Finding as CaseFinding
from ungcuu.contain.endings import Reassessed
from ungcuu.core.check_phrases import Left, Unrotated
from ungcuu.core.clock import now
from ungcuu.core.phrases import Coded, phrase
from ungcuu.core.settings import Settings
from ungcuu.detect import baseline
from ungcuu.detect.findings import Finding, substance
from ungcuu.detect.scan import ScanResult, Subject, scan
from ungcuu.hosts.site import Site
from ungcuu.prepare.verify import Check, verify
from ungcuu.recover import quarantine

RECORD = "reassessment.json"
SHORTEST_STATEMENT = 10  # characters: "ok" is no statement of cause and fix


@dataclass(frozen=True)
class Entry:
    """A person's statement of what the way in was and how it was closed."""

    how: str
    by: str
    application: str = ""  # what the person saw in the application's data that no scan reads

    @property
    def closed(self) -> bool:
        """Whether something was said at all."""
        return len(self.how.strip()) >= SHORTEST_STATEMENT

    @property
    def looked(self) -> bool:
        """Whether something was said of the application's data."""
        return len(self.application.strip()) >= SHORTEST_STATEMENT


@dataclass(frozen=True)
class Reassessment:
    """What a re-assessment found. ``left`` names everything that stands against the return to service.

    ``excused`` are findings that do not, because a person called them false alarms: each with who and why.
    """

    host: str
    time: str
    scan: Mapping[str, Any]
    checks: Mapping[str, Any]
    entry: Mapping[str, Any]
    left: tuple[Coded, ...]
    root_lost: Mapping[str, Any] = field(default_factory=dict)
    excused: tuple[Mapping[str, str], ...] = ()
    application: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> Reassessed:
        """Return what was found."""
        if self.left:
            return Reassessed.NOT_CLEAN
        return Reassessed.ROOT_LOST if self.root_lost else Reassessed.CLEAN

    def document(self) -> dict[str, Any]:
        """Return it as reassessment.json holds it."""
        return {
            "format": baseline.FORMAT,
            "host": self.host,
            "time": self.time,
            "outcome": self.outcome,
            "scan": dict(self.scan),
            "verify": dict(self.checks),
            "entry": dict(self.entry),
            "left": list(self.left),
            "root_lost": dict(self.root_lost),
            "excused": [dict(one) for one in self.excused],
            "application": dict(self.application),
        }


def judge(
    host: str,
    found: ScanResult,
    checks: Sequence[Check],
    entry: Entry,
    known: Iterable[CaseFinding] = (),
    *,
    unrotated: Sequence[Coded] = (),
) -> Reassessment:
    """Put the three together. Pure but for the clock.

    ``known`` are the findings of the host's case. Those that a person accepted by their ids came with the scan.
    ``unrotated``: credentials of the application that no rotation replaces; a person has to say that they were.
    """
    counting = [item for item in found.findings if item.severity.value != "low"]
    excused = {**_accepted(found), **_excused(counting, known)}
    left = [
        phrase(Left.FINDING, severity=item.severity.value, rule=item.rule, path=item.path)
        for item in counting
        if item.id not in excused
    ]
    if not found.baseline:
        left.append(phrase(Left.NO_BASELINE))
    if not found.complete:
        left.append(phrase(Left.SCAN_PARTIAL))
    failed = [check for check in checks if not check.ok]
    left += [
        phrase(Left.CHECK_FAILED, role=check.role, name=check.name, why=check.why or check.outcome) for check in failed
    ]
    if not any(check.outcome == "passed" for check in checks):
        left.append(phrase(Left.NO_CHECK))
    if not entry.closed:
        left.append(phrase(Left.ENTRY_OPEN))
    unread = found.unread_application()
    if unread and not entry.looked:
        left.append(phrase(Left.APPLICATION_UNREAD, topics=sorted(unread)))
    if unrotated and not entry.looked:
        left.append(phrase(Left.UNROTATED, what=list(unrotated)))
    checked = {
        "passed": sum(c.outcome == "passed" for c in checks),
        "failed": [f"{c.role} {c.name}" for c in failed],
        "skipped": sum(c.outcome == "skipped" for c in checks),
    }
    said = {"closed": entry.closed, "how": entry.how.strip()[:2000], "by": entry.by}
    by_hand = {"unread": unread, "unrotated": list(unrotated)}
    said_of = {"how": entry.application.strip()[:2000], "by": entry.by}
    looked = by_hand | said_of if unread or unrotated else {}
    lost = found.root_lost.record() if found.root_lost else {}
    return Reassessment(host, now(), found.summary(), checked, said, tuple(left), lost, tuple(excused.values()), looked)


def _excused(found: Iterable[Finding], known: Iterable[CaseFinding]) -> dict[str, dict[str, str]]:
    """Findings that a person called false alarms, and that still show what that person saw."""
    judged = {one.id: one for one in known if one.state == FALSE_ALARM}
    rows = {}
    for item in found:
        one = judged.get(item.id)
        if one is not None and substance(item.document()) == substance(one.data):
            who, why = (str(one.verdict.get(name) or "") for name in ("operator", "reason"))
            about = {"finding": item.id, "severity": item.severity.value, "rule": item.rule, "path": item.path}
            rows[item.id] = about | {"by": who, "reason": why}
    return rows


def _accepted(found: ScanResult) -> dict[str, dict[str, str]]:
    """Findings that a person accepted by name until a day that has not passed, and that are as they were then."""
    rows = {}
    for item, word in found.accepted:
        about = {"finding": item.id, "severity": item.severity.value, "rule": item.rule, "path": item.path}
        rows[item.id] = about | {"by": word.owner, "reason": f"{word.reason} ({word.until})"}
    return rows


def reassess(
    subject: Subject, site: Site, settings: Settings, entry: Entry, roles: Sequence[str] = ()
) -> tuple[Reassessment, ScanResult]:
    """Scan and verify the host, and keep the signed record; one that is not clean replaces one that was.

    Raises:
        UngcuuError: The host could not be read or checked; an old record is set aside by then.
    """
    set_aside(subject.state, subject.name)
    found = scan(subject)
    checks = verify(settings, site, subject.host, roles)
    profile = subject.profile
    unrotated = profile.unrotated(bool(subject.database)) if profile else _of_none(subject)
    answers = _case_findings(settings, subject)
    result = judge(subject.name, found, checks, entry, answers, unrotated=unrotated)
    path = baseline.host_folder(subject.state, subject.name) / RECORD
    baseline.sign(path, result.document(), subject.state / "keys")
    return result, found


def _of_none(subject: Subject) -> list[Coded]:
    """What a rotation leaves of an application that no profile knows; a site of pages alone has no credentials."""
    return [phrase(Unrotated.NO_PROFILE, application=subject.application or "–")] if subject.database else []


def _case_findings(settings: Settings, subject: Subject) -> tuple[CaseFinding, ...]:
    """The findings that the host's open case knows, with what people said of them."""
    case = current(settings, subject.host)
    return tuple(one for one in case.facts.findings if one.host == subject.name) if case else ()


def set_aside(state: Path, host: str) -> None:
    """From here on the host is not re-assessed, until the new record is there."""
    path = baseline.host_folder(state, host) / RECORD
    if path.exists():
        path.replace(path.with_name("reassessment-before.json"))


def open_quarantine(state: Path, host: str) -> list[str]:
    """Return what was put back from quarantine: a person's decision that the record shows."""
    return [row["path"] for row in quarantine.remembered(state, host) if row.get("put_back")]
