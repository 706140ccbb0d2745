"""The rules that an isolated host's kernel must hold, in the words in which ``contain.packet_filter`` reads them.

They say what roles/isolation/templates/isolation.nft.j2 says, expression by expression, as nft hands it to the kernel
(1.0.6 and 1.1.3 alike); a test loads that template with the real nft and compares. Pure.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ungcuu.contain.allowlist import AllowList

NAME = "ungcuu_isolation"
INET, NETDEV = 1, 5
_LOOPBACK = struct.pack("=H", 772).hex()

Rule = tuple[str, ...]


@dataclass(frozen=True)
class Chain:
    """A chain: where it hooks, what becomes of what no rule takes, and its rules in their order."""

    hook: str
    policy: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Table:
    """A table: its flags (0: it works), its chains and its named sets, each as ranges of numbers."""

    flags: int
    chains: Mapping[str, Chain]
    sets: Mapping[str, tuple[tuple[int, int], ...]]


def expected(mode: str, allowed: AllowList, ssh_port: int, public_ports: Sequence[int]) -> dict[int, Table]:
    """Return both tables of an isolation, without devices in their hooks."""
    sets = {"management_ipv4": _ranges(allowed.ipv4), "management_ipv6": _ranges(allowed.ipv6)}
    public = () if mode == "full" else tuple(sorted(public_ports))
    found = {}
    for family, (first, into, out) in {
        INET: ("meta nfproto", "input -300", "output -300"),
        NETDEV: ("meta protocol", "ingress -500", "egress -500"),
    }.items():
        four, six = ("02", "0a") if family == INET else ("0800", "86dd")
        language = _Language((first, f"cmp eq {four}"), (first, f"cmp eq {six}"))
        inward = language.way_in(ssh_port, public)
        outward = language.way_out(ssh_port, public)
        if family == INET:
            inward = [("meta iiftype", f"cmp eq {_LOOPBACK}", "accept"), *inward]
            outward = [("meta oiftype", f"cmp eq {_LOOPBACK}", "accept"), *outward, _REST]
        else:
            arp = ("meta protocol", "cmp eq 0806", "accept")
            inward, outward = [arp, *inward], [arp, *outward, language.lease(), _REST]
        chains = {
            into.partition(" ")[0]: Chain(into, "drop", tuple(inward)),
            out.partition(" ")[0]: Chain(out, "drop", tuple(outward)),
        }
        if family == INET:
            chains["forward"] = Chain("forward -300", "drop", (_REST,))
        found[family] = Table(0, chains, sets)
    return found


_REST: Rule = ("counter", "drop")
_TCP: Rule = ("meta l4proto", "cmp eq 06")
_ICMP6: Rule = ("meta l4proto", "cmp eq 3a")


@dataclass(frozen=True)
class _Language:
    """Writes the rules of one family; the families differ in how a rule says that a packet is IPv4 or IPv6."""

    four: Rule
    six: Rule

    def way_in(self, ssh_port: int, public: Sequence[int]) -> list[Rule]:
        """What may come in, and what becomes of the rest."""
        few: Rule = ("limit 10/1 burst 5", "accept")
        return [
            *self._management("network+12:4", "network+8:16", f"transport+2:2 cmp {ssh_port:04x}"),
            *([self._public("transport+2:2", public)] if public else []),
            self._neighbours(("86", "87", "88")),
            (*self.four, "meta l4proto", "cmp eq 01", "payload transport+0:2", "cmp eq 0304", *few),
            (*self.six, *_ICMP6, "payload transport+0:1", "cmp eq 02", *few),
            _REST,
        ]

    def way_out(self, ssh_port: int, public: Sequence[int]) -> list[Rule]:
        """What may go out; the rest follows in the family's own words."""
        starts: Rule = (*_TCP, "payload transport+13:1", "bitwise 12 ^ 00", "cmp eq 02", "counter", "drop")
        return [
            starts,
            *self._management("network+16:4", "network+24:16", f"transport+0:2 cmp {ssh_port:04x}"),
            *([self._public("transport+0:2", public)] if public else []),
            self._neighbours(("85", "87", "88")),
            (*self.six, *_ICMP6, "payload transport+0:1", "cmp eq 8f", "accept"),
        ]

    def lease(self) -> Rule:
        """A DHCP client's broadcast."""
        to = ("payload network+16:4", "cmp eq ffffffff")
        udp = ("meta l4proto", "cmp eq 11")
        return (*self.four, *to, *udp, "payload transport+0:4", "cmp eq 00440043", "accept")

    def _management(self, four: str, six: str, port: str) -> list[Rule]:
        at, _cmp, number = port.split()
        to_ssh: Rule = (*_TCP, f"payload {at}", f"cmp eq {number}", "accept")
        return [
            (*self.four, f"payload {four}", "lookup management_ipv4", *to_ssh),
            (*self.six, f"payload {six}", "lookup management_ipv6", *to_ssh),
        ]

    @staticmethod
    def _public(at: str, ports: Sequence[int]) -> Rule:
        return (*_TCP, f"payload {at}", f"lookup {{{' '.join(f'{port:04x}' for port in ports)}}}", "accept")

    def _neighbours(self, kinds: Sequence[str]) -> Rule:
        far = ("payload network+7:1", "cmp eq ff")
        return (*self.six, *far, *_ICMP6, "payload transport+0:1", f"lookup {{{' '.join(kinds)}}}", "accept")


def _ranges(networks: Iterable[str]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for net in map(ipaddress.ip_network, networks):
        found.append((int(net.network_address), int(net.broadcast_address)))
    return merged(found)


def merged(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return ranges of numbers in order, those that touch made one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)
