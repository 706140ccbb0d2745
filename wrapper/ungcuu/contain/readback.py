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
from ungcuu.contain.packet_filter import attributes
from ungcuu.contain.rules import INET, NAME, NETDEV, Table

SIDE = "inside"
# What no rule here can stop, and the rules leave open on purpose.
LEFT_OPEN = (
    "left open: SSH of the allow-list; ARP, neighbour discovery and a broadcast for a DHCP lease on the own segment; "
    "programs with root can still hear raw packets"
)
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


def judge(answer: Mapping[str, Any], wanted: Wanted, when: str) -> list[proofs.Proof]:
    """Return the proofs from what the program printed; an answer that can't be read is none."""
    try:
        tables, devices = packet_filter.read(answer)
        links = [_link(message) for message in packet_filter.messages(answer, "links")]
        rows = [_rules(tables, wanted, when), _devices(links, devices[NETDEV], answer, wanted)]
        return [*rows, _neighbours(answer, wanted), _sessions(answer, wanted)]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, struct.error):
        return [not_read(when)]


def not_read(when: str) -> proofs.Proof:
    """Say that the host's Python gave no answer."""
    return proofs.not_seen("the kernel holds the rules", SIDE, f"not read {when}: the host's Python gave no answer")


def _rules(tables: Mapping[int, Table], wanted: Wanted, when: str) -> proofs.Proof:
    ours = isolation_rules.expected(wanted.mode, wanted.allowed, wanted.ssh_port, wanted.public_ports)
    if not wanted.hooks:
        del ours[NETDEV]
    bad = [_short(text) for text in packet_filter.differences(tables, ours)]
    rules = sum(len(chain.rules) for table in ours.values() for chain in table.chains.values())
    said = "; ".join(bad[:5]) if bad else f"all {rules} rules, whole"
    return proofs.proof("the kernel holds the rules", SIDE, not bad, f"the host says, {when}: {said}")


def _devices(
    links: Sequence[Link], hooked: Mapping[str, tuple[str, ...]], answer: Mapping[str, Any], wanted: Wanted
) -> proofs.Proof:
    name = "network devices are closed"
    if not wanted.hooks:
        why = "not closed: isolation_device_hooks is false; raw packets and macvlan devices pass"
        return proofs.not_seen(name, SIDE, why)
    closed = set(hooked.get("ingress", ())) & set(hooked.get("egress", ()))
    real = [link for link in links if not link.loopback]
    bare = [_short(link.name, 40) for link in real if link.name not in closed]
    below = [_short(link.name, 40) for link in real if link.xdp]
    spaces = _namespaces(answer)
    said = [f"the host says: {len(real) - len(bare)} of {len(real)} devices"]
    said += [f"NOT closed: {', '.join(bare[:10])}"] if bare else []
    said += [f"an XDP program sits below the rules of {', '.join(below[:10])}"] if below else []
    said += [f"{len(spaces)} other network namespaces: {', '.join(spaces[:5])}"] if spaces else []
    passed = None if not real or (below and not bare) else not bare
    return proofs.proof(name, SIDE, passed, "; ".join([*said, LEFT_OPEN]))


def _namespaces(answer: Mapping[str, Any]) -> list[str]:
    rows = dict(answer["namespaces"]).items()
    return [_short(f"{name} ({', '.join(map(str, programs)) or 'no program'})", 80) for name, programs in rows]


def _neighbours(answer: Mapping[str, Any], wanted: Wanted) -> proofs.Proof:
    name = "neighbours are fixed"
    if not wanted.pins:
        return proofs.not_seen(name, SIDE, "not fixed: isolation_pin_neighbours is false")
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
    said_all = [f"the host says: {', '.join(sorted(fixed)[:10]) or 'none'}"]
    said_all += [f"not fixed: {', '.join(sorted(loose)[:10])}"] if loose else []
    said_all += [f"behind a router or not heard of: {', '.join(unknown[:10])}"] if unknown else []
    return proofs.proof(name, SIDE, True if fixed and not loose else None, "; ".join(said_all))


def _sessions(answer: Mapping[str, Any], wanted: Wanted) -> proofs.Proof:
    """List who is logged in from where that is allowed; two people, the vault, or an intruder who took an address."""
    peers: dict[str, int] = {}
    for text in answer["sessions"]:
        address = str(_peer(str(text)))
        peers[address] = peers.get(address, 0) + 1
    allowed = {address: count for address, count in peers.items() if wanted.allowed.holds(address)}
    said = ", ".join(f"{address} ({count})" for address, count in sorted(allowed.items())[:20])
    return proofs.proof("sessions of the allow-list", SIDE, True, f"the host says: SSH from {said or 'nobody'}")


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
