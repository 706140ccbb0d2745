"""Who tries passwords from several addresses: each is banned after some, and the next one of the network goes on.

On a hardened host fail2ban bans an address long before it has tried as often as no person mistypes. Whoever has many
addresses of one network tries on from the next. So a login is held against all of its network that were banned.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Mapping

from ungcuu.watch.logs.memory import HOUR, Tally

# So many wrong ones are banned for (login_guard_tries): people who mistype stop before, so those of one office or
# campus don't add up.
BANNED = 10
# Whoever logs in has to have tried as well: others beside an intruder log in at once, or after a slip or two.
TRIED = 3


@functools.lru_cache(maxsize=4096)
def network(address: str) -> str:
    """The addresses among which one machine, or one customer, may choose: 256 of IPv4, a subnet of IPv6."""
    return str(ipaddress.ip_network(f"{address}/{64 if ':' in address else 24}", strict=False))


class Guessers:
    """The addresses that tried until they were banned, by their network. ``enough``: as many as no person mistypes."""

    def __init__(self, tallies: Mapping[str, Tally], enough: int) -> None:
        """Begin with what earlier rounds counted."""
        self.tallies, self.enough = tallies, enough
        self.near: dict[str, dict[str, None]] = {}
        for address in tallies:
            self.note(address)

    def note(self, address: str) -> None:
        """An address tried once more."""
        if self.tallies[address].failed >= BANNED:
            self.near.setdefault(network(address), {})[address] = None

    def beside(self, address: str, moment: float) -> int:
        """How often others of this address's network tried within the hour before; no more than is enough."""
        tried = 0
        for other in [one for one in self.near.get(network(address), {}) if one != address]:
            tally = self.tallies[other]
            if tally.failed < BANNED or moment - tally.last > HOUR:
                del self.near[network(address)][other]
                continue
            tried += tally.failed
            if tried >= self.enough:
                break
        return tried

    def many(self) -> bool:
        """Whether the banned addresses of one network together tried as often as no person mistypes."""
        return any(
            sum(self.tallies[one].failed for one in near if self.tallies[one].failed >= BANNED) >= self.enough
            for near in self.near.values()
        )
