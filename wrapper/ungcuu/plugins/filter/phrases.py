"""Phrases of records in a playbook: their words in English for a message, and those that a host states, checked."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.check_phrases import FROM_CHECKS, FROM_VAULT
from ungcuu.core.heard import heard
from ungcuu.core.phrases import Proof, Side
from ungcuu.core.sentences import plain

_MOST = 100


def ungcuu_words(value: object) -> str:
    """A phrase, a list of them or a text in English."""
    return plain(value)


def ungcuu_heard_proofs(value: object) -> list[dict[str, Any]]:
    """What a host proves by itself: names and details that are ours, anything else quoted; never from elsewhere."""
    rows = value if isinstance(value, list) else []
    return [_proof(row) for row in rows[:_MOST] if isinstance(row, Mapping) and row.get("name") in set(Proof)]


def ungcuu_heard_reasons(value: object) -> list[dict[str, Any]]:
    """Rows of a vault with a ``reason`` each: one that is no phrase of ungcuu is quoted."""
    rows = value if isinstance(value, list) else []
    return [{**row, "reason": heard(row.get("reason"), FROM_VAULT)} for row in rows[:_MOST] if isinstance(row, Mapping)]


def _proof(row: Mapping[str, Any]) -> dict[str, Any]:
    known = {"name": str(row["name"]), "side": str(Side.HOST), "passed": row.get("passed") is True}
    accepted = {"accepted": str(row["accepted"])} if row.get("accepted") else {}
    return known | {"detail": heard(row.get("detail"), FROM_CHECKS)} | accepted


class FilterModule:
    """Filters of every role."""

    def filters(self) -> dict[str, Any]:
        """Name to function."""
        return {
            "ungcuu_words": ungcuu_words,
            "ungcuu_heard_proofs": ungcuu_heard_proofs,
            "ungcuu_heard_reasons": ungcuu_heard_reasons,
        }
