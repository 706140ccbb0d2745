"""Stream one profile of evidence from the host to a folder on the controller, over plain OpenSSH.

    - name: Stream what would vanish with a restart
      collect_evidence:
        profile: volatile
        profiles: roles/evidence/profiles
        folder: cases/2026-0001/evidence
        site: {root: /var/www/portal, writable: [uploads], database_engine: mariadb, database_name: portal}

Ansible's own modules are not used: they need Python on the host, write to its disk unless pipelined, and hold all of
the output in memory. See :mod:`ungcuu.case.evidence` for what holds for every collection.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.case.evidence import Collection, Outcome, ProfileError, Request, collect, load_profile
from ungcuu.core.settings import operator_name
from ungcuu.hosts import deployed_files
from ungcuu.hosts.site import target_from
from ungcuu.hosts.ssh import HostKeyRefused, Target
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.plain_call import with_private_key

_CONNECTION = (
    "ansible_host", "ansible_port", "ansible_ssh_port", "ansible_user", "ansible_ssh_user", "ansible_become",
    "ansible_ssh_private_key_file", "ansible_private_key_file", "ansible_ssh_common_args", "ungcuu_known_hosts",
)  # fmt: skip # a table


class ActionModule(DocumentedAction):
    """See the module's own text. ``changed`` shows whether new content came into the folder, never about the host."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return one ``evidence`` record an item and one ``custody`` record under ``ungcuu``."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = self.arguments
        try:
            specs = load_profile(
                Path(str(args["profiles"])),
                str(args["profile"]),
                {key: _texts(args.get(key)) for key in ("processes", "disks")},
            )
            if self._task.check_mode:
                return result | {"changed": False, "skipped": True, "msg": f"would take {len(specs)} items"}
            sent = self._sent(task_vars or {}) if args.get("ours") else {}
            patience = float(args.get("patience", 1))
            request = Request(
                target=self._target(task_vars or {}),
                specs=[replace(spec, limit_seconds=spec.limit_seconds * patience) for spec in specs],
                folder=Path(str(args["folder"])).expanduser().absolute(),
                who=str(args.get("who") or "") or operator_name(os.environ),
                variables=_variables(args) | {"EVIDENCE_OURS": "\n".join(path for path in sent if "\n" not in path)},
                again=bool(args.get("again", False)),
            )
            found = collect(request)
        except HostKeyRefused as error:
            message = (
                f"Host key verification failed: {error}. Nothing was asked of the host. Next: {error.next_command}"
            )
            return result | {"unreachable": True, "msg": message}
        except (ProfileError, OSError, ValueError, KeyError) as error:
            return result | {"failed": True, "msg": f"Nothing was taken: {error}"}
        return result | _told(found, sent if request.variables["EVIDENCE_OURS"] else {})

    def _sent(self, variables: dict[str, Any]) -> dict[str, str]:
        """Return what ungcuu has put on this host, path → SHA-256; see deployed_files.py."""
        state = str(self._templar.template(variables.get("ungcuu_state", "")))
        known = deployed_files.load(Path(state).expanduser(), str(variables["inventory_hostname"])) if state else {}
        return {path: digest for path, digest in known.items() if path.startswith("/")}

    def _target(self, variables: dict[str, Any]) -> Target:
        """Return how this host is reached, from the same variables that Ansible's own connection reads."""
        plain = {name: self._templar.template(variables[name]) for name in _CONNECTION if name in variables}
        return target_from(str(variables["inventory_hostname"]), with_private_key(plain))


def _variables(args: dict[str, Any]) -> dict[str, str]:
    """Return the site's facts as shell variables."""
    site = args.get("site") or {}
    return {
        "WEBSITE_ROOT": str(site.get("root", "")),
        "WEBSITE_WRITABLE": "\n".join(_texts(site.get("writable"))),
        "WEBSITE_DATABASE_ENGINE": str(site.get("database_engine", "")),
        "WEBSITE_DATABASE_NAME": str(site.get("database_name", "")),
        "EVIDENCE_DAYS": str(int(args.get("days", 30))),
        "EVIDENCE_ROWS": str(int(args.get("rows", 500))),
    }


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def _told(found: Collection, sent: dict[str, str]) -> dict[str, Any]:
    """Return what the play and the wrapper receive; ``sent`` goes into the case, since later it will be another."""
    records: list[dict[str, Any]] = [{"kind": "evidence", "data": item.as_data()} for item in found.items]
    if sent and any(item.id == "our_files" for item in found.items):
        records.append({"kind": "sent_files", "data": {"files": sent}})
    if found.items:
        records.append({"kind": "custody", "data": dict(found.custody)})
    counts = {outcome.value: sum(item.outcome is outcome for item in found.items) for outcome in Outcome}
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing new"
    kept = f"; {len(found.kept)} taken before" if found.kept else ""
    told: dict[str, Any] = {"changed": found.changed, "msg": said + kept, "counts": counts, "ungcuu": records}
    if not found.reached:
        return told | {"unreachable": True, "msg": found.stopped}
    if found.stopped:
        fix = "Nothing was changed on the host. Run the same command again: it goes on where it stopped."
        return told | {"failed": True, "msg": f"Stopped early: {found.stopped}. Taken: {said}. {fix}"}
    if found.items and not found.kept and not any(item.sha256 for item in found.items):
        return told | {"failed": True, "msg": f"The host gave nothing at all: {said}"}
    return told
