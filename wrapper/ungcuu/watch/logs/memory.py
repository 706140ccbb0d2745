"""What the watch remembers of the access logs from one round to the next. Bounded: visitors decide how much there is.

Only what was counted is kept, for an hour: no line of a log, and of addresses those that did something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

HOUR = 3600.0
ADDRESSES, PATHS, SCRIPTS, SIZES = 400, 300, 3000, 15


@dataclass
class Tally:
    """What one address did since ``since``, at most an hour. ``posts``: when it sent something that was answered."""

    since: float
    last: float = 0.0
    failed: int = 0
    missing: int = 0
    injected: int = 0
    scanner: str = ""
    posts: list[float] = field(default_factory=list)

    def weight(self) -> tuple[int, float]:
        """What is kept first where there are too many."""
        return self.failed + self.missing + self.injected + 10 * len(self.posts), self.last


@dataclass
class Memory:
    """``cursors``: where each log was read to. ``sizes``: of answers. ``scripts``: programs that got a POST."""

    cursors: dict[str, Any] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    sizes: dict[str, list[int]] = field(default_factory=dict)
    scripts: dict[str, None] = field(default_factory=dict)

    def of(self, address: str, moment: float) -> Tally:
        """Return what an address did in this hour."""
        tally = self.tallies.get(address)
        if tally is None or moment - tally.since > HOUR:
            tally = self.tallies[address] = Tally(moment, posts=tally.posts[-5:] if tally else [])
        tally.last = moment
        return tally

    def answered(self, path: str, size: int) -> None:
        """Remember the size of an ordinary answer."""
        if path in self.sizes or len(self.sizes) < PATHS:
            self.sizes[path] = [*self.sizes.get(path, [])[1 - SIZES :], size]

    def usual(self, path: str) -> float | None:
        """Return the usual size of a path's answers; None where too few were seen."""
        seen = self.sizes.get(path, [])
        return median(seen) if len(seen) >= 3 else None

    def document(self, moment: float) -> dict[str, Any]:
        """Return it as plain data, without what is old; where too many did something, those that did most."""
        fresh = {name: one for name, one in self.tallies.items() if moment - one.last <= HOUR}
        most = sorted(fresh, key=lambda name: fresh[name].weight(), reverse=True)[:ADDRESSES]
        return {
            "cursors": self.cursors,
            "tallies": {name: asdict(fresh[name]) for name in most},
            "sizes": self.sizes,
            "scripts": list(self.scripts)[-SCRIPTS:],
        }


def from_document(row: Mapping[str, Any]) -> Memory:
    """Return the memory out of :meth:`Memory.document`; an empty one where there was none, or one of another form."""
    try:
        tallies = {name: Tally(**one) for name, one in row["tallies"].items()}
        return Memory(dict(row["cursors"]), tallies, dict(row["sizes"]), dict.fromkeys(row["scripts"]))
    except (KeyError, TypeError, AttributeError):
        return Memory()
