"""Use the website as its visitors and editors do (see remote/website_probe.py), and compare with an earlier probe.

    - name: Try the website again
      ungcuu_website_probe:
        site: {name: portal.lab.test, root: /var/www/portal, …}
        before: "{{ website_probe_before.results }}"
      register: website_probe_after

``only`` limits it to some trials by name, and what they need.
``broken`` lists the trials that passed before and fail now. Nothing on the site is left changed. ``needs`` holds what
the pages load: directive of a Content-Security-Policy to sources, each of the form that one must have.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import run_on_host

_DIRECTIVES = (
    "script-src", "style-src", "img-src", "font-src", "media-src", "frame-src", "object-src", "connect-src",
    "manifest-src", "worker-src", "form-action", "base-uri",
)  # fmt: skip # a table
_SCHEMES = {"data:": ("img-src", "font-src", "media-src", "style-src"), "blob:": ("img-src", "media-src")}
_ORIGIN = re.compile(r"(https?|wss?)://[a-z0-9.-]{1,253}(:[0-9]{1,5})?")
_MOST_ORIGINS = 20


def checked_needs(needs: object) -> dict[str, list[str]]:
    """What the host says that its pages need, without anything that could be more than a source."""
    if not isinstance(needs, dict):
        return {}
    rows = {name: [str(item) for item in needs.get(name) or []] for name in _DIRECTIVES}
    kept = {name: [item for item in items if is_source(name, item)][:_MOST_ORIGINS] for name, items in rows.items()}
    return {name: items for name, items in kept.items() if items}


def is_source(directive: str, item: str) -> bool:
    """Whether this may stand in a policy: the site itself, an origin, or a scheme where one does no harm."""
    return item == "'self'" or bool(_ORIGIN.fullmatch(item)) or directive in _SCHEMES.get(item, ())


class ActionModule(DocumentedAction):
    """See the module's own text."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``results``, ``broken`` and one proof for each trial. In check mode only reading is tried."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        before = self.arguments.get("before") or {}
        order = dict(self.arguments["site"]) | {"deep": not self._task.check_mode}
        order["only"] = list(self.arguments.get("only") or [])
        reply = run_on_host(self, "website_probe", order)
        if reply.get("failed"):
            return result | {"failed": True, "msg": reply.get("msg", "")}
        rows = reply.get("results", {})
        tried = order["only"] or before
        broken = [name for name in tried if before[name]["passed"] and not rows.get(name, {}).get("passed")]
        proofs = [
            {"name": f"website: {name}", "side": "host", "passed": row["passed"], "detail": row["detail"]}
            for name, row in rows.items()
        ]
        return result | {
            "changed": False,
            "results": rows,
            "needs": checked_needs(reply.get("needs")),
            "broken": broken,
            "failing": [name for name, row in rows.items() if not row["passed"]],
            "ungcuu": [{"kind": "proof", "data": proof} for proof in proofs],
        }
