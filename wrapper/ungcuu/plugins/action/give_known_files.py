"""Give a vault the files that a website host's signed baseline knows, so that it can judge the host's restore points.

Runs against the vault (``delegate_to``), about the host that the play is for. The vault keeps the list as root's, with
the baseline's time and hash. Without a baseline only what ungcuu itself put on the host is handed on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.check_phrases import Check
from ungcuu.core.errors import Tampered
from ungcuu.core.phrases import Proof, Side, phrase
from ungcuu.core.settings import kept_name
from ungcuu.detect import known_files
from ungcuu.plugins.differences import difference
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import carried

_VAULT = "/usr/local/sbin/ungcuu-vault"


class ActionModule(DocumentedAction):
    """``give_known_files: {host: web01, state: …, root: /var/www/portal, config_paths: [/etc/php]}``.

    ``required: false``: a vault that does not answer fails nothing, since the next backup hands the list over anyway.
    """

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Hand the list over; changed only when the vault did not have it. A forged baseline is reported, not sent."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = self.arguments
        host, state = str(args["host"]), Path(str(args["state"])).expanduser()
        folders = [str(args["root"]), *map(str, args.get("config_paths") or [])]
        try:
            document = known_files.document(state, host, folders)
        except Tampered:
            detail = phrase(Check.BASELINE_TAMPERED)
            record = {
                "name": str(Proof.BASELINE_FOR_VAULT),
                "side": str(Side.CONTROLLER),
                "passed": False,
                "detail": detail,
            }
            return result | {"changed": False, "ungcuu": [{"kind": "proof", "data": record}]}
        required = bool(args.get("required", True))
        check = bool(self._task.check_mode)
        answer = self._hand_over(host, document, required, check)
        shown = difference(f"files of {host} that the vault knows", [], [document["taken"] or "no baseline"])
        if check and answer.get("outcome") != "DONE" and not answer.get("lost"):
            # A vault whose program can't say it yet: a real run puts the new one there first.
            return result | {"changed": True, **shown, "msg": f"The vault could not be asked: {answer.get('reason')}"}
        if answer.get("outcome") != "DONE":
            why = f"The vault did not take the list of known files of {host}: {answer.get('reason')}"
            return result | {"failed": required, "changed": False, "given": False, "msg": why}
        changed = bool(answer.get("changed"))
        return result | {
            "changed": changed,
            "given": not check,
            "baseline": document["taken"],
            **(shown if changed else {}),
        }

    def _hand_over(self, host: str, document: dict[str, Any], required: bool, check: bool) -> dict[str, Any]:
        """What the vault's program answers; a lost connection is Ansible's own error where the list is required."""
        try:
            command = f"{_VAULT} know {kept_name(host)}{' --check' if check else ''}"
            done = carried(self._low_level_execute_command(command, in_data=json.dumps(document).encode()))
        except AnsibleConnectionFailure as error:
            if required:
                raise
            return {"reason": str(error)[:300], "lost": True}
        try:
            answer = json.loads(done.get("stdout", "").strip().splitlines()[-1])
        except (IndexError, ValueError, RecursionError):
            answer = None
        return answer if isinstance(answer, dict) else {"reason": str(done.get("stderr", ""))[-300:]}
