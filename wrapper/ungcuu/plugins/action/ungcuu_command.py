"""Run a command whose changes an earlier look has found, and show them in the plan as in the run.

A builtin ``command`` is skipped in check mode: a plan then says nothing of the SQL or the owners that it would change,
nor that a website would be swapped.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.plugins.differences import difference
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import carried


class ActionModule(DocumentedAction):
    """See the documentation in ``plugins/modules``."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``changed``, ``diff``, what the command said and, with ``item``, one ``change`` record.

        Failed when the command fails.
        """
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = self.arguments
        changes = [line for line in args["changes"] if line.strip()]
        if not changes:
            return result | {"changed": False}
        answer: dict[str, Any] = {}
        if not self._task.check_mode:
            done = carried(self._low_level_execute_command(shlex.join(args["argv"]), in_data=args["stdin"].encode()))
            answer = {name: done.get(name) for name in ("rc", "stdout", "stderr", "stdout_lines")}
            if done.get("rc"):
                said = str(done.get("stderr") or done.get("stdout") or "").strip()[-600:]
                why = f"{shlex.join(args['argv'][:3])[:100]}: exit code {done['rc']}: {said}"
                return result | answer | {"failed": True, "changed": True, "msg": why}
        record = {"what": args["what"], "item": args["item"], "controls": args["controls"]}
        records = [{"kind": "change", "data": record}] if args["item"] else []
        return result | answer | {"changed": True, **difference(args["what"], [], changes), "ungcuu": records}
