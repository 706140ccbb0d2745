"""Install and remove packages behind the removal guard (see remote/packages.py).

    - name: Install what the controls need
      ungcuu_packages:
        present: [auditd]
        absent: [telnet]
        guard: ["nginx*", "mariadb-server*", "openssh-server"]
        armed: packages

``armed`` names a change that was armed for this (see ungcuu_dropins); once that is reverted nothing is installed.
Works on a host without python3-apt, in check mode too.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.phrases import Change
from ungcuu.hosts import deployed_files
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import run_on_host

_FORM = {"installed": list, "removed": list}


class ActionModule(DocumentedAction):
    """See the module's own text."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``changed``, ``installed`` (name=version), ``removed`` and one ``change`` record for each package."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = self.arguments
        order: dict[str, Any] = {key: list(args.get(key) or []) for key in ("present", "absent", "guard")}
        order |= {"check": bool(self._task.check_mode), "armed": str(args.get("armed") or "")}
        reply = run_on_host(self, "packages", order, _FORM)
        if reply.get("failed"):
            return result | {"failed": True, "msg": reply.get("msg", "")}
        if not self._task.check_mode:
            self._remember(reply, task_vars or {})
        # Done on another host, such as the vault, the record must not read as a change of this one.
        where = f" ({self._task.delegate_to})" if self._task.delegate_to else ""
        rows = [(str(Change.PACKAGE), f"{item}{where}") for item in reply.get("installed", [])]
        rows += [(str(Change.PACKAGE_REMOVED), f"{item}{where}") for item in reply.get("removed", [])]
        diff = "".join(f"{what} {item}\n" for what, item in rows)
        return result | {
            "changed": bool(rows),
            "installed": reply.get("installed", []),
            "removed": reply.get("removed", []),
            "diff": {"before": "", "after": diff, "after_header": "packages"},
            "ungcuu": [{"kind": "change", "data": {"what": what, "item": item}} for what, item in rows],
        }

    def _remember(self, reply: dict[str, Any], variables: dict[str, Any]) -> None:
        """Keep on the controller what was installed, so that no scan calls it an intruder's; see deployed_files.py."""
        if not (state := str(self._templar.template(variables.get("ungcuu_state", "")))):
            return
        host = str(self._task.delegate_to or variables["inventory_hostname"])
        installed = (item.partition("=") for item in reply.get("installed", []))
        known: dict[str, str | None] = {f"package:{name}": version for name, _equals, version in installed}
        known |= {f"package:{item.partition('=')[0]}": None for item in reply.get("removed", [])}
        if known:
            deployed_files.remember_digests(Path(state).expanduser(), host, known)
