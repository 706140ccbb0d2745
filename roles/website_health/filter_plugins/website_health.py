"""Turn an answer of page.py, which a host may have forged, into a proof record."""

from __future__ import annotations

import json
from typing import Any

ERRORS = {"timeout", "refused", "tls", "unreachable", "not http"}
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


def detail_of(answer: dict[str, Any], passed: bool) -> str:
    """One line made of our own words and of integers only."""
    status, milliseconds = whole(answer.get("status")), whole(answer.get("milliseconds"))
    if answer.get("error") in ERRORS:
        return f"no answer ({answer['error']}) after {whole(answer.get('tries'))} attempts"
    if not answer:
        return "the probe gave no readable answer"
    phrase = "expected phrase found" if answer.get("found") is True else "expected phrase missing"
    return (
        f"status {status}, {whole(answer.get('bytes'))} bytes, {phrase}, {milliseconds} ms{'' if passed else ' in all'}"
    )


def whole(value: Any) -> int:
    """The value if it is an integer, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


class FilterModule:
    """Filters of the role."""

    def filters(self) -> dict[str, Any]:
        """Name to function."""
        return {"website_health_proof": website_health_proof}
