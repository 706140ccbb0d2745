"""Take what the last scan found out of use, or put it back; see ungcuu/recover/quarantine.py.

- name: Move what was found to quarantine
  quarantine_findings:
    findings: []          # ids; empty: every critical and high finding
    paths: []             # further files that a person names
    kill_processes: false

- name: Put back what was taken by mistake
  quarantine_findings:
    put_back: [20260101T000000Z-0123456789abcdef]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.errors import UngcuuError
from ungcuu.core.phrases import Change
from ungcuu.core.sentences import plain
from ungcuu.detect import baseline, root_loss
from ungcuu.detect.scan import Subject
from ungcuu.plugins.differences import difference
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.refusal import refusal
from ungcuu.plugins.subject import subject_from
from ungcuu.recover import quarantine
from ungcuu.recover.own_files import OwnFiles


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in (value or []))


class ActionModule(DocumentedAction):
    """See the module's own text. In check mode the host says what would be done."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``taken`` and ``left``; failed when something could not be taken."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        subject = subject_from(self._templar, task_vars or {})
        try:
            return result | self._work(subject, bool(self._task.check_mode))
        except UngcuuError as error:
            raise refusal(error) from error

    def _work(self, subject: Subject, check: bool) -> dict[str, Any]:
        args = self.arguments
        back = _texts(args.get("put_back"))
        if back:
            return _result(subject, quarantine.bring_back(subject, back, check), (), Change.PUT_BACK)
        good = baseline.load(subject.state, subject.name)
        choice = quarantine.Choice(
            findings=_texts(args.get("findings")),
            paths=_texts(args.get("paths")),
            kill=bool(args.get("kill_processes", False)),
            accounts_kept=(subject.target.user,),
        )
        document = {} if choice.paths and not choice.findings else quarantine.last_scan(subject.state, subject.name)
        own = OwnFiles.of(subject.web_root, subject.writable, subject.profile)
        planned = quarantine.plan(document, choice, good.snapshot if good else None, own=own)
        outcomes = _result(subject, quarantine.carry_out(subject, planned.orders, check), planned.left, "taken")
        lost = (root_loss.standing if check else root_loss.keep)(subject.state, subject.host)
        if lost is not None:
            outcomes["ungcuu"].append({"kind": "root_lost", "data": lost.record()})
        return outcomes


def _result(subject: Subject, taken: list[quarantine.Taken], left: Any, what: str) -> dict[str, Any]:
    """The task's result: what was done is journaled with its inverse, what could not be done fails the task."""
    done = [item for item in taken if item.outcome == "done"]
    bad = [item for item in taken if item.outcome in ("refused", "failed", "unknown")]
    records: list[dict[str, Any]] = [{"kind": "quarantine", "data": item.record(subject.name)} for item in done]
    if what == Change.PUT_BACK:
        records = [{"kind": "change", "data": {"what": str(Change.PUT_BACK), "item": item.order.id}} for item in done]
    else:
        records += [
            {"kind": "inverse", "data": {"action": f"{item.order.do.value} {item.order.path}", "undo": undo}}
            for item in done
            if (undo := quarantine.undo(subject.name, item.order))
        ]
    records += [{"kind": "left", "data": item.record(subject.name)} for item in bad]
    records += [{"kind": "left", "data": dict(row)} for row in left]
    outcomes = [f"{item.outcome}: {item.order.do.value} {item.order.path} {plain(item.why)}".strip() for item in taken]
    would = [item for item in taken if item.outcome == "would"]
    result: dict[str, Any] = {"changed": bool(done or would), "taken": outcomes, "left": list(left), "ungcuu": records}
    lines = [f"{item.order.do.value} {item.order.path}" for item in [*done, *would]]
    result |= difference(f"{what} on {subject.name}", [], lines)
    if bad:
        result |= {"failed": True, "msg": f"not everything could be {what}: " + "; ".join(outcomes[:5])}
        result["ungcuu_unknown"] = any(item.outcome == "unknown" for item in bad)  # then the run is UNKNOWN too
    return result
