"""Blocked addresses of a host: who blocked them, why, since when and until when. Pure but for one file.

``hosts/<host>/blocks.json`` on the controller is the list; the host's rule set is rendered from it as a whole. A block
whose time is over stays until a person takes it away: doctor reminds, nothing is released silently.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ungcuu.contain.allowlist import AllowList, parse_address
from ungcuu.core.atomic import make_private, put_json
from ungcuu.core.i18n import _

FILE = "blocks.json"
WIDEST = {4: 8, 6: 19}  # prefix lengths; a wider network is a slip of the hand
_COMMENT = re.compile(r"[^A-Za-z0-9 .,:;/+_-]")


class NotBlocked(Exception):
    """A block was refused: what, and why."""


@dataclass(frozen=True)
class Block:
    """One blocked network. Times are UTC, ISO 8601; ``until`` is empty where there is no end."""

    network: str
    owner: str
    reason: str
    since: str
    until: str = ""

    @property
    def comment(self) -> str:
        """What stands beside it in the rule set; nft takes 128 bytes of plain text there."""
        text = f"{self.owner}: {self.reason}; since {self.since}, until {self.until or 'unblocked'}"
        return _COMMENT.sub("?", text)[:120]

    def over(self, now: datetime) -> bool:
        """Whether its time is over, and somebody must decide."""
        return bool(self.until) and datetime.fromisoformat(self.until) < now


def load(folder: Path) -> tuple[Block, ...]:
    """Return the blocks of a host.

    Raises:
        ValueError: The file is damaged; guessing would open or close the wrong doors.
    """
    try:
        rows = json.loads((folder / FILE).read_bytes())
        if any(not isinstance(value, str) for row in rows for value in row.values()):
            raise TypeError("what is no text")
        return tuple(Block(**row) for row in rows)
    except FileNotFoundError:
        return ()
    except (AttributeError, KeyError, RecursionError, TypeError) as error:
        raise ValueError(f"{folder / FILE} is damaged: {error}") from error


def save(folder: Path, blocks: Sequence[Block]) -> None:
    """Write the list in one step."""
    put_json(make_private(folder) / FILE, [asdict(block) for block in blocks])


def network(text: str) -> str:
    """Return an address or network as nft lists it.

    Raises:
        NotBlocked: It is neither, or too wide.
    """
    try:
        found = ipaddress.ip_network(parse_address(text) or text, strict=False)
    except ValueError:
        raise NotBlocked(_("{text} is no address and no network").format(text=text)) from None
    if found.prefixlen < WIDEST[found.version]:
        raise NotBlocked(_("{text} is wider than /{most}").format(text=text, most=WIDEST[found.version]))
    return str(found.network_address) if found.prefixlen == found.max_prefixlen else str(found)


def added(blocks: Sequence[Block], news: Iterable[Block], allowed: AllowList) -> tuple[Block, ...]:
    """Return the list with these blocks; one that is there keeps its beginning and gets the new reason and end.

    Raises:
        NotBlocked: It would shut out somebody who may manage the host, or overlaps another block.
    """
    found = {block.network: block for block in blocks}
    for block in news:
        wanted = ipaddress.ip_network(block.network)
        for own in (*allowed.ipv4, *allowed.ipv6):
            other = ipaddress.ip_network(own)
            if other.version == wanted.version and wanted.overlaps(other):
                raise NotBlocked(
                    _("{network} holds the management address {own}").format(network=block.network, own=own)
                )
        for other_block in found.values():
            other = ipaddress.ip_network(other_block.network)
            if other.version == wanted.version and other != wanted and wanted.overlaps(other):
                raise NotBlocked(
                    _("{network} overlaps {other}, which is blocked already").format(
                        network=block.network, other=other_block.network
                    )
                )
        known = found.get(block.network)
        found[block.network] = replace(block, since=known.since) if known else block
    return tuple(sorted(found.values(), key=lambda block: (":" in block.network, block.network)))


def removed(blocks: Sequence[Block], networks: Iterable[str]) -> tuple[Block, ...]:
    """Return the list without these networks.

    Raises:
        NotBlocked: One of them is not in it.
    """
    gone = set(networks)
    if unknown := gone - {block.network for block in blocks}:
        raise NotBlocked(_("not blocked: {networks}").format(networks=", ".join(sorted(unknown))))
    return tuple(block for block in blocks if block.network not in gone)


def counters(listing: Mapping[str, Any], blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """Return packets and bytes of each block, from ``nft -j list table``; the host's numbers, nothing else of its."""
    seen: dict[str, tuple[int, int]] = {}
    for entry in listing.get("nftables", []) if isinstance(listing.get("nftables"), list) else []:
        held = entry.get("set", {}) if isinstance(entry, dict) else {}
        for row in held.get("elem", []) if isinstance(held, dict) else []:
            element = row.get("elem") if isinstance(row, dict) else None
            count = element.get("counter") if isinstance(element, dict) else None
            if isinstance(element, dict) and isinstance(count, dict):
                pair = (count.get("packets"), count.get("bytes"))
                if isinstance(pair[0], int) and isinstance(pair[1], int):
                    seen[_name(element.get("val"))] = (pair[0], pair[1])
    rows = []
    for block in blocks:
        packets, size = seen.get(block.network, (None, None))
        rows.append({**asdict(block), "packets": packets, "bytes": size})
    return rows


def _name(value: object) -> str:
    """Return the network that an nft element names."""
    prefix = value.get("prefix") if isinstance(value, dict) else None
    return f"{prefix.get('addr')}/{prefix.get('len')}" if isinstance(prefix, dict) else str(value)
