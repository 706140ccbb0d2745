"""Resolve who may reach SSH on an isolated host, and refuse a list that would lock the controller out.

    - name: Resolve the allow-list
      ungcuu_allow_list:
        entries: [198.51.100.1, 2001:db8::/64, admin.example.org]
        card: /path/of/the/containment/card.json     # its allow-list is allowed too, if there is one
        key: /path/of/the/private/key                # the one that this controller logs in with, if it is a file
      register: allowed        # allowed.ipv4, allowed.ipv6: networks as nft lists them; allowed.keys_of_controller

Changes nothing. The address that the host sees is read as the login user, since sudo drops sshd's variables.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.contain import allowlist
from ungcuu.contain.login_keys import public_keys
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.plain_call import with_private_key

_KEY = "ansible_ssh_private_key_file"


class ActionModule(DocumentedAction):
    """See the module's own text."""

    def needs_state(self) -> bool:
        """An isolation is not held back."""
        return False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``ipv4``, ``ipv6`` and ``seen``, the address that the host sees this controller come from."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            allowed = allowlist.allow_list(
                [*map(str, self.arguments["entries"]), *_of_card(self.arguments.get("card"))]
            )
        except allowlist.Unresolved as gap:
            return result | _refusal(f"the name {gap.name} in the allow-list resolves to no address")
        said = self._low_level_execute_command('printf "%s\\n" "$SSH_CONNECTION"', sudoable=False)
        words = str(said.get("stdout", "")).split()
        seen = allowlist.parse_address(words[0]) if words else None
        if self._connection.transport == "ssh" and (seen is None or not allowed.holds(str(seen))):
            return result | _refusal(
                f"it does not hold {seen or 'the address'} that the host sees the controller come from"
            )
        return result | {
            "ipv4": list(allowed.ipv4),
            "ipv6": list(allowed.ipv6),
            "seen": str(seen) if seen else "",
            "keys_of_controller": public_keys(str(with_private_key({_KEY: self.arguments.get("key")}).get(_KEY) or "")),
        }


def _of_card(path: object) -> list[str]:
    """Return the allow-list of a containment card; none where there is no readable one."""
    try:
        allow = json.loads(Path(str(path)).read_bytes())["allow"]
        return [str(net) for family in ("ipv4", "ipv6") for net in allow[family]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _refusal(why: str) -> dict[str, Any]:
    return {
        "failed": True,
        "msg": f"Refused, nothing was touched: {why}. Isolating the host with this list would lock the responder out. "
        "Add the address to management_addresses in the inventory.",
    }
