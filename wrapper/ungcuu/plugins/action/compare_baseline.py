"""Read the host's state, compare it with its signed baseline, and hand over each finding."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.errors import UngcuuError
from ungcuu.detect.findings import reported
from ungcuu.detect.scan import scan
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.refusal import refusal
from ungcuu.plugins.subject import subject_from


class ActionModule(DocumentedAction):
    """``compare_baseline: {}``. Changes nothing on the host; the result holds ``clean``, ``counts``, ``findings``."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Scan. A host that can't be read is a failure, never a clean scan."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            done = scan(subject_from(self._templar, task_vars or {}), check=bool(self._task.check_mode))
        except UngcuuError as error:
            raise refusal(error) from error
        records = reported(done.findings)
        records.append({"kind": "scan", "data": done.summary()})
        if done.root_lost:
            records.append({"kind": "root_lost", "data": done.root_lost.record()})
        worst = [f"{item.severity.value} {item.rule} {item.path}" for item in done.findings[:20]]
        return result | {"changed": False, "scan": done.summary(), "worst": worst, "ungcuu": records}
