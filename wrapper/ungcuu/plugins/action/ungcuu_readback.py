"""Read an isolated host's rules, devices and neighbours back from its kernel; see ungcuu/contain/readback.py.

    - name: Read the rules back
      ungcuu_readback: {mode: full, ipv4: [198.51.100.1], ipv6: [], ssh_port: 22, public_ports: [], hooks: true}
      register: first
    - name: Read them again
      ungcuu_readback: {…, since: "{{ first }}", seconds: 30, fail: true}

    - name: Ask sshd whose keys it takes
      ungcuu_readback: {keys: [ssh-ed25519 AAAA…], key_file: /etc/ssh/ungcuu-isolation.keys, accounts: [root]}

``since`` is the result of the first reading, ``seconds`` how long after it this one is taken; what has passed already
is not waited for. With ``fail``, and only then, what was read wrong fails the task: the proofs from outside come first.
Changes nothing.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.contain import login_keys, proofs, readback
from ungcuu.contain.allowlist import AllowList
from ungcuu.core.phrases import Detail, Proof, phrase
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import run_on_host

_MOST_WAIT = 45.0  # seconds


class ActionModule(DocumentedAction):
    """See the module's own text."""

    rules: ClassVar[dict[str, Any]] = {
        "required_one_of": [["mode", "keys"]],
        "required_together": [["keys", "key_file", "accounts"]],
        "required_by": {"mode": ["ssh_port"]},
    }

    def needs_state(self) -> bool:
        """An isolation is not held back."""
        return False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``proofs``, also under ``ungcuu``; ``read_at``; ``failed`` as said above."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.check_mode:
            return result | {"skipped": True, "msg": "nothing to read: nothing was changed"}
        args = dict(self.arguments)
        if "keys" in args:
            return result | self._keys(args)
        earlier = dict(args.get("since") or {})
        begun = float(earlier.get("read_at") or time.time())
        time.sleep(max(0.0, min(_MOST_WAIT, begun + float(args.get("seconds") or 0) - time.time())))
        when = phrase(Detail.LATER, seconds=round(time.time() - begun)) if earlier else phrase(Detail.FIRST_TIME)
        wanted = _wanted(args)
        answer = run_on_host(self, "packet_filter", wanted.order())
        found = [readback.not_read(when)] if answer.get("failed") else readback.judge(answer, wanted, when)
        taken = [*found, *(earlier.get("proofs") or [])] if args.get("fail") else []
        bad = [proofs.words(row, detail=True) for row in taken if row["passed"] is False]
        return result | {
            "failed": bool(bad),
            "msg": "; ".join(bad),
            "proofs": found,
            "read_at": begun,
            "ungcuu": [{"kind": "proof", "data": row} for row in self._news(found, earlier)],
        }

    def _keys(self, args: dict[str, Any]) -> dict[str, Any]:
        """Ask sshd; keys that were not restricted are said, and fail nothing."""
        accounts, file, keys = list(map(str, args["accounts"])), str(args["key_file"]), list(map(str, args["keys"]))
        row = proofs.not_seen(Proof.OWN_KEYS_ONLY, proofs.INSIDE, phrase(Detail.KEYS_UNRESTRICTED))
        if keys:
            asked = login_keys.question(accounts, file).encode()
            done = self._low_level_execute_command("sh -s", in_data=asked)
            row = login_keys.judge(str(done.get("stdout", "")), keys, accounts, file)
        return {
            "failed": row["passed"] is False,
            "msg": proofs.words(row, detail=True) if row["passed"] is False else "",
            "proofs": [row],
            "ungcuu": [{"kind": "proof", "data": row}],
        }

    @staticmethod
    def _news(found: list[proofs.Proof], earlier: dict[str, Any]) -> list[proofs.Proof]:
        """Leave out what was said before in the same words."""
        return [row for row in found if row not in (earlier.get("proofs") or [])]


def _wanted(args: dict[str, Any]) -> readback.Wanted:
    return readback.Wanted(
        mode=str(args["mode"]),
        allowed=AllowList(tuple(map(str, args["ipv4"])), tuple(map(str, args["ipv6"]))),
        ssh_port=int(args["ssh_port"]),
        public_ports=[int(port) for port in args["public_ports"]],
        hooks=bool(args.get("hooks", True)),
        pins=bool(args.get("pins", True)),
    )
