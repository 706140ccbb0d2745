"""Request a website's health page from the host or from the controller; see remote/page.py.

Its keys and an example: ../modules/ungcuu_page.py.

The question holds values of the inventory alone, and of the answer only words and numbers of our own are passed on: it
may be a host's that lies.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.sentences import plain
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import run_on_host
from ungcuu.remote import page

# What page.py says of a failure → the code that records hold.
_ERRORS = {
    "timeout": "timeout",
    "refused": "connection_refused",
    "tls": "tls",
    "unreachable": "unreachable",
    "not http": "not_http",
}
_SEEN = {"host": "on the host itself", "controller": "from the controller"}


def proof_of(answer: Mapping[str, Any], side: str) -> dict[str, Any]:
    """Return a ``proof`` record; what is not one of our own words or numbers counts as no answer."""
    passed = answer.get("passed") is True
    return {"name": "website_health", "side": side, "passed": passed, "detail": _detail(answer, passed)}


def _detail(answer: Mapping[str, Any], passed: bool) -> dict[str, Any]:
    """Return a phrase of whole numbers."""
    if why := _ERRORS.get(str(answer.get("error"))):
        return {"code": "answer_none", "why": {"code": why}, "tries": _whole(answer.get("tries"))}
    if not _whole(answer.get("status")):
        return {"code": "answer_unreadable"}
    seen = {name: _whole(answer.get(name)) for name in ("status", "bytes", "milliseconds")}
    if passed:
        return {"code": "answer_right", **seen}
    return {"code": "answer_wrong", **seen, "found": {"code": "found" if answer.get("found") is True else "missing"}}


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


class ActionModule(DocumentedAction):
    """See the module's own text."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``passed`` and one proof, under ``ungcuu``; failed when the page is not healthy."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        order, host = {"do": "wait"} | self.arguments, str((task_vars or {})["inventory_hostname"])
        side = str(order.pop("side"))
        answer = page.main(order) if side == "controller" else run_on_host(self, "page", order)
        proof = proof_of(answer, side)
        result |= {"changed": False, "passed": proof["passed"], "ungcuu": [{"kind": "proof", "data": proof}]}
        if proof["passed"]:
            return result
        return result | {
            "failed": True,
            "msg": f"{host}: the website does not work as seen {_SEEN[side]}: {plain(proof['detail'])}. "
            f"Nothing was changed by this check. Look at: ungcuu scan {host}",
        }
