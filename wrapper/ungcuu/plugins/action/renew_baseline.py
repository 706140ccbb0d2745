"""Renew a host's signed baseline for exactly the files of a release; see detect/renewal.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.errors import UngcuuError
from ungcuu.core.phrases import Change
from ungcuu.detect.renewal import renew
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.refusal import refusal
from ungcuu.plugins.subject import subject_from

_SHOWN = 20


class ActionModule(DocumentedAction):
    """See the documentation in ``plugins/modules``."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Sign the renewed baseline, and record how many files it took over."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        files, folders = self.arguments["files"], self.arguments["folders"]
        if self._task.check_mode:
            return result | {"changed": False, "skipped": True, "msg": "The baseline is renewed by a real run"}
        subject = subject_from(self._templar, task_vars or {})
        try:
            done = renew(subject, {str(path): str(digest) for path, digest in files.items()}, list(map(str, folders)))
        except UngcuuError as error:
            raise refusal(error) from error
        row: dict[str, Any] = {
            "what": str(Change.BASELINE_RENEWED),
            "host": subject.host,
            "release": self.arguments["release"],
        }
        if done is None:
            row |= {"what": str(Change.BASELINE_NOT_RENEWED), "why": "no-baseline"}
        else:
            row |= {
                "files": done.files,
                "removed": done.removed,
                "left": len(done.left),
                "differ": done.left[:_SHOWN],
            }
        return result | {"changed": bool(done and done.changed), "ungcuu": [{"kind": "change", "data": row}]}
