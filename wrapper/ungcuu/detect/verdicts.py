"""What code on a host is taken for, by its bytes: the short rules of `heuristics`, and the judge of `content`.

The short rules also run on a vault, which has the standard library alone. Here, on the controller, both are asked, and
the worse verdict counts.
"""

from __future__ import annotations

from dataclasses import replace

from ungcuu.detect import heuristics
from ungcuu.detect.content.judge import judge
from ungcuu.detect.content.tree import DETECTED


def of_code(path: str, data: bytes) -> heuristics.Verdict:
    """Return what the code gives away; the signs that the judge saw stand after those of the short rules."""
    known = heuristics.judge(data)
    if not data:
        return known
    found = judge(path, data)
    if found.severity not in DETECTED:
        return known
    weight = max(known.weight, heuristics.ENOUGH)
    return replace(known, names=(*known.names, *found.signs), weight=weight, strongest=heuristics.ENOUGH)
