"""Everything that the report shows, from the journal. Pure but for the language in use and the time of drawing up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ungcuu import __version__
from ungcuu.case.case import TLP
from ungcuu.case.clocks import read_book
from ungcuu.case.derivation import derive
from ungcuu.case.extent import CaseScope
from ungcuu.case.facts import TITLES, Facts, from_host
from ungcuu.case.integrity import CaseCheck
from ungcuu.case.record import Record
from ungcuu.core.clock import format_time
from ungcuu.core.i18n import _, language
from ungcuu.recover.restore_points import Backups
from ungcuu.report import actions, backups, extent, findings, overview, people, sweeps
from ungcuu.report.format import shown_time, word, zone_name
from ungcuu.report.labels import LABELS
from ungcuu.report.runs import by_run


def tlp_of(facts: Facts) -> str:
    """The marking of a case; one that TLP 2.0 does not know is handled as the strictest."""
    return facts.tlp if facts.tlp in TLP else "RED"


def _swept(records: Sequence[Record]) -> list[str]:
    return [line for one in sweeps.newest(records) for line in sweeps.sentences(one)]


_CONTAINS = ("isolate", "release")


def build(
    records: Sequence[Record],
    checked: CaseCheck | None,
    key: str = "",
    now: datetime | None = None,
    *,
    reach: CaseScope | None = None,
    known: Sequence[Backups] = (),
    folder: Path | None = None,
) -> dict[str, Any]:
    """Return everything that the template shows. Pure but for the language in use and ``now``.

    ``reach`` is how far the intruder came, where somebody read it from the evidence; ``known`` is what the vault last
    reported of the backups. ``folder`` is the site's folder of reporting, where it has one.
    """
    facts = derive(records)
    all_runs = by_run(records, facts)
    present = now or datetime.now(UTC)
    clocks = read_book(records, facts, present, folder)
    owed = people.people(records, present, clocks)
    return {
        **_heading(present),
        "facts": facts,
        "tlp": tlp_of(facts),
        "phase": _(TITLES[facts.phase]),
        "severity": word(facts.severity),
        "clocks": overview.clocks(facts),
        "summary": [*overview.summary(facts, all_runs, reach), *_swept(records)],
        "root_lost": overview.root_lost(facts),
        "pressing": people.pressing(owed),
        "profile_doubts": clocks.doubts,
        "picture": overview.picture(facts, all_runs),
        "timeline": overview.timeline(records, facts, all_runs, reach),
        "findings": findings.findings(facts) | {"unread": findings.unread(all_runs)},
        "scope": extent.section(reach),
        "containment": [findings.proofs(one) for one in all_runs if one.run.verb in _CONTAINS and one.of("proof")],
        "undo": [row for one in all_runs for row in actions.undo(one)],
        "evidence": actions.evidence(all_runs),
        "custody": [actions.custody(data) for one in all_runs for data in one.of("custody")] + actions.exports(records),
        "quarantine": [actions.quarantine(one, data) for one in all_runs for data in one.of("quarantine")],
        "changes": [row for one in all_runs if actions.cleans(one) for row in actions.changes(one)],
        "recovery": actions.recovery(all_runs),
        "backups": backups.section(known),
        "reassessment": actions.reassessment(all_runs),
        "verifications": [findings.checks(one) for one in all_runs if one.of("check")],
        "runs": [findings.run(one) for one in all_runs],
        "people": owed,
        "notes": [people.note(record) for record in records if record.kind == "note" and not from_host(record)],
        "integrity": people.integrity(records, checked, key, present),
    }


def _heading(present: datetime) -> dict[str, Any]:
    """What any page of ungcuu needs, whatever the case: words, language, time."""
    return {
        "L": {name: _(text) for name, text in LABELS.items()},
        "lang": language(),
        "zone": zone_name(present),
        "version": __version__,
        "drawn_up": shown_time(format_time(present)),
    }
