"""What a person accepted of a host: one finding each, with reason, owner and an end, signed by this controller.

A verdict holds for what was judged (:func:`ungcuu.detect.findings.substance`), and until its last day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path

from ungcuu.core import clock
from ungcuu.detect import baseline
from ungcuu.detect.findings import Finding, substance

FILE = "accepted.json"


@dataclass(frozen=True)
class Word:
    """What a person says of findings. ``until`` is the last day on which it holds, ISO 8601."""

    reason: str
    owner: str
    until: str
    by: str = ""


@dataclass(frozen=True)
class Accepted:
    """One accepted finding. ``substance`` is the SHA-256 of what was seen, ``sha256`` that of the file."""

    finding: str
    substance: str
    sha256: str
    severity: str
    rule: str
    path: str
    reason: str
    owner: str
    until: str
    by: str
    time: str


def load(state: Path, name: str) -> dict[str, Accepted]:
    """Return what was accepted of a host, by the finding's id; also what is over.

    Raises:
        Tampered: The signature is wrong.
    """
    path = baseline.host_folder(state, name) / FILE
    if not path.exists():
        return {}
    wanted = [one.name for one in fields(Accepted)]
    rows = baseline.verified(path, state / "keys", f"{name} accepted")["accepted"]
    return {str(row["finding"]): Accepted(**{key: str(row[key]) for key in wanted}) for row in rows}


def add(state: Path, name: str, found: Iterable[Finding], word: Word) -> None:
    """Sign what a person accepts now beside what was accepted before."""
    known = load(state, name)
    for item in found:
        known[item.id] = Accepted(
            item.id,
            _digest(item),
            str(item.evidence.get("sha256") or ""),
            item.severity.value,
            item.rule,
            item.path,
            word.reason,
            word.owner,
            word.until,
            word.by,
            clock.now(),
        )
    document = {
        "format": baseline.FORMAT,
        "host": f"{name} accepted",
        "accepted": [asdict(one) for one in known.values()],
    }
    baseline.sign(baseline.host_folder(state, name) / FILE, document, state / "keys")


def holding(known: Mapping[str, Accepted], found: Iterable[Finding], today: date) -> dict[str, Accepted]:
    """Return those that hold today for one of these findings, as it is seen now."""
    rows = {}
    for item in found:
        one = known.get(item.id)
        if one is not None and one.substance == _digest(item) and today.isoformat() <= one.until:
            rows[item.id] = one
    return rows


def files(known: Mapping[str, Accepted], today: date) -> frozenset[tuple[str, str]]:
    """Return (path, SHA-256) of the files that are accepted today."""
    return frozenset((one.path, one.sha256) for one in known.values() if one.sha256 and today.isoformat() <= one.until)


def _digest(item: Finding) -> str:
    return hashlib.sha256(substance(item.document()).encode()).hexdigest()
