"""What was found, proven and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ungcuu.case.facts import Facts, Finding
from ungcuu.contain.proofs import name_words, place_words
from ungcuu.core.i18n import _
from ungcuu.core.sentences import shown
from ungcuu.detect.coverage import sentences
from ungcuu.detect.findings import RULES
from ungcuu.report.format import MOST_ROWS, deed, shown_time, word
from ungcuu.report.runs import RunRecords, ending, run_title, run_tone, tone

_ORDER = {"critical": 0, "high": 1, "medium": 2, "low": 3}


def findings(facts: Facts) -> dict[str, Any]:
    """All findings, the worst first, with their number by severity."""
    ordered = sorted(facts.findings, key=lambda f: (_ORDER.get(f.severity, 9), f.state != "open", f.host, f.path))
    counts = {name: sum(f.severity == name for f in ordered) for name in _ORDER}
    return {
        "counts": [{"class": name, "label": word(name), "count": count} for name, count in counts.items() if count],
        "rows": [_finding(f) for f in ordered[:MOST_ROWS]],
        "more": max(0, len(ordered) - MOST_ROWS),
    }


def unread(all_runs: Sequence[RunRecords]) -> list[str]:
    """What the newest scan of each host did not look at in the application's data, one line each."""
    newest: dict[str, Mapping[str, Any]] = {}
    for one in all_runs:
        for data in one.of("scan"):
            newest[str(data.get("host"))] = data
    lines = []
    for host, data in newest.items():
        checked = data.get("checked")
        known = checked.get("application") if isinstance(checked, Mapping) else None
        gaps = known.get("unread") if isinstance(known, Mapping) else None
        lines += [f"{host}: {line}" for line in sentences(gaps)] if isinstance(gaps, Mapping) else []
    return lines


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "class": finding.severity if finding.severity in _ORDER else "low",
        "severity": word(finding.severity),
        "title": _title(finding),
        "host": finding.host,
        "path": finding.path,
        "expected": shown(finding.data.get("expected") or ""),
        "seen": shown(finding.data.get("seen") or ""),
        "state": word(finding.state),
        "tone": "bad" if finding.open else "good",
        "time": shown_time(finding.seen),
    }


def _title(finding: Finding) -> str:
    """What was found, in today's words: a record of an earlier release may hold a title that has changed since."""
    rule = RULES.get(str(finding.data.get("rule")))
    return _(rule.title) if rule else _(finding.title) if finding.title else finding.id


def proofs(this_run: RunRecords) -> dict[str, Any]:
    """The proofs that one run took, as a table under its title."""
    rows = []
    for data in this_run.of("proof")[:MOST_ROWS]:
        passed = data.get("passed")
        result = "passed" if passed is True else "failed" if passed is False else "not looked at"
        detail = shown(data.get("detail") or "")
        if data.get("accepted"):
            result = "accepted"
            detail = _("{detail}; a person accepted it: {reason}").format(detail=detail, reason=data["accepted"])
        rows.append(
            {
                "name": name_words(data),
                "side": place_words(data),
                "result": word(result),
                "tone": {"passed": "good", "failed": "bad", "accepted": "bad"}.get(result, "warn"),
                "detail": detail,
            }
        )
    run = this_run.run
    return {
        "title": run_title(run),
        "time": shown_time(run.started),
        "tone": tone(run),
        "rows": rows,
        "outcome": word(run.outcome or "no end"),
    }


def run(this_run: RunRecords) -> dict[str, Any]:
    """One line of the table of runs."""
    return {
        "seq": this_run.run.seq,
        "time": shown_time(this_run.run.started),
        "verb": this_run.run.verb,
        "deed": deed(this_run.run.verb, this_run.run.outcome),
        "hosts": ", ".join(this_run.run.hosts),
        "who": this_run.run.operator,
        "reason": this_run.run.reason,
        "outcome": word(ending(this_run)),
        "tone": run_tone(this_run),
        "seconds": "" if this_run.run.seconds is None else f"{this_run.run.seconds:.1f}",
    }


def checks(this_run: RunRecords) -> dict[str, Any]:
    """Tests of the roles on the host: how many passed, and each that did not."""
    checks = this_run.of("check")
    rows = [
        {
            "name": f"{data.get('role')} · {data.get('name')}",
            "side": "",
            "result": word("failed"),
            "tone": "bad",
            "detail": str(data.get("why") or data.get("message") or data.get("outcome") or ""),
        }
        for data in checks
        if data.get("outcome") not in ("passed", "skipped")
    ]
    counts = {name: sum(data.get("outcome") == name for data in checks) for name in ("passed", "skipped")}
    line = _("{passed} passed, {skipped} skipped, {failed} failed").format(failed=len(rows), **counts)
    return {**proofs(this_run), "rows": rows[:MOST_ROWS], "line": line}
