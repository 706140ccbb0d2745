"""Render a role's drop-ins and put them on the host as one transaction (see remote/dropins.py).

Its keys and an example: ../modules/ungcuu_dropins.py.

A file has ``src`` (template), ``state: absent``, ``edits`` (pattern and replacement on the file that is there), or
``only_mode`` (a file or folder that is there gets its mode).
``controls`` names the controls that it carries; each change is reported with them. ``probes`` ({name, command}) show
whether what runs is what the files say; a failing one makes ``apply`` run. ``skips`` ({controls, reason, command})
print what this host does not let be applied; that is reported, line by line.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.template import trust_as_template

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.check_phrases import Skip
from ungcuu.core.phrases import Change, phrase
from ungcuu.hosts import deployed_files
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import run_on_host

_HERE = {"src", "vars", "controls"}  # of a file: what the host has no use for
_SOURCES = ("src", "edits", "only_mode")
_MODE = re.compile(r"0[0-7]{3,4}")
_ORDER_KEYS = {"validate", "apply", "revert", "probes", "skips"}
_UNDONE = "Nothing was done by this task"
_LINE = re.compile(r"[\w .:/-]{1,100}")
_FORM = {"changed": list}


class ActionModule(DocumentedAction):
    """See the module's own text."""

    rules: ClassVar[dict[str, Any]] = {
        "required_one_of": [["files", "arm", "confirm"]],
        "mutually_exclusive": [["files", "arm", "confirm"]],
    }

    def needs_state(self) -> bool:
        """An isolation is not held back."""
        return False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``changed``, ``diff``, ``paths``, ``armed`` and one ``change`` record for each path."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        args = self.arguments
        order: dict[str, Any]
        if "files" not in args and self._task.check_mode:
            return result | {"changed": False, "skipped": True, "msg": "nothing is armed or confirmed in check mode"}
        if "confirm" in args or "arm" in args:
            order = {key: args[key] for key in ("confirm", "arm") if key in args}
        else:
            order = {key: args[key] for key in _ORDER_KEYS if args.get(key)}
            order["files"] = [self._file(entry, variables) for entry in args["files"]]
            order["check"] = bool(self._task.check_mode)
            order["diff"] = bool(self._task.diff)
        reply = run_on_host(self, "dropins", order, _FORM)
        if reply.get("failed"):
            return result | {"failed": True, "msg": reply.get("msg", "")}
        if "files" in order and not self._task.check_mode:
            try:
                self._remember(order["files"], variables)
            except OSError as error:
                # The host is changed already, and what isolates it must go on when the controller's disk is full.
                result["warnings"] = [f"The files could not be remembered for the next scan: {error}"]
        paths = [str(path) for path in reply.get("changed", [])]
        carried = {entry["dest"]: entry.get("controls", []) for entry in args.get("files", [])}
        records = [{"what": str(Change.FILE), "item": path, "controls": carried.get(path, [])} for path in paths]
        return result | {
            "changed": bool(paths),
            "paths": paths,
            "armed": reply.get("armed", ""),
            "diff": reply.get("diff", []),
            "ungcuu": [{"kind": "change", "data": record} for record in records]
            + _skips(args.get("skips") or [], reply.get("skipped") or []),
        }

    def _remember(self, files: list[dict[str, Any]], variables: dict[str, Any]) -> None:
        """Keep on the controller what was sent, so that no scan calls it an intruder's; see deployed_files.py."""
        if not (state := str(self._templar.template(variables.get("ungcuu_state", "")))):
            return
        sent = {entry["dest"]: entry.get("content") for entry in files if "edits" not in entry}
        deployed_files.remember(Path(state).expanduser(), str(variables["inventory_hostname"]), sent)

    def _file(self, entry: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One file as the host gets it, its template rendered here."""
        where = f"ungcuu_dropins: {entry['dest']}"
        if entry.get("state") != "absent" and not any(key in entry for key in _SOURCES):
            raise AnsibleActionFail(f"{where}: needs one of {', '.join(_SOURCES)}, or state: absent. {_UNDONE}")
        if not _MODE.fullmatch(entry.get("mode", "0644")):
            raise AnsibleActionFail(f'{where}: write the mode in octal and in quotes, like "0644". {_UNDONE}')
        ready = {key: value for key, value in entry.items() if key not in _HERE}
        if "src" in entry:
            source = self._find_needle("templates", entry["src"])
            text = self._loader.get_text_file_contents(source)
            ready["content"] = self._render(text, variables | entry.get("vars", {}), source)
        return ready

    def _render(self, text: str, variables: dict[str, Any], source: str) -> str:
        templar = self._templar.copy_with_new_env(searchpath=[str(Path(source).parent)], available_variables=variables)
        overrides = {"trim_blocks": True, "lstrip_blocks": True}
        rendered = str(templar.template(trust_as_template(text), escape_backslashes=False, overrides=overrides))
        return rendered if rendered.endswith("\n") else rendered + "\n"


def _skips(asked: list[dict[str, Any]], told: list[list[str]]) -> list[dict[str, Any]]:
    """One ``skip`` record for each of ``skips`` that has lines; lines of another form than a name are dropped."""
    return [
        {
            "kind": "skip",
            "data": {
                "controls": skip["controls"],
                "reason": phrase(Skip(skip["reason"])),
                "keys": [line for line in lines if _LINE.fullmatch(str(line))],
            },
        }
        for skip, lines in zip(asked, told, strict=False)
        if lines
    ]
