"""Lock the accounts of a host and of its site, or unlock what was locked; see remote/accounts.py.

    - name: Lock the accounts
      ungcuu_accounts: {state: locked, folder: …/hosts, keep: [ungcuu], accounts: [], application: wordpress, …}

What undoes it is kept on the controller, in hosts/<host>/locked.json: the host's word is not asked for it later.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.atomic import make_private, put_json
from ungcuu.core.phrases import Change
from ungcuu.plugins.differences import difference
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import run_on_host

_FORM = {"accounts": list, "site": int, "left": list}
_UNDO = ("name", "uid", "password", "expires", "keys", "stopped")


class ActionModule(DocumentedAction):
    """See the module's own text."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``locked`` names, ``site`` (how many accounts of the application) and ``left`` (whom, and why)."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        args, host = self.arguments, str((task_vars or {})["inventory_hostname"])
        path = Path(str(args["folder"])).expanduser() / host / "locked.json"
        undo = _load(path)
        keep, wanted = [str(name) for name in args["keep"]], [str(name) for name in args.get("accounts") or []]
        if args["state"] == "locked" and (own := set(keep) & set(wanted)):
            return result | {"failed": True, "msg": f"Refused, nothing was changed: {', '.join(own)} manages the host."}
        if args["state"] == "unlocked" and not undo:
            return result | {"changed": False, "locked": [], "site": 0, "left": []}
        order = {
            "state": args["state"],
            "keep": keep,
            "accounts": wanted,
            "undo": undo,
            "check": bool(self._task.check_mode),
            "application": str(args.get("application") or ""),
            "engine": str(args.get("engine") or ""),
            "database": str(args.get("database") or ""),
        }
        reply = run_on_host(self, "accounts", order, _FORM)
        if reply.get("failed"):
            return result | {"failed": True, "msg": str(reply.get("msg", ""))[:600]}
        return result | self._ended(args, host, path, undo, reply)

    def _ended(
        self, args: dict[str, Any], host: str, path: Path, undo: dict[str, Any], reply: dict[str, Any]
    ) -> dict[str, Any]:
        if args["state"] == "unlocked":
            if not self._task.check_mode:
                path.rename(path.with_name("locked-last.json"))
            names = [str(row.get("name")) for row in undo.get("accounts", [])]
            shown = difference(f"locked accounts of {host}", [*names, *_of_site(undo.get("site"))], [])
            record = {
                "kind": "change",
                "data": {"what": str(Change.UNLOCKED), "accounts": len(undo.get("accounts", []))},
            }
            return {"changed": True, "locked": [], "site": 0, "left": [], **shown, "ungcuu": [record]}
        rows = [
            {name: row[name] for name in _UNDO if name in row}
            for row in reply["accounts"]
            if isinstance(row, dict) and isinstance(row.get("name"), str)
        ]
        site = reply["site"]
        fresh = [row for row in rows if row.get("password") or "expires" in row or row.get("keys")]
        changed = bool(fresh or site)
        if changed and not self._task.check_mode:
            _save(path, {"accounts": [*undo.get("accounts", []), *fresh], "site": bool(site or undo.get("site"))})
        names, left = [str(row.get("name")) for row in rows], [str(text)[:200] for text in reply["left"][:100]]
        records = [
            {
                "kind": "change",
                "data": {"what": str(Change.LOCKED), "accounts": names, "site_accounts": site, "left": reply["left"]},
            },
            {"kind": "inverse", "data": {"action": "lock", "undo": f"ungcuu unlock {host}"}},
        ]
        listed = {"locked": names, "site": site, "left": left}
        unlocked = [{"kind": "left", "data": {"what": str(Change.NOT_LOCKED), "left": reply["left"]}}] if left else []
        shown = difference(f"locked accounts of {host}", [], [*map(_in_words, fresh), *_of_site(site)])
        return {"changed": changed, **listed, **shown, "ungcuu": records if changed else unlocked}


def _in_words(row: dict[str, Any]) -> str:
    """Return what is locked of one account."""
    parts = {"password": row.get("password"), "login": "expires" in row, "keys": row.get("keys")}
    return f"{row['name']}: {', '.join(name for name, locked in parts.items() if locked)}"


def _of_site(count: Any) -> list[str]:
    return ["accounts of the website"] if count else []


def _load(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return data if isinstance(data, dict) else {}


def _save(path: Path, data: dict[str, Any]) -> None:
    make_private(path.parent)
    put_json(path, data)
