"""Read the host's state and sign it as known-good."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.errors import UngcuuError
from ungcuu.core.phrases import Change
from ungcuu.detect.accepted import Word
from ungcuu.detect.scan import Accept, take_baseline
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.refusal import refusal
from ungcuu.plugins.subject import subject_from


class ActionModule(DocumentedAction):
    """``write_baseline: {}``. Changes nothing on the host."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Sign the baseline; refuse on a host that already shows signs of an intruder."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.check_mode:
            return result | {
                "changed": False,
                "skipped": True,
                "msg": "The host is not read in check mode: whether its baseline would change is not known",
            }
        accept = _accept(self.arguments)
        subject = subject_from(self._templar, task_vars or {})
        try:
            done = take_baseline(subject, accept)
        except UngcuuError as error:
            raise refusal(error) from error
        records: list[dict[str, Any]] = [{"kind": "finding", "data": item.document()} for item in done.doubts]
        if done.doubts:
            listed = "; ".join(f"{item.severity.value} {item.rule} {item.path}" for item in done.doubts[:5])
            why = f"No baseline was signed: {subject.name} shows signs of an intruder: {listed}"
            return result | {"failed": True, "changed": False, "msg": why, "ungcuu": records}
        change = {
            "what": str(Change.BASELINE),
            "host": subject.name,
            "changed": done.changed,
            "application": done.application,
        }
        records.append({"kind": "change", "data": change})
        return result | {"changed": done.changed, "ungcuu": records}


def _accept(given: dict[str, Any]) -> Accept:
    """Return what a person accepts of the findings."""
    word = Word(*(str(given.get(name) or "") for name in ("reason", "owner", "until", "by")))
    findings = tuple(map(str, given.get("accept") or ()))
    return Accept(findings, word if findings else None)
