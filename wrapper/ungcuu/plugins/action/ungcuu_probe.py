"""Prove from a host, or from the controller, what can be reached; see remote/reachability.py and contain/proofs.py.

Its keys and an example: ../modules/ungcuu_probe.py.

``prove`` is one of: contained inside, lasting inside, contained from the controller, contained from outside, served
from outside, served from the controller, notice from the controller. Without a ``vantage``, or when it does not answer,
the proof from outside says so and counts as not taken. A failed proof fails the task; its message ends with ``switch``,
the site's note on where else to cut the host off. Changes nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.contain import allowlist, outside, proofs, vantage_point
from ungcuu.core.phrases import Detail, Proof, Side, phrase
from ungcuu.hosts import site
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import run_on_host
from ungcuu.plugins.plain_call import with_private_key
from ungcuu.remote import reachability

TIMEOUT = 1.0  # seconds for one connection
_OUT_PORTS = [22, 53, 80, 443]


class ActionModule(DocumentedAction):
    """See the module's own text."""

    def needs_state(self) -> bool:
        """An isolation is not held back."""
        return False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``proofs``, also under ``ungcuu``; ``failed`` when one of them is false."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.check_mode:
            return result | {"skipped": True, "msg": "nothing to prove: nothing was changed"}
        found = self._prove(dict(self.arguments), task_vars or {})
        bad = [proofs.words(row, detail=True) for row in found if row["passed"] is False]
        return result | {
            "failed": bool(bad),
            "msg": "; ".join([*bad, *_switch(self.arguments)] if bad else []),
            "proofs": found,
            "ungcuu": [{"kind": "proof", "data": row} for row in found],
        }

    def _prove(self, args: dict[str, Any], task_vars: dict[str, Any]) -> list[proofs.Proof]:
        kind = str(args["prove"])
        place = proofs.OUTSIDE if kind.endswith("from outside") else proofs.CONTROLLER
        addresses = [str(address) for address in args.get("addresses", [])]
        ports = [int(port) for port in args.get("ports", [])]
        page = dict(args.get("site") or {})
        if kind == "lasting inside":
            return [proofs.lasting(self._ask({"ask": "lasting"}, kind))]
        if kind == "contained inside":
            return self._inside(args, page)
        if kind.startswith("contained"):
            return self._contained(args, task_vars, place, addresses, ports)
        if place == proofs.OUTSIDE:
            if not args.get("vantage"):
                return [proofs.not_seen(Proof.SITE_SERVES, place, phrase(Detail.NO_VANTAGE))]
            place = proofs.Place(Side.OUTSIDE, str(args["vantage"]))
        found = []
        if page:
            asked = {"ask": "site", "addresses": addresses, "site": page}
            judge = proofs.notice if kind.startswith("notice") else proofs.served
            found += judge(self._ask(asked, kind), place, addresses)
        if ports and place.vantage and self._logs_in(args, task_vars):
            why = phrase(Detail.VANTAGE_LOGS_IN, host=place.vantage)
            return [*found, proofs.not_seen(Proof.SSH_CLOSED, place, why)]
        for port in ports:
            answer = self._ask({"ask": "ports", "addresses": addresses, "ports": [port]}, kind)
            found += proofs.closed(answer, place, addresses)
        return found

    @staticmethod
    def _vantage(args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        name = str(args["vantage"])
        target = site.target_from(name, with_private_key(task_vars["hostvars"][name]))
        return vantage_point.described(name, target, is_vault=name == task_vars.get("website_vault_host"))

    def _logs_in(self, args: dict[str, Any], task_vars: dict[str, Any]) -> bool:
        """Whether the vantage is one of those that SSH is open to, as the vault is: it can't see it closed."""
        try:
            allowed = allowlist.allow_list(map(str, args.get("allowed") or ()))
        except allowlist.Unresolved:
            allowed = allowlist.allow_list(())
        return vantage_point.may_log_in(self._vantage(args, task_vars), allowed)

    def _contained(
        self,
        args: dict[str, Any],
        task_vars: dict[str, Any],
        place: proofs.Place,
        addresses: list[str],
        ports: list[int],
    ) -> list[proofs.Proof]:
        """Judge what can be tried without the host's help, from here or from the vantage."""
        ssh_port = int(args.get("ssh_port") or 0)
        if place != proofs.OUTSIDE:
            asked = [*ports, ssh_port] if ssh_port else ports
            answer = self._ask({"ask": "ports", "addresses": addresses, "ports": asked}, str(args["prove"]))
            return proofs.contained(answer, place, addresses, ports, ssh_port)
        if not args.get("vantage"):
            return [proofs.not_seen(Proof.NO_PORT_ANSWERS, place, phrase(Detail.NO_VANTAGE))]
        vantage = self._vantage(args, task_vars)
        allowed = allowlist.allow_list(map(str, args.get("allowed") or ()))
        # Over a connection of our own: a vantage that is down must not end the play.
        found, _alive = outside.ask_vantage(
            vantage, addresses, ports, ssh_port, vantage_point.may_log_in(vantage, allowed)
        )
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
        came_in = proofs.proof(Proof.MANAGEMENT_GETS_IN, proofs.INSIDE, bool(answer), phrase(Detail.NEW_CONNECTION))
        return [came_in, *proofs.contained_inside(answer, outside, bool(site))]

    def _ask(self, order: dict[str, Any], kind: str) -> dict[str, Any]:
        """Run the probe here or on the task's host; an answer that is no mapping is no answer."""
        asked = order | {"timeout": TIMEOUT}
        if kind.endswith("from the controller"):
            return reachability.main(asked)
        answer = run_on_host(self, "reachability", asked)
        return {} if answer.get("failed") else answer


def _switch(args: dict[str, Any]) -> list[str]:
    """What to do when a proof of containment failed."""
    if "switch" not in args:
        return []
    note = " ".join(str(args["switch"] or "").split())
    return ["NOT proven: cut it off at the switch" + (f": {note}" if note else "")]
