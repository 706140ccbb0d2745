"""Hand one typed record from a playbook to whoever runs it.

The wrapper journals what it finds under the key ``ungcuu`` of a task's result; plain ansible-playbook prints it.
So a playbook can state a proof, a finding or a restore point without knowing who started it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.plugins.documented_action import DocumentedAction


class ActionModule(DocumentedAction):
    """``ungcuu_report: {kind: proof, data: {...}}``, or ``data`` as a list of records of that kind."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the records under ``ungcuu``, each ``{"kind": str, "data": mapping}``. Nothing is changed."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        kind, data = self.arguments["kind"], self.arguments["data"]
        rows = data if isinstance(data, list) else [data]
        return result | {"changed": False, "ungcuu": [{"kind": kind, "data": row} for row in rows]}
