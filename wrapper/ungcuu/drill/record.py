"""What a drill writes down: phases with their proofs and times, and the figures that are measured."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ungcuu.core.errors import NotVerified


class DrillFailed(NotVerified):
    """A proof failed, or a verb did not end well. The message says which, and what was seen."""


@dataclass(frozen=True)
class Proof:
    """One thing that was tried and its result."""

    name: str
    passed: bool
    detail: str


@dataclass
class Phase:
    """One phase of the drill: wall-clock seconds, DONE or NOT DONE, and what was proven."""

    name: str
    seconds: float = 0.0
    outcome: str = "NOT DONE"
    proofs: list[Proof] = field(default_factory=list)


@dataclass(frozen=True)
class Lost:
    """What was there just before the attack and is not there at the end. Minutes: age of the restore point, if any."""

    files: int
    rows: int
    minutes: float


@dataclass
class Report:
    """What a drill leaves: the document that ``drill run --json`` prints."""

    scenario: str
    outcome: str = "NOT DONE"
    variant: dict[str, str] = field(default_factory=dict)
    phases: list[Phase] = field(default_factory=list)
    seconds_to_detect: float | None = None
    seconds_to_notify: float | None = None
    seconds_to_contain: float | None = None
    seconds_to_recover: float | None = None
    noticed_by: list[str] = field(default_factory=list)
    false_alarms: int | None = None
    lost: Lost | None = None
    case: str | None = None
    case_folder: str | None = None
    report: str | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return dataclasses.asdict(self)
