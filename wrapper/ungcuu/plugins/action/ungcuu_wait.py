"""Wait with a command of the host for its own work to end, through a connection that may be lost on the way.

An asynchronous task of Ansible forgives lost connections for as long as it waits at most, and counts polls, not
seconds: a line that stays dead would hold the operator for hours before anybody says that nothing is known.
"""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ansible.errors import AnsibleConnectionFailure

from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import carried

PAUSE_SECONDS = 3
CONNECT_SECONDS = 15  # a connection that fails later than this stood before (ConnectTimeout of ansible.cfg is 10)


class ActionModule(DocumentedAction):
    """See the documentation in ``plugins/modules``."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the command said; failed when it failed.

        Raises:
            AnsibleConnectionFailure: The line stayed lost for ``line_seconds``. Ansible makes it UNREACHABLE.
        """
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.check_mode:
            return result | {"changed": False, "skipped": True}
        done = self._waited(shlex.join(self.arguments["argv"]), self.arguments["line_seconds"])
        answer = {name: done.get(name) for name in ("rc", "stdout", "stderr")}
        if done.get("rc"):
            said = str(done.get("stderr") or done.get("stdout") or "").strip()[-600:]
            name = shlex.join(self.arguments["argv"][:2])[:100]
            return result | answer | {"failed": True, "msg": f"{name}: exit code {done['rc']}: {said}"}
        return result | answer | {"changed": False}

    def _waited(self, command: str, line_seconds: float) -> dict[str, Any]:
        lost = 0.0
        while True:
            begun = time.monotonic()
            try:
                return carried(self._low_level_execute_command(command))
            except AnsibleConnectionFailure:
                now = time.monotonic()
                lost = now if not lost or now - begun > CONNECT_SECONDS else lost
                if now - lost >= line_seconds:
                    raise
                time.sleep(PAUSE_SECONDS)
