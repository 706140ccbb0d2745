"""Set who may write the files of a website; see remote/code_owner.py.

Its keys and an example: ../modules/ungcuu_code_owner.py.

Of the host's answer only numbers are looked at: they count, and pick names out of the inventory's own list.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.phrases import Change
from ungcuu.plugins.differences import difference
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import run_on_host

# What is asked of the host, what is recorded, and what the files become.
_WAYS = {
    "read_only": ("take", Change.CODE_TAKEN, "not writable for {user} any more"),
    "as_before": ("give back", Change.CODE_GIVEN_BACK, "owner, group and mode as before"),
    "open": ("open", Change.FOLDERS_OPENED, "writable for {user}"),
}


class ActionModule(DocumentedAction):
    """See the module's own text."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``changed``, ``diff``, ``left`` and one ``change`` record; failed where a folder is none."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        args, host = self.arguments, str((task_vars or {})["inventory_hostname"])
        do, change, words = _WAYS[args["state"]]
        order = {"do": do, "root": args["root"], "user": args["user"], "writable": args["writable"]}
        answer = run_on_host(self, "code_owner", order | {"check": bool(self._task.check_mode)})
        if answer.get("failed"):
            return result | {"failed": True, "msg": str(answer.get("msg", ""))[:600]}
        try:
            absent = [args["writable"][int(place)] for place in answer["absent"]]
            count, left = int(answer["changes"]), int(answer["left"])
        except (KeyError, IndexError, TypeError, ValueError):
            return result | {"failed": True, "msg": f"{host} gave another answer than its counts"}
        if absent:
            return result | {"failed": True, "msg": _no_folder(args, absent, host)}
        if not count:
            return result | {"changed": False, "left": left}
        shown = difference(str(args["root"]), [], [f"{count} files and folders: {words.format(user=args['user'])}"])
        controls = [] if do == "open" else ["php-pool-user"]
        record = {"what": str(change), "item": args["root"], "controls": controls}
        return result | {"changed": True, "left": left, **shown, "ungcuu": [{"kind": "change", "data": record}]}


def _no_folder(args: dict[str, Any], absent: list[str], host: str) -> str:
    return (
        f"website_writable_paths names {', '.join(absent)}: below {args['root']} that is no folder, or a link to one "
        f"that {args['user']} can't write. Nothing of PHP was changed. Next: make the folder on the host, or correct "
        f"website_writable_paths; then ungcuu harden {host}"
    )
