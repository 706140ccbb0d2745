"""What was read back of an isolated host's kernel, as proofs; pure. See ``contain.packet_filter`` for the rules.

Each is what the host's kernel said to ungcuu's program, so what the host says: it finds a faulty or trojaned nft, not
an intruder who lies in Python or the kernel. The proofs from outside stand beside it.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ungcuu.contain import packet_filter, proofs
from ungcuu.contain import rules as isolation_rules
from ungcuu.contain.allowlist import AllowList, parse_address
from ungcuu.contain.rules import INET, NAME, NETDEV, Table
from ungcuu.core.phrases import Coded, Detail, Proof, phrase
from ungcuu.remote.packet_filter import attributes

_PERMANENT = 0x80


@dataclass(frozen=True)
class Wanted:
    """What the host should hold."""

    mode: str
    allowed: AllowList
    ssh_port: int = 22
    public_ports: Sequence[int] = ()
    hooks: bool = True
    pins: bool = True

    def order(self) -> dict[str, Any]:
        """What the program on the host is asked for."""
        return {"tables": [[INET, NAME], [NETDEV, NAME]], "port": self.ssh_port}


@dataclass(frozen=True)
class Link:
    """A network device."""

    name: str
    loopback: bool
    kind: str
    xdp: bool


def judge(answer: Mapping[str, Any], wanted: Wanted, when: Coded) -> list[proofs.Proof]:
    """Return the proofs from what the program printed; an answer that can't be read is none."""
    try:
        tables, devices = packet_filter.read(answer)
        links = [_link(message) for message in packet_filter.messages(answer, "links")]
        rows = [_rules(tables, wanted, when), _devices(links, devices[NETDEV], answer, wanted)]
        return [*rows, _neighbours(answer, wanted), _sessions(answer, wanted)]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, struct.error):
        return [not_read(when)]


def not_read(when: Coded) -> proofs.Proof:
    """Say that the host's Python gave no answer."""
    return proofs.not_seen(Proof.RULES_HELD, proofs.INSIDE, phrase(Detail.KERNEL_NOT_READ, when=when))


def _rules(tables: Mapping[int, Table], wanted: Wanted, when: Coded) -> proofs.Proof:
    ours = isolation_rules.expected(wanted.mode, wanted.allowed, wanted.ssh_port, wanted.public_ports)
    if not wanted.hooks:
        del ours[NETDEV]
    bad = [_short(text) for text in packet_filter.differences(tables, ours)]
    rules = sum(len(chain.rules) for table in ours.values() for chain in table.chains.values())
    whole = phrase(Detail.RULES_WHOLE, when=when, count=rules)
    detail = phrase(Detail.RULES_DIFFER, when=when, differences=bad[:5]) if bad else whole
    return proofs.proof(Proof.RULES_HELD, proofs.INSIDE, not bad, detail)


def _devices(
    links: Sequence[Link], hooked: Mapping[str, tuple[str, ...]], answer: Mapping[str, Any], wanted: Wanted
) -> proofs.Proof:
    if not wanted.hooks:
        return proofs.not_seen(Proof.DEVICES_CLOSED, proofs.INSIDE, phrase(Detail.HOOKS_OFF))
    closed = set(hooked.get("ingress", ())) & set(hooked.get("egress", ()))
    real = [link for link in links if not link.loopback]
    bare = [_short(link.name, 40) for link in real if link.name not in closed]
    below = [_short(link.name, 40) for link in real if link.xdp]
    spaces = _namespaces(answer)
    detail = [phrase(Detail.DEVICES_HOOKED, closed=len(real) - len(bare), count=len(real))]
    detail += [phrase(Detail.DEVICES_OPEN, names=bare[:10])] if bare else []
    detail += [phrase(Detail.XDP_BELOW, names=below[:10])] if below else []
    detail += [phrase(Detail.NAMESPACES, count=len(spaces), names=spaces[:5])] if spaces else []
    # What no rule here can stop, and the rules leave open on purpose.
    detail += [phrase(Detail.LEFT_OPEN)]
    passed = None if not real or (below and not bare) else not bare
    return proofs.proof(Proof.DEVICES_CLOSED, proofs.INSIDE, passed, detail)


def _namespaces(answer: Mapping[str, Any]) -> list[Coded]:
    return [
        phrase(
            Detail.NAMESPACE,
            name=_short(str(name), 40),
            programs=[_short(str(one), 40) for one in programs[:3]] or phrase(Detail.NO_PROGRAM),
        )
        for name, programs in dict(answer["namespaces"]).items()
    ]


def _neighbours(answer: Mapping[str, Any], wanted: Wanted) -> proofs.Proof:
    if not wanted.pins:
        return proofs.not_seen(Proof.NEIGHBOURS_FIXED, proofs.INSIDE, phrase(Detail.PINS_OFF))
    fixed: list[str] = []
    loose: list[str] = []
    for message in packet_filter.messages(answer, "neighbours"):
        said = dict(attributes(message[12:]))
        state = struct.unpack_from("=H", message, 8)[0]
        address = str(ipaddress.ip_address(said[1])) if len(said.get(1, b"")) in (4, 16) else ""
        if wanted.allowed.holds(address) and len(said.get(2, b"")) == 6:
            (fixed if state & _PERMANENT else loose).append(f"{address} at {said[2].hex(':')}")
    single = [net for net in (*wanted.allowed.ipv4, *wanted.allowed.ipv6) if parse_address(net)]
    unknown = [net for net in single if not any(row.startswith(f"{net} ") for row in (*fixed, *loose))]
    detail = [phrase(Detail.NEIGHBOURS_PINNED, names=sorted(fixed)[:10] or phrase(Detail.NONE))]
    detail += [phrase(Detail.NEIGHBOURS_LOOSE, names=sorted(loose)[:10])] if loose else []
    detail += [phrase(Detail.NEIGHBOURS_UNKNOWN, names=unknown[:10])] if unknown else []
    return proofs.proof(Proof.NEIGHBOURS_FIXED, proofs.INSIDE, True if fixed and not loose else None, detail)


def _sessions(answer: Mapping[str, Any], wanted: Wanted) -> proofs.Proof:
    """List who is logged in from where that is allowed; two people, the vault, or an intruder who took an address."""
    peers: dict[str, int] = {}
    for text in answer["sessions"]:
        address = str(_peer(str(text)))
        peers[address] = peers.get(address, 0) + 1
    allowed = {address: count for address, count in peers.items() if wanted.allowed.holds(address)}
    listed = [f"{address} ({count})" for address, count in sorted(allowed.items())[:20]]
    detail = phrase(Detail.SESSIONS_FROM, peers=listed or phrase(Detail.NOBODY))
    return proofs.proof(Proof.ALLOWED_SESSIONS, proofs.INSIDE, True, detail)


def _peer(text: str) -> Any:
    """Return the address of ``/proc/net/tcp``: words of four bytes in the host's order."""
    data = bytes.fromhex(text.partition(":")[0])
    words = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
    return parse_address(str(ipaddress.ip_address(words)))


def _link(message: bytes) -> Link:
    said = dict(attributes(message[16:]))
    info = dict(attributes(said.get(18, b"")))
    xdp = dict(attributes(said.get(43, b""))).get(2, b"\0")
    device_type = struct.unpack_from("=H", message, 2)[0]
    return Link(
        packet_filter.text_of(said.get(3)), device_type == 772, packet_filter.text_of(info.get(1)), xdp != b"\0"
    )


def _short(text: str, most: int = 200) -> str:
    return text.encode("unicode_escape").decode()[:most]
