"""Who may reach SSH on an isolated host: addresses, networks and names, as the networks of a rule set.

Only the standard library is imported here, since every import delays the cut.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Unresolved(Exception):
    """A name of the allow-list resolves to no address."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class AllowList:
    """Who may reach SSH on an isolated host, as the sorted, merged networks of the rule set."""

    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]

    def holds(self, address: str) -> bool:
        """Whether the rule set lets this address in. Anything that isn't an address is not held."""
        found = parse_address(address)
        return found is not None and any(
            found in ipaddress.ip_network(net) for net in (self.ipv4 if found.version == 4 else self.ipv6)
        )


def parse_address(text: str) -> Address | None:
    """Return the address without its zone; an IPv4 address mapped into IPv6 is IPv4 on the wire."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def allow_list(entries: Iterable[str], resolve: Callable[[str], Sequence[str]] | None = None) -> AllowList:
    """Turn addresses, networks and names into the networks of the rule set.

    Raises:
        Unresolved: A name resolves to no address.
    """
    networks: list[Network] = []
    for entry in entries:
        networks += _networks(str(entry).strip(), resolve or _resolve)
    v4 = ipaddress.collapse_addresses(net for net in networks if isinstance(net, ipaddress.IPv4Network))
    v6 = ipaddress.collapse_addresses(net for net in networks if isinstance(net, ipaddress.IPv6Network))
    return AllowList(tuple(_text(net) for net in sorted(v4)), tuple(_text(net) for net in sorted(v6)))


def _networks(entry: str, resolve: Callable[[str], Sequence[str]]) -> list[Network]:
    try:
        return [ipaddress.ip_network(parse_address(entry) or entry, strict=False)]
    except ValueError:
        found = [parse_address(text) for text in resolve(entry)]
    if not found or None in found:
        raise Unresolved(entry)
    return [ipaddress.ip_network(address) for address in found if address is not None]


def _resolve(name: str) -> list[str]:
    try:
        return sorted({str(row[4][0]) for row in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError):
        return []


def _text(network: Network) -> str:
    """Write a network as nft lists it: a single address without its prefix length."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
