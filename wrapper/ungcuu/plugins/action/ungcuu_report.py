"""Hand one typed record from a playbook to whoever runs it.

The wrapper journals what it finds under the key ``ungcuu`` of a task's result; plain ansible-playbook prints it.
So a playbook can state a proof, a finding or a restore point without knowing who started it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.plugins.on_host import note_change


class ActionModule(ActionBase):  # type: ignore[misc]
    """``ungcuu_report: {kind: proof, data: {...}}``, or ``data`` as a list of records of that kind."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the records under ``ungcuu``, each ``{"kind": str, "data": mapping}``. Nothing is changed."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        kind, data = self._task.args.get("kind"), self._task.args.get("data")
        if not isinstance(kind, str) or data is None:
            return result | {"failed": True, "msg": "ungcuu_report needs 'kind' (text) and 'data' (mapping or list)"}
        rows = data if isinstance(data, list) else [data]
        return (
            result
            | note_change(kind == "change")
            | {"changed": False, "ungcuu": [{"kind": kind, "data": row} for row in rows]}
        )
