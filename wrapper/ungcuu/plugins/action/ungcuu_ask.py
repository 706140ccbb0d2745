"""Ask a host by a program of a role that need not be installed there; see hosts/remote_program.py.

Its keys and an example: ../modules/ungcuu_ask.py.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.hosts.remote_program import package_question
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import asked

_LIMIT = 8 << 20  # characters of one answer: a plan lists every package of the host


class ActionModule(DocumentedAction):
    """See the module's own text."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``answer``; failed where the host gave none."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        package = self.arguments["package"]
        try:
            folder = Path(self._find_needle("files", package))
        except AnsibleError as error:
            return result | {"failed": True, "msg": f"there is no package {package}: {error}"}
        answer = asked(self, package, package_question(folder, self.arguments["order"]), limit=_LIMIT)
        if answer.get("failed"):
            return result | {"failed": True, "msg": str(answer.get("msg", ""))[:800]}
        return result | {"changed": False, "answer": answer}
