"""Keep the list of a host's blocked networks on the controller, and show what the host has counted.

    - name: Add to the list
      ungcuu_blocks: {folder: …/hosts, add: [203.0.113.9], reason: brute force, owner: an, ipv4: […], ipv6: […]}
    - name: Show the counters
      ungcuu_blocks: {folder: …/hosts, counters: true}

``ipv4`` and ``ipv6`` are the management networks: a block that holds one of them is refused.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.contain import blocks  # (found beside us, whether or not ungcuu is installed)
from ungcuu.contain.allowlist import AllowList
from ungcuu.core.phrases import Change
from ungcuu.plugins.differences import difference
from ungcuu.plugins.documented_action import DocumentedAction


class ActionModule(DocumentedAction):
    """See the module's own text."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``blocks``: network and comment of each, by family; ``changed``; the inverse of each new block."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        args, host = self.arguments, str((task_vars or {})["inventory_hostname"])
        folder = Path(str(args["folder"])).expanduser() / host
        try:
            known = blocks.load(folder)
            if args.get("counters"):
                return result | self._counters(known)
            wanted = self._wanted(known, args)
        except (blocks.NotBlocked, ValueError) as refusal:
            return result | {"failed": True, "msg": f"Refused, nothing was changed on {host}: {refusal}"}
        if wanted != known and not self._task.check_mode:
            blocks.save(folder, wanted)
        return result | {
            "changed": wanted != known,
            **difference(f"blocked networks of {host}", _lines(known), _lines(wanted)),
            "blocks": {"ipv4": _rows(wanted, six=False), "ipv6": _rows(wanted, six=True)},
            "ungcuu": _records(known, wanted, host),
        }

    @staticmethod
    def _wanted(known: tuple[blocks.Block, ...], args: dict[str, Any]) -> tuple[blocks.Block, ...]:
        until, now = str(args.get("until") or ""), datetime.now(UTC)
        if until:
            end = datetime.fromisoformat(until)
            until = (end if end.tzinfo else end.replace(tzinfo=UTC)).isoformat()
        since = f"{now:%Y-%m-%dT%H:%M:%S+00:00}"
        owner, reason = str(args.get("owner") or "?"), str(args.get("reason") or "")
        news = [blocks.Block(blocks.network(str(text)), owner, reason, since, until) for text in args.get("add") or []]
        if news and not reason:
            raise blocks.NotBlocked("a block needs a reason")
        allowed = AllowList(tuple(args.get("ipv4") or ()), tuple(args.get("ipv6") or ()))
        return blocks.removed(
            blocks.added(known, news, allowed), map(blocks.network, map(str, args.get("remove") or []))
        )

    def _counters(self, known: tuple[blocks.Block, ...]) -> dict[str, Any]:
        said = self._low_level_execute_command("nft -j list table inet ungcuu_block") if known else {}
        try:
            listing = json.loads(str(said.get("stdout", ""))[: 4 << 20] or "{}")
        except (ValueError, RecursionError):
            listing = {}
        rows = blocks.counters(listing if isinstance(listing, dict) else {}, known)
        return {
            "changed": False,
            "counters": rows,
            "ungcuu": [{"kind": "snapshot", "data": {"what": "blocks", "rows": rows}}],
        }


def _lines(rows: tuple[blocks.Block, ...]) -> list[str]:
    return [f"{row.network} {row.comment}" for row in rows]


def _rows(wanted: tuple[blocks.Block, ...], *, six: bool) -> list[dict[str, str]]:
    return [{"network": row.network, "comment": row.comment} for row in wanted if (":" in row.network) == six]


def _records(known: tuple[blocks.Block, ...], wanted: tuple[blocks.Block, ...], host: str) -> list[dict[str, Any]]:
    before, after = {row.network for row in known}, {row.network: row for row in wanted}
    new = [
        {"kind": "inverse", "data": {"action": f"block {net}", "undo": f"ungcuu unblock {host} {net}"}}
        for net in after
        if net not in before
    ]
    freed = [{"what": str(Change.UNBLOCKED), "item": net} for net in sorted(before - set(after))]
    return new + [{"kind": "change", "data": row} for row in freed]
