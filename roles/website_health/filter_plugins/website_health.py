"""Turn an answer of page.py, which a host may have forged, into a proof record."""

from __future__ import annotations

import json
from typing import Any

# What page.py says of a failure → the code that records hold.
ERRORS = {
    "timeout": "timeout",
    "refused": "connection_refused",
    "tls": "tls",
    "unreachable": "unreachable",
    "not http": "not_http",
}
MAX_ANSWER = 4096


def website_health_proof(text: str, side: str) -> dict[str, Any]:
    """A ``proof`` record; whatever is not one of our own words or numbers counts as no answer."""
    try:
        answer = json.loads(text) if len(text) <= MAX_ANSWER else {}
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    passed = answer.get("passed") is True
    return {"name": "website_health", "side": side, "passed": passed, "detail": detail_of(answer, passed)}


def detail_of(answer: dict[str, Any], passed: bool) -> dict[str, Any]:
    """A phrase with integers only."""
    status, milliseconds = whole(answer.get("status")), whole(answer.get("milliseconds"))
    if why := ERRORS.get(str(answer.get("error"))):
        return {"code": "answer_none", "why": {"code": why}, "tries": whole(answer.get("tries"))}
    if not answer:
        return {"code": "answer_unreadable"}
    seen = {"status": status, "bytes": whole(answer.get("bytes")), "milliseconds": milliseconds}
    if passed:
        return {"code": "answer_right", **seen}
    return {"code": "answer_wrong", **seen, "found": {"code": "found" if answer.get("found") is True else "missing"}}


def whole(value: Any) -> int:
    """The value if it is an integer, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


class FilterModule:
    """Filters of the role."""

    def filters(self) -> dict[str, Any]:
        """Name to function."""
        return {"website_health_proof": website_health_proof}
