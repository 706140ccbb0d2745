"""The audit of one host: each control's status, waivers, the drift against the audit before.

Changes nothing on the host. The tests are those of ``verify``; here each stands for its control.

1. Every control of the catalogue has one status. One whose test did not run, or lacked a fact of the inventory, is not
   assessed: it counts as one that does not hold, and is never reported as a fault of the host.
2. A waiver needs owner, reason and expiry; an incomplete or expired one does not count, and is reported.
3. The score counts what applies: passed of passed, failed, waived and not assessed. Its denominator stands beside it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ungcuu.core.i18n import _, language
from ungcuu.prepare.controls import Control

if TYPE_CHECKING:
    from ungcuu.prepare.components import Parts
    from ungcuu.prepare.verify import Check

PASS, FAIL, WAIVED, NOT_APPLICABLE, OFF = "pass", "fail", "waived", "not applicable", "off"
NOT_ASSESSED = "not assessed"
STATUSES = (PASS, FAIL, NOT_ASSESSED, WAIVED, NOT_APPLICABLE, OFF)


@dataclass(frozen=True)
class Waiver:
    """A control that may fail on this site for a while. ``problem`` says why it does not count."""

    control: str
    owner: str
    reason: str
    expires: str
    problem: str = ""


@dataclass(frozen=True)
class Row:
    """One control on one host."""

    id: str
    title: str
    level: int
    state: str
    status: str
    detail: str = ""
    owner: str = ""
    reason: str = ""
    expires: str = ""


@dataclass(frozen=True)
class Audit:
    """What came of it. ``drift`` lists the controls whose status differs from the audit before."""

    host: str
    time: str
    rows: tuple[Row, ...]
    drift: tuple[Mapping[str, str], ...] = ()
    previous: str = ""
    application: Parts | None = None

    def count(self, status: str) -> int:
        """How many controls have this status."""
        return Counter(row.status for row in self.rows)[status]

    @property
    def denominator(self) -> int:
        """How many controls apply."""
        return sum(self.count(status) for status in (PASS, FAIL, NOT_ASSESSED, WAIVED))

    @property
    def score(self) -> int:
        """Percent of the controls that apply and hold, rounded down."""
        return 100 * self.count(PASS) // self.denominator if self.denominator else 0

    def as_data(self) -> dict[str, object]:
        """The audit as one JSON document."""
        counts = {name: self.count(name) for name in STATUSES}
        return {
            "host": self.host,
            "time": self.time,
            "score": self.score,
            "of": self.denominator,
            "counts": counts,
            "controls": [asdict(row) for row in self.rows],
            "drift": [dict(row) for row in self.drift],
            "previous": self.previous,
            "application": self.application.as_data() if self.application else None,
        }


def waivers(variables: Mapping[str, Any], catalogue: Sequence[Control], today: date) -> dict[str, Waiver]:
    """Read ``controls_waivers`` ({control, owner, reason, expires}) and judge each."""
    known = {control.id for control in catalogue}
    found = {}
    for raw in variables.get("controls_waivers") or []:
        fields = {key: str(raw.get(key) or "").strip() for key in ("control", "owner", "reason", "expires")}
        found[fields["control"]] = Waiver(**fields, problem=_problem(fields, known, today))
    return found


def _problem(fields: Mapping[str, str], known: set[str], today: date) -> str:
    if fields["control"] not in known:
        return _("no such control")
    if missing := [key for key in ("owner", "reason", "expires") if not fields[key]]:
        return _("the waiver lacks: {fields}").format(fields=", ".join(missing))
    try:
        expires = date.fromisoformat(fields["expires"])
    except ValueError:
        return _("the waiver's expiry is no date (YYYY-MM-DD)")
    return _("the waiver expired on {date}").format(date=fields["expires"]) if expires < today else ""


def judge(
    catalogue: Sequence[Control], states: Mapping[str, str], checks: Sequence[Check], waived: Mapping[str, Waiver]
) -> tuple[Row, ...]:
    """Give every control its status; pure."""
    by_test = {(check.role, check.name.split("[", 1)[0]): check for check in checks}
    return tuple(
        _row(control, states[control.id], by_test.get((control.role, control.test)), waived.get(control.id))
        for control in catalogue
    )


def _row(control: Control, state: str, check: Check | None, waiver: Waiver | None) -> Row:
    title = control.title_vi if language() == "vi" else control.title
    row = Row(control.id, title, control.level, state, FAIL)
    if state == "off":
        return replace(row, status=OFF)
    if check is None:
        return replace(row, status=NOT_ASSESSED, detail=_("its check did not run"))
    if check.outcome == "passed":
        return replace(row, status=PASS)
    if check.outcome == "skipped":
        return replace(row, status=NOT_APPLICABLE, detail=check.message.removeprefix("Skipped: "))
    if check.outcome in ("not assessed", "error"):
        return replace(row, status=NOT_ASSESSED, detail=_first_line(check))
    return _failed(row, check, waiver)


def _first_line(check: Check) -> str:
    from ungcuu.core.sentences import shown

    return shown(check.message.splitlines()[0]) if check.message else check.outcome


def _failed(row: Row, check: Check, waiver: Waiver | None) -> Row:
    detail = _first_line(check)
    if waiver is None:
        return replace(row, detail=detail)
    row = replace(row, owner=waiver.owner, reason=waiver.reason, expires=waiver.expires)
    if waiver.problem:
        return replace(row, detail=f"{waiver.problem} · {detail}")
    return replace(row, status=WAIVED, detail=detail)


def drift(rows: Sequence[Row], previous: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    """Controls whose status differs from the audit before, in the catalogue's order; new controls are no drift."""
    before = {str(row["id"]): str(row["status"]) for row in previous.get("controls", [])}
    return tuple(
        {"id": row.id, "before": before[row.id], "now": row.status}
        for row in rows
        if row.id in before and before[row.id] != row.status
    )


def audit_host(
    host: str, variables: Mapping[str, Any], catalogue: Sequence[Control], checks: Sequence[Check], folder: Path
) -> Audit:
    """Judge the checks of one host and compare with the audit that ``folder`` holds."""
    from ungcuu.prepare import controls

    now = datetime.now(UTC)
    rows = judge(
        catalogue, controls.wanted(catalogue, variables), checks, waivers(variables, catalogue, now.astimezone().date())
    )
    previous = _previous(folder / "audit.json")
    return Audit(host, now.isoformat(timespec="seconds"), rows, drift(rows, previous), str(previous.get("time", "")))


def _previous(path: Path) -> Mapping[str, Any]:
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
