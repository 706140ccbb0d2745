"""Prove from a host, or from the controller, what can be reached; see ungcuu/probe.py and ungcuu/proofs.py.

    - name: Prove from a foreign address that nothing answers
      ungcuu_probe: {prove: contained from outside, addresses: [198.51.100.2], ports: [22, 80], vantage: intruder01}
      delegate_to: intruder01

``prove`` is one of: contained inside, lasting inside, contained from the controller, contained from outside, served
from outside, served from the controller, notice from the controller. Without a ``vantage`` the proof from outside says
so and counts as not taken. A failed proof fails the task. Changes nothing.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from ungcuu import probe, proofs
from ungcuu.sent import python_command

TIMEOUT = 1.0  # seconds for one connection
_LIMIT = 4 << 20
_OUT_PORTS = [22, 53, 80, 443]


class ActionModule(ActionBase):  # type: ignore[misc]
    """See the module's own text."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``proofs``, also under ``ungcuu``; ``failed`` when one of them is false."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.check_mode:
            return result | {"skipped": True, "msg": "nothing to prove: nothing was changed"}
        found = self._prove(dict(self._task.args))
        bad = [f"{row['name']} ({row['side']}): {row['detail']}" for row in found if row["passed"] is False]
        return result | {
            "failed": bool(bad),
            "msg": "; ".join(bad),
            "proofs": found,
            "ungcuu": [{"kind": "proof", "data": row} for row in found],
        }

    def _prove(self, args: dict[str, Any]) -> list[proofs.Proof]:
        kind = str(args["prove"])
        side = kind.partition(" ")[2]
        addresses = [str(address) for address in args.get("addresses", [])]
        ports = [int(port) for port in args.get("ports", [])]
        site = dict(args.get("site") or {})
        if kind == "lasting inside":
            return [proofs.lasting(self._ask({"ask": "lasting"}, kind))]
        if kind == "contained inside":
            return self._inside(args, site)
        if side == "from outside":
            if not args.get("vantage"):
                return [
                    proofs.not_seen(
                        kind, side, "not proven from outside: the inventory has no host with a foreign address"
                    )
                ]
            side = f"from outside ({args['vantage']})"
        if kind.startswith("contained"):
            answer = self._ask({"ask": "ports", "addresses": addresses, "ports": ports}, kind)
            return proofs.contained(answer, side, addresses, ports)
        found = []
        if site and kind.startswith("notice"):
            return proofs.notice(
                self._ask({"ask": "site", "addresses": addresses, "site": site}, kind), side, addresses
            )
        if site:
            found += proofs.served(
                self._ask({"ask": "site", "addresses": addresses, "site": site}, kind), side, addresses
            )
        for port in ports:
            answer = self._ask({"ask": "ports", "addresses": addresses, "ports": [port]}, kind)
            found += proofs.closed(answer, side, addresses)
        return found

    def _inside(self, args: dict[str, Any], site: dict[str, Any]) -> list[proofs.Proof]:
        outside = [str(address) for address in args.get("outside", [])]
        order = {
            "ask": "inside",
            "outside": outside,
            "ports": _OUT_PORTS,
            "allowed": list(args["allowed"]),
            "site": site,
        }
        answer = self._ask(order, "contained inside")
        came_in = proofs.proof("management gets in", "inside", bool(answer), "over a new connection")
        return [came_in, *proofs.contained_inside(answer, outside, bool(site))]

    def _ask(self, order: dict[str, Any], kind: str) -> dict[str, Any]:
        """Run the probe here or on the task's host; an answer that is no mapping is no answer."""
        text = json.dumps(order | {"timeout": TIMEOUT})
        if kind.endswith("from the controller"):
            return probe.main(text)
        program = Path(probe.__file__).read_bytes()
        done = self._low_level_execute_command(shlex.join(python_command("-", text)), in_data=program)
        try:
            answer = json.loads(str(done.get("stdout", ""))[:_LIMIT].strip().splitlines()[-1])
        except (ValueError, IndexError):
            return {}
        return answer if isinstance(answer, dict) else {}
