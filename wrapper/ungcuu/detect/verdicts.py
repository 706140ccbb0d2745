"""What code on a host is taken for, by its bytes: the short rules of `heuristics`, and the judge of `content`.

The short rules also run on a vault, which has the standard library alone. Here, on the controller, both are asked, and
the worse verdict counts. Where a playbook runs without ungcuu's own libraries (plain Ansible), the short rules judge
alone, and `missing` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec

from ungcuu.detect import heuristics

_LIBRARIES = ("yara_x", "tree_sitter", "tree_sitter_php")


@cache
def missing() -> str:
    """Return the library without which the judge of `content` can't work here; empty where it can."""
    return next((name for name in _LIBRARIES if find_spec(name) is None), "")


def of_code(path: str, data: bytes) -> heuristics.Verdict:
    """Return what the code gives away; the signs that the judge saw stand after those of the short rules."""
    known = heuristics.judge(data)
    if not data or missing():
        return known
    from ungcuu.detect.content.judge import DETECTED, judge

    found = judge(path, data)
    if found.severity not in DETECTED:
        return known
    weight = max(known.weight, heuristics.ENOUGH)
    return replace(known, names=(*known.names, *found.signs), weight=weight, strongest=heuristics.ENOUGH)


@dataclass(frozen=True)
class Unknown:
    """What is recognised in a file that nothing vouches for. ``sure``: nothing clean is written like that."""

    names: tuple[str, ...] = ()
    excerpt: str = ""
    suspicious: bool = False
    sure: bool = False


def of_unknown(path: str, data: bytes) -> Unknown:
    """Return what a file of an application gives away where no baseline says what it was."""
    if missing():
        short = heuristics.judge_unknown(data)
        return Unknown(short.names, short.excerpt, short.suspicious)
    from ungcuu.detect.content.judge import DETECTED, judge

    found = judge(path, data)
    if found.severity not in DETECTED:
        return Unknown()
    return Unknown(found.signs, heuristics.judge(data).excerpt, True, found.severity == "critical")
