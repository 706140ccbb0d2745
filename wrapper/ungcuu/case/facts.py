"""What is known of a case: its phase, its clocks, its runs, its findings; see :mod:`ungcuu.case.derivation`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ungcuu.case.record import Record
from ungcuu.core.clock import parse_time
from ungcuu.core.i18n import N_
from ungcuu.core.sentences import shown
from ungcuu.core.settings import machine_of

PHASES = ("detect", "contain", "recover", "review", "closed")
TITLES = {
    "detect": N_("detect"),
    "contain": N_("contain"),
    "recover": N_("recover"),
    "review": N_("review"),
    "closed": N_("closed"),
}
FALSE_ALARM = "false alarm"
VERDICTS = (FALSE_ALARM, "accepted")
PERSONAL_DATA = ("yes", "no", "unknown")


@dataclass(frozen=True)
class Run:
    """One run of a verb, as the journal shows it; ``finished`` is empty where the journal has no end of it."""

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
    verdict: Mapping[str, Any] = field(default_factory=dict)  # the record of a person's verdict on what is seen now

    @property
    def open(self) -> bool:
        """Whether nothing and nobody has answered it."""
        return self.state == "open"

    @property
    def blocks(self) -> bool:
        """Whether it stands in the way of closing the case; a low one does not spoil a re-assessment either."""
        return self.open and self.severity != "low"


@dataclass(frozen=True)
class RootLost:
    """An intruder had root on a host. ``regained`` is when another machine took its place, ``override`` a person's
    reason for a release without that.
    """

    host: str
    since: str
    findings: tuple[str, ...] = ()
    regained: str = ""
    override: str = ""
    by: str = ""
    overridden: str = ""


@dataclass(frozen=True)
class Facts:
    """Everything about a case that its records prove. Times are UTC in the journal's form; empty means not proven.

    ``isolated`` are hosts that were isolated and not released, but those whose isolation is ``lost``: there a port
    answered when it was last looked from outside. ``outside`` is what that look saw: silent, open or unknown.
    ``first_sign_by`` is ``host`` where only file times on the host say so: an intruder may have set them.
    ``personal_data`` is yes, no or unknown; ``personal_data_at`` is when it was noticed that it leaked. ``reporting``
    are the reporting profiles that the case was opened with; empty where it was opened before there were any.
    ``stated_title`` is a person's, or what ``title_code`` said in the language of who opened the case.
    """

    case: str = ""
    stated_title: str = ""
    title_code: Mapping[str, Any] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    severity: str = ""
    tlp: str = "AMBER"
    reason: str = ""
    operator: str = ""
    detected_by: str = ""
    detected_way: str = ""
    system: str = ""
    system_level: int = 0
    personal_data: str = "unknown"
    personal_data_at: str = ""
    reporting: tuple[str, ...] = ()
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
    lost: tuple[str, ...] = ()
    outside: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    runs: tuple[Run, ...] = ()
    root_lost: tuple[RootLost, ...] = ()

    @property
    def title(self) -> str:
        """The title: as a person wrote it, else in the reader's language."""
        return shown(self.title_code) if self.title_code else self.stated_title

    @property
    def seconds_to_detect(self) -> float | None:
        """From the first sign of compromise to its detection."""
        return _between(self.first_sign, self.detected)

    @property
    def seconds_to_contain(self) -> float | None:
        """From detection to the end of the first isolation that succeeded."""
        return _between(self.detected, self.contained)

    @property
    def backed_up(self) -> tuple[str, ...]:
        """The hosts whose restore points matter: of one with several websites, those websites."""
        several = {machine_of(host) for host in self.hosts if "/" in host}
        return tuple(host for host in self.hosts if host not in several)

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


def _between(start: str, end: str) -> float | None:
    try:
        return max(0.0, (parse_time(end) - parse_time(start)).total_seconds())
    except ValueError:
        return None
