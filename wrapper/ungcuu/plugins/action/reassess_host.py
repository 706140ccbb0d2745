"""Re-assess a host: scan, the roles' own tests, and a person's statement of cause and fix; see recover/reassess.py."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.template import Templar

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.errors import UngcuuError
from ungcuu.core.sentences import plain as in_english
from ungcuu.core.settings import Settings
from ungcuu.detect.findings import reported
from ungcuu.hosts.site import Site, plain
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.refusal import refusal
from ungcuu.plugins.subject import subject_from
from ungcuu.recover.reassess import Entry, reassess

_MAGIC = frozenset({"hostvars", "groups", "vars", "environment", "omit", "ansible_facts", "ansible_version"})
_SHOWN = 50  # of what is left; reassessment.json holds all
_SECRET = ("password", "pass", "secret", "token")


class ActionModule(DocumentedAction):
    """``reassess_host: {entry_closed: text, by: name, roles: []}``. Changes nothing on the host."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the outcome; failed with everything that is left when the host is not clean."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.check_mode:
            return result | {"changed": False, "skipped": True, "msg": "a re-assessment is not made in check mode"}
        args, variables = self.arguments, task_vars or {}
        subject = subject_from(self._templar, variables)
        settings = Settings.from_environment({"UNGCUU_STATE": str(subject.state)})
        try:
            looked = str(args.get("application_checked") or "")
            entry = Entry(str(args.get("entry_closed") or ""), str(args.get("by") or settings.operator), looked)
            roles = tuple(map(str, args.get("roles") or []))
            done, found = reassess(subject, _site(self._loader, variables, settings), settings, entry, roles)
        except UngcuuError as error:
            raise refusal(error) from error
        judged = done.document() | {"left": list(done.left)[:_SHOWN], "left_total": len(done.left)}
        records = reported(found.findings)
        records += [{"kind": "scan", "data": found.summary()}, {"kind": "reassessment", "data": judged}]
        result |= {"changed": False, "outcome": done.outcome, "left": list(done.left)[:_SHOWN], "ungcuu": records}
        if done.root_lost:
            records.append({"kind": "root_lost", "data": dict(done.root_lost)})
            sentence = found.root_lost.sentence() if found.root_lost else ""
            result |= {"failed": True, "msg": f"{subject.name} may not be released: {sentence}"}
        if done.left:
            more = f" (and {len(done.left) - 3} more)" if len(done.left) > 3 else ""
            result |= {"failed": True, "msg": f"{subject.name} is not clean: " + in_english(done.left[:3]) + more}
        return result


def _site(loader: Any, variables: Mapping[str, Any], settings: Settings) -> Site:
    """The inventory as this playbook run resolved it: the tests read the same facts, and it is not read twice."""
    hostvars = variables["hostvars"]
    hosts = {str(name): _host(loader, dict(hostvars.raw_get(name)), hostvars) for name in list(hostvars)}
    groups = {
        str(name): tuple(map(str, members))
        for name, members in variables["groups"].items()
        if name not in ("all", "ungrouped")
    }
    return Site(Path(str(variables.get("inventory_dir", "."))), settings, hosts, groups)


def _host(loader: Any, raw: dict[str, Any], hostvars: Any) -> dict[str, Any]:
    """One host's variables, resolved. What was registered while the playbook ran is left out: it is the host's word."""
    templar = Templar(loader=loader, variables=raw | {"hostvars": hostvars})
    return {
        str(key): plain(templar.template(value))
        for key, value in raw.items()
        if key not in _MAGIC and not str(key).startswith("__") and not str(key).endswith(_SECRET)
    }
