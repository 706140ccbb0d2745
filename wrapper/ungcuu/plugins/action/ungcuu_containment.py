"""Keep on the controller whether a host is isolated, and judge whether it may be released; see isolation_state.py.

ungcuu_containment: {state: isolated, folder: "{{ ungcuu_state }}/hosts", mode: full}
ungcuu_containment: {state: releasable, folder: "{{ ungcuu_state }}/hosts"}    # fails with every reason against it
ungcuu_containment: {state: releasable, folder: …, override: reason, by: name}  # although root was lost
ungcuu_containment: {state: released, folder: "{{ ungcuu_state }}/hosts"}
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.contain import isolation_state
from ungcuu.plugins.differences import difference
from ungcuu.plugins.documented_action import DocumentedAction


class ActionModule(DocumentedAction):
    """See the module's own text. Nothing is asked of the host."""

    rules: ClassVar[dict[str, Any]] = {"required_if": [["state", "isolated", ["mode"]]]}

    def needs_state(self) -> bool:
        """An isolation is not held back."""
        return bool(self._task.args.get("state") != "isolated")

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``changed`` and, for a new isolation, its inverse as a record."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        args, host, now = self.arguments, str((task_vars or {})["inventory_hostname"]), datetime.now(UTC)
        folder = Path(str(args["folder"])).expanduser() / host
        state = args["state"]
        if state == "releasable":
            return result | self._releasable(folder, host, now)
        shown = difference(f"isolation of {host}", [_in_words(folder)], [args.get("mode") or "not isolated"])
        if self._task.check_mode:
            return result | {"changed": bool(shown), **shown}
        if state == "released":
            return result | {"changed": isolation_state.mark_released(folder, now), **shown}
        try:
            changed = isolation_state.mark_isolated(folder, host, str(args["mode"]), now)
        except OSError as error:
            # A full disk of the controller must not hold back what keeps the host isolated.
            return result | {"changed": False, "warnings": [f"The isolation of {host} could not be recorded: {error}"]}
        if lost := self.lost_state(task_vars or {}):
            result["warnings"] = [f"{lost} The isolation of {host} is recorded nowhere else: run this again then."]
        records = [{"kind": "inverse", "data": {"action": "isolate", "undo": f"ungcuu release {host}"}}]
        return result | {"changed": changed, **shown, "ungcuu": records if changed else []}

    def _releasable(self, folder: Path, host: str, now: datetime) -> dict[str, Any]:
        """Fail with every reason against a release; record the override of a lost root."""
        reason = self.arguments["override"]
        against = isolation_state.against_release(folder, host, now, reason, self.arguments.get("websites") or ())
        if against:
            why = f"{host} stays isolated: " + "; ".join(against) + f". Next: ungcuu reassess {host}"
            return {"failed": True, "changed": False, "msg": why}
        from ungcuu.core.settings import Settings
        from ungcuu.detect import root_loss

        if not reason or root_loss.standing(folder.parents[1], host) is None:
            return {"changed": False}
        by = self.arguments.get("by") or Settings.from_environment().operator
        if not self._task.check_mode:
            root_loss.override(folder.parents[1], host, reason, by)
        shown = difference(f"root lost on {host}", ["stands against the release"], [f"overridden by {by}: {reason}"])
        return {"changed": True, **shown}


def _in_words(folder: Path) -> str:
    return isolation_state.mode_of(folder) if (folder / isolation_state.MARK).exists() else "not isolated"
