"""Whether the reader itself can be believed: what it ran on, and what a second reader says."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Protocol

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import TextOrCode, phrase
from ungcuu.detect.comparison import CRITICAL, HIGH, Comparison
from ungcuu.detect.findings import Finding
from ungcuu.detect.system import _from_package

MOST_SHOWN = 40  # disagreements; a host that lies about everything needs no list of thousands


class Gap(Protocol):
    """One thing that two readers say differently."""

    @property
    def path(self) -> str:
        """The path, escaped."""

    @property
    def first(self) -> TextOrCode:
        """What the first reader says."""

    @property
    def second(self) -> TextOrCode:
        """What the second one says."""


def runtime(comparison: Comparison) -> Iterator[Finding]:
    """The interpreter, its libraries and the source of its modules are those of the baseline, or of the package."""
    before = comparison.before
    known = before.of("runtime") if before else {}
    places = {posixpath.dirname(key[0]) for key in known}
    for key, row in comparison.now.of("runtime").items():
        path, digest = key[0], row.get("sha256", "")
        good = known.get(key) or (before.file(path) if before else None)
        if good is not None and good.get("sha256") == digest:
            continue
        file = comparison.now.file(path)
        if file and file.get("sha256") == digest and _from_package(comparison, None, file):
            continue
        if good is None and before is not None and not known:
            continue  # a baseline of an earlier release does not know what a scan runs on
        strange = known and posixpath.dirname(path) not in places
        unknown = phrase(Seen.NOT_OF_PYTHON if strange else Seen.NOT_KNOWN)
        yield comparison.find(
            "reader.changed", CRITICAL, "reading", path, expected=(good or {}).get("sha256") or unknown, seen=digest
        )


def readers(comparison: Comparison, gaps: Sequence[Gap], why: TextOrCode) -> Iterator[Finding]:
    """What the second reader says otherwise; no word of it at all is no agreement."""
    for gap in gaps[:MOST_SHOWN]:
        yield comparison.find(
            "reader.disagrees",
            CRITICAL,
            "reading",
            gap.path,
            expected=gap.second,
            seen=gap.first,
            evidence={"of": len(gaps)},
        )
    if why:
        yield comparison.find("reader.unconfirmed", HIGH, "reading", "host", seen=why)
