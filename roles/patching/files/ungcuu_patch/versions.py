"""Compare Debian versions without starting dpkg for each pair.

The order is that of Debian Policy 5.6.12: epoch, upstream version, revision; ``~`` sorts before everything, also before
the end; letters before other characters; runs of digits compare as numbers.
"""

from __future__ import annotations

import re
from functools import total_ordering

PART = re.compile(r"(\D*)(\d*)")


def weight(character: str) -> int:
    """Place of one non-digit in the order; the end of the text weighs 0."""
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def compare_part(left: str, right: str) -> int:
    """Negative, zero or positive, for an upstream version or a revision."""
    while left or right:
        ours, theirs = PART.match(left), PART.match(right)
        assert ours and theirs  # the pattern matches the empty text too
        words, other = ours[1], theirs[1]
        for index in range(max(len(words), len(other))):
            mine = weight(words[index]) if index < len(words) else 0
            yours = weight(other[index]) if index < len(other) else 0
            if mine != yours:
                return mine - yours
        number = int(ours[2] or 0) - int(theirs[2] or 0)
        if number:
            return number
        left, right = left[ours.end() :], right[theirs.end() :]
    return 0


@total_ordering
class Version:
    """One Debian version."""

    def __init__(self, text: str) -> None:
        self.text = text
        epoch, colon, rest = text.partition(":")
        self.epoch = int(epoch) if colon and epoch.isdecimal() else 0
        rest = rest if colon else text
        self.upstream, dash, revision = rest.rpartition("-")
        self.upstream, self.revision = (self.upstream, revision) if dash else (rest, "0")

    def compare(self, other: Version) -> int:
        """Negative, zero or positive."""
        return (
            self.epoch - other.epoch
            or compare_part(self.upstream, other.upstream)
            or compare_part(self.revision, other.revision)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.compare(other) == 0

    def __lt__(self, other: Version) -> bool:
        return self.compare(other) < 0

    def __hash__(self) -> int:
        return hash(self.epoch)
