"""Our own rules, written for YARA-X: `rules/*.yar`, and those that a site brings. Texts alone; nothing is unpacked."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yara_x

FOLDER = Path(__file__).parent / "rules"
SECONDS = 10  # for one file; a rule that takes longer is given up, and the file counts as not judged
KINDS = ("php", "server", "page", "image", "reach")


@cache
def _rules(kind: str) -> yara_x.Rules:
    return yara_x.compile((FOLDER / f"{kind}.yar").read_text())


def hits(kind: str, data: bytes) -> dict[str, str]:
    """Return the rules of a kind that the bytes match, each with its strength: `high` or `mark`.

    Raises:
        yara_x.TimeoutError: The rules took too long.
    """
    scanner = yara_x.Scanner(_rules(kind))
    scanner.set_timeout(SECONDS)
    found = scanner.scan(data).matching_rules
    return {rule.identifier: "high" if "high" in rule.tags else "mark" for rule in found}


def names(kind: str) -> list[str]:
    """Return the names of the rules of a kind."""
    return [rule.identifier for rule in _rules(kind)]
