"""What was not looked at in the application's data, and whether the baseline was made with the same gap.

Each topic is read or has gaps; a topic of which the host says nothing has one too. A gap that the baseline has is
known: it is said in every result and is a person's task before the return to service, and no finding. A gap that is new
is a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ungcuu.core.check_phrases import Gap, Seen
from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import Coded, phrase
from ungcuu.detect.baseline import Snapshot
from ungcuu.detect.comparison import MEDIUM, Comparison
from ungcuu.detect.findings import Finding

TOPICS: Mapping[str, str] = {
    "server": N_("code and accounts of the database server"),
    "administrators": N_("administrators and what accounts may do"),
    "tokens": N_("standing passwords and keys of programs"),
    "persistence": N_("extensions, scheduled work and settings"),
    "content": N_("pages"),
}
REASONS: Mapping[str, str] = {str(gap): gap.words for gap in Gap}


# Of a topic with one of these nothing at all was read.
_WHOLE = frozenset(
    ("no-profile", "not-in-profile", "no-database", "engine", "no-login", "no-answer", "no-file", "not-said")
)


_UNSTATED = frozenset(("no-profile", "not-in-profile"))  # nobody said where it stands


def unread(snapshot: Snapshot) -> dict[str, list[str]]:
    """Return the topics with gaps, each with the codes of why."""
    rows = snapshot.of("coverage")
    gaps = {}
    for topic in TOPICS:
        row = rows.get((topic,))
        words = str(row.get("why", "")).split() if row is not None else ["not-said"]
        # A code that is unknown here is a gap all the same.
        if why := sorted({word if word in REASONS else "not-said" for word in words}):
            gaps[topic] = why
    return gaps


def known_gaps(before: Snapshot | None) -> dict[str, list[str]]:
    """Return the gaps that a baseline was made with; none where it is of a time that did not record them."""
    return unread(before) if before is not None and before.of("coverage") else {}


def not_read(snapshot: Snapshot) -> frozenset[str]:
    """Return the topics of which nothing was read; none where the reading is of a time that did not record them."""
    return frozenset(topic for topic, why in known_gaps(snapshot).items() if _WHOLE & set(why))


def coverage(comparison: Comparison) -> Iterator[Finding]:
    """What the baseline's reading saw and this one did not, and the other way round."""
    if comparison.before is None or not comparison.before.of("coverage"):
        return
    known, now, read = known_gaps(comparison.before), unread(comparison.now), phrase(Seen.READ)
    for topic in not_read(comparison.before) - not_read(comparison.now):
        yield comparison.find("baseline.old", MEDIUM, "reading", topic, expected=read, seen=_gaps(known[topic]))
    for topic, why in now.items():
        before = set(known.get(topic, []))
        # What a site states of other topics takes nothing from one of which it says nothing.
        before |= _UNSTATED if _UNSTATED & before else frozenset()
        if new := [code for code in why if code not in before]:
            yield comparison.find("application.unread", MEDIUM, "reading", topic, expected=read, seen=_gaps(new))


def _gaps(codes: Sequence[str]) -> list[Coded]:
    return [phrase(Gap(code)) for code in codes]


def sentences(gaps: Mapping[str, Any]) -> list[str]:
    """Return one line for each topic with a gap, in the language of the run. What is unknown in it is passed over."""
    lines = []
    for topic, codes in gaps.items():
        if topic in TOPICS and isinstance(codes, list | tuple):
            why = ", ".join(_(REASONS[code]) for code in codes if code in REASONS)
            lines.append(f"{_(TOPICS[topic])} ({why})")
    return lines
