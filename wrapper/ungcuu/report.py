"""The report of a case: pure, from journal to document.

1. It shows only what the journal proves; what is missing is named as missing.
2. Every value goes through ``screen.clean`` and HTML escaping on its way out, whoever wrote it.
3. The document is one file: no script, no remote address, and a policy inside it that forbids both.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ungcuu import __version__
from ungcuu.case import TITLES, TLP, Case, Facts, Finding, Run, derive, from_host, hosts_of, payload
from ungcuu.casecheck import CaseCheck, check
from ungcuu.errors import ControllerFault
from ungcuu.i18n import _, language
from ungcuu.journal import Record, fingerprint, format_time, parse_time, public_key
from ungcuu.picture import Bar, draw
from ungcuu.report_text import DEEDS, EVENTS, LABELS, TASKS, WORDS
from ungcuu.screen import clean

MOST_ROWS = 400  # rows of one table; a host can make findings faster than anyone reads
PDF_SECONDS = 120
_ORDER = {"critical": 0, "high": 1, "medium": 2, "low": 3}
_ISO_UTC = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,6})?Z\Z")
_TELLING = ("custody", "note", "torn", "task_done", "verdict", "case_closed", "phase")


@dataclass(frozen=True)
class Told:
    """One run with what it reported, kind by kind."""

    run: Run
    reports: Mapping[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    def of(self, *kinds: str) -> list[Mapping[str, Any]]:
        """Reports of these kinds, in order."""
        return [data for kind in kinds for data in self.reports.get(kind, [])]


# --- words --------------------------------------------------------------------------------------------------------


def zone() -> tzinfo:
    """The local time of the report: UNGCUU_TIMEZONE, else Vietnam's."""
    name = os.environ.get("UNGCUU_TIMEZONE") or "Asia/Ho_Chi_Minh"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):  # a Debian without tzdata
        return timezone(timedelta(hours=7), "+07")


def shown_time(text: str, local: tzinfo | None = None) -> str:
    """A time of the journal in local time, or a dash."""
    try:
        return f"{parse_time(text).astimezone(local or zone()):%d/%m/%Y %H:%M:%S}"
    except ValueError:
        return "–"


def shown_utc(text: str) -> str:
    """A time of the journal in UTC, ISO 8601 without its milliseconds."""
    try:
        return f"{parse_time(text):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return "–"


def shown_seconds(seconds: float | None) -> str:
    """A duration as people say it."""
    if seconds is None:
        return "–"
    if seconds < 120:
        return _("{seconds} s").format(seconds=f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
    return _("{days} days {hours} h").format(days=hours // 24, hours=hours % 24)


def shown_bytes(count: object) -> str:
    """A size as people say it."""
    if not isinstance(count, int | float) or isinstance(count, bool):
        return "–"
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def word(value: object) -> str:
    """The reader's word for one of our values; a value that is not ours comes back as it is."""
    return _(WORDS[str(value)]) if str(value) in WORDS else str(value)


def deed(verb: str) -> str:
    """What a verb did, in words."""
    return _(DEEDS[verb]) if verb in DEEDS else verb


# --- from records to what the template shows ----------------------------------------------------------------------


def tlp_of(facts: Facts) -> str:
    """The marking of a case; one that TLP 2.0 does not know is handled as the strictest."""
    return facts.tlp if facts.tlp in TLP else "RED"


def tell(records: Sequence[Record], facts: Facts) -> list[Told]:
    """Give each report to the newest run that had begun on that host."""
    runs = {run.seq: Told(run, {}) for run in facts.runs}
    begun: list[Told] = []
    for record in records:
        if record.seq in runs:
            begun.append(runs[record.seq])
            continue
        data = payload(record)
        hosts = set(hosts_of(data))
        owner = next((told for told in reversed(begun) if not hosts or hosts & set(told.run.hosts)), None)
        if owner is not None and not record.kind.startswith(("run_", "case_")):
            owner.reports.setdefault(record.kind, []).append(data)  # type: ignore[attr-defined]
    return list(runs.values())


def build(
    records: Sequence[Record], checked: CaseCheck | None, key: str = "", now: datetime | None = None
) -> dict[str, Any]:
    """Return everything that the template shows. Pure but for the language in use and ``now``."""
    facts = derive(records)
    told = tell(records, facts)
    present = now or datetime.now(UTC)
    return {
        "L": {name: _(text) for name, text in LABELS.items()},
        "lang": language(),
        "zone": f"{present.astimezone(zone()):%Z}".replace("+07", "UTC+7"),
        "version": __version__,
        "facts": facts,
        "tlp": tlp_of(facts),
        "phase": _(TITLES[facts.phase]),
        "severity": word(facts.severity),
        "drawn_up": shown_time(format_time(present)),
        "clocks": _clocks(facts),
        "summary": _summary(facts, told),
        "picture": _picture(facts, told),
        "timeline": _timeline(records, facts, told),
        "findings": _findings(facts),
        "containment": [_proofs(one) for one in told if one.run.verb in ("isolate", "release") and one.of("proof")],
        "undo": [row for one in told for row in _undo(one)],
        "evidence": _evidence(told),
        "custody": [_custody(data) for one in told for data in one.of("custody")] + _exports(records),
        "quarantine": [_quarantine(one, data) for one in told for data in one.of("quarantine")],
        "changes": [_change(one, data) for one in told for data in one.of("change", "left") if _cleans(one)],
        "recovery": _recovery(told),
        "reassessment": _reassessment(told),
        "verifications": [_checks(one) for one in told if one.of("check")],
        "runs": [_run(one) for one in told],
        "people": _people([record for record in records if not from_host(record)], facts, present),
        "notes": [_note(record) for record in records if record.kind == "note" and not from_host(record)],
        "integrity": _integrity(records, checked, key, present),
    }


def _clocks(facts: Facts) -> list[dict[str, Any]]:
    """The three measured times, each with its start and end; one that is not proven has no number."""
    rows = (
        (LABELS["to_detect"], facts.seconds_to_detect, facts.first_sign, facts.detected),
        (LABELS["to_contain"], facts.seconds_to_contain, facts.detected, facts.contained),
        (LABELS["to_recover"], facts.seconds_to_recover, facts.contained, facts.recovered),
    )
    return [
        {
            "label": _(label),
            "value": shown_seconds(seconds) if seconds is not None else "",
            "start": shown_time(start),
            "end": shown_time(end),
        }
        for label, seconds, start, end in rows
    ]


def _summary(facts: Facts, told: Sequence[Told]) -> list[str]:
    """The case in a few sentences, each said only when the journal proves it, or saying that it does not."""
    hosts = ", ".join(facts.hosts)
    told_of = [
        _("Noticed at {time}.").format(time=shown_time(facts.detected)),
        _summary_findings(facts),
        _("{hosts}: cut off from the network at {time}, {after} after detection.").format(
            hosts=hosts, time=shown_time(facts.contained), after=shown_seconds(facts.seconds_to_contain)
        )
        if facts.contained
        else _("The journal holds no isolation that ended well."),
        _summary_evidence(told),
        _("{hosts}: returned to service at {time}, {after} after it was cut off.").format(
            hosts=hosts, time=shown_time(facts.recovered), after=shown_seconds(facts.seconds_to_recover)
        )
        if facts.recovered
        else _("The journal holds no return to service."),
    ]
    if facts.first_sign:
        said = _("The first sign of compromise dates from {time}").format(time=shown_time(facts.first_sign))
        doubt = f" ({_(LABELS['untrusted'])})" if facts.first_sign_by == "host" else ""
        told_of.insert(0, f"{said}{doubt}.")
    if facts.isolated:
        told_of.append(
            _("Still isolated, as far as the journal tells: {hosts}.").format(hosts=", ".join(facts.isolated))
        )
    return told_of


def _summary_findings(facts: Facts) -> str:
    total = len(facts.findings)
    if not total:
        return _(LABELS["no_findings"])
    worst = sum(finding.severity in ("critical", "high") for finding in facts.findings)
    return _("{total} findings, {worst} of them critical or high; {open} are still open.").format(
        total=total, worst=worst, open=len(facts.open_findings)
    )


def _summary_evidence(told: Sequence[Told]) -> str:
    items = [data for one in told for data in one.of("evidence")]
    if not items:
        return _(LABELS["no_evidence"])
    good = [data for data in items if data.get("outcome") in ("SUCCESS", "EMPTY")]
    return _("{good} of {all} pieces of evidence were taken whole ({size}).").format(
        good=len(good), all=len(items), size=shown_bytes(sum(_size(data) for data in items))
    )


def _timeline(records: Sequence[Record], facts: Facts, told: Sequence[Told]) -> list[dict[str, str]]:
    """What a reader wants to know, in the order of time: runs, hand-overs, notes; steps and items are left out."""
    rows: list[tuple[str, int, str, str, str]] = []
    if facts.first_sign:
        doubt = _(LABELS["untrusted"]) if facts.first_sign_by == "host" else ""
        rows.append((facts.first_sign, 0, "bad", _(EVENTS["first_sign"]), doubt))
    if facts.detected and facts.detected != facts.opened:
        rows.append((facts.detected, 0, "warn", _(EVENTS["detected"]), facts.detected_by))
    rows += [(one.run.started, one.run.seq, _told_tone(one), _run_title(one.run), _outline(one)) for one in told]
    for record in records:
        if record.kind == "custody" or (record.kind in ("case_opened", *_TELLING) and not from_host(record)):
            rows.append((record.time, record.seq, "quiet", _(EVENTS[record.kind]), _event_text(record)))
    return [
        {"local": shown_time(time), "utc": shown_utc(time), "tone": tone, "what": what, "details": details}
        for time, _seq, tone, what, details in sorted(rows, key=lambda row: (row[0], row[1]))
    ][:MOST_ROWS]


def _event_text(record: Record) -> str:
    data = payload(record)
    if record.kind == "custody":
        return _("{source} → {target}, {who}").format(
            source=data.get("from"), target=data.get("to"), who=data.get("who") or data.get("operator") or "?"
        )
    if record.kind == "phase":
        return _(TITLES.get(str(data.get("phase")), ""))
    if record.kind == "case_closed" and data.get("forced"):
        return _("by force, although: {open}").format(open="; ".join(map(str, data.get("open") or ())))
    for name in ("text", "title", "reason", "file", "verdict"):
        if data.get(name):
            return str(data[name])
    return ""


def _run_title(run: Run) -> str:
    return f"{deed(run.verb)} · {', '.join(run.hosts)}" if run.hosts else deed(run.verb)


def _outline(told: Told) -> str:
    """One line on a run: outcome, length, and how many things of which kind it reported."""
    parts = [word(_ending(told))]
    if told.run.seconds is not None:
        parts.append(shown_seconds(told.run.seconds))
    proofs = told.of("proof")
    if proofs:
        passed = sum(data.get("passed") is True for data in proofs)
        parts.append(_("{passed} of {all} proofs passed").format(passed=passed, all=len(proofs)))
    for kind, text in (
        ("finding", _("findings: {count}")),
        ("evidence", _("evidence: {count}")),
        ("quarantine", _("quarantined: {count}")),
        ("change", _("changes: {count}")),
    ):
        if count := len(told.of(kind)):
            parts.append(text.format(count=count))
    return " · ".join(parts)


def _tone(run: Run) -> str:
    return {"DONE": "good", "NOT DONE": "bad", "UNKNOWN": "warn"}.get(run.outcome, "warn")


def _ending(told: Told) -> str:
    """How a run ended. A scan that did its work and found something did not fail."""
    whole = any(data.get("complete") is True for data in told.of("scan"))
    if told.run.verb in ("scan", "reassess") and whole and told.of("finding") and told.run.finished:
        return "found something"
    return told.run.outcome or "no end"


def _told_tone(told: Told) -> str:
    return "warn" if _ending(told) == "found something" else _tone(told.run)


def _findings(facts: Facts) -> dict[str, Any]:
    ordered = sorted(facts.findings, key=lambda f: (_ORDER.get(f.severity, 9), f.state != "open", f.host, f.path))
    counts = {name: sum(f.severity == name for f in ordered) for name in _ORDER}
    return {
        "counts": [{"class": name, "label": word(name), "count": count} for name, count in counts.items() if count],
        "rows": [_finding(f) for f in ordered[:MOST_ROWS]],
        "more": max(0, len(ordered) - MOST_ROWS),
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "class": finding.severity if finding.severity in _ORDER else "low",
        "severity": word(finding.severity),
        "title": _(finding.title) if finding.title else finding.id,
        "host": finding.host,
        "path": finding.path,
        "expected": str(finding.data.get("expected") or ""),
        "seen": str(finding.data.get("seen") or ""),
        "state": word(finding.state),
        "tone": "bad" if finding.open else "good",
        "time": shown_time(finding.seen),
    }


def _proofs(told: Told) -> dict[str, Any]:
    rows = []
    for data in told.of("proof")[:MOST_ROWS]:
        passed = data.get("passed")
        result = "passed" if passed is True else "failed" if passed is False else "not looked at"
        rows.append(
            {
                "name": _(str(data.get("name") or "")),
                "side": word(data.get("side") or ""),
                "result": word(result),
                "tone": {"passed": "good", "failed": "bad"}.get(result, "warn"),
                "detail": str(data.get("detail") or ""),
            }
        )
    return {"title": _run_title(told.run), "time": shown_time(told.run.started), "tone": _tone(told.run), "rows": rows,
            "outcome": word(told.run.outcome or "no end")}  # fmt: skip


def _undo(told: Told) -> list[dict[str, str]]:
    return [
        {
            "time": shown_time(told.run.started),
            "action": str(data.get("action") or ""),
            "undo": str(data.get("undo") or ""),
        }
        for data in told.of("inverse")
        if _in_case(told)
    ]


def _cleans(told: Told) -> bool:
    """Whether a run's changes are told under what was removed and changed; a restore's have a place of their own."""
    return _in_case(told) and told.run.verb != "restore"


def _in_case(told: Told) -> bool:
    """Whether a run's changes belong to the answer to this incident."""
    return told.run.verb not in ("harden", "backup", "baseline")


def _size(data: Mapping[str, Any]) -> int:
    value = data.get("size", data.get("bytes", 0))
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _evidence(told: Sequence[Told]) -> dict[str, Any]:
    items = [(one, data) for one in told for data in one.of("evidence")]
    rows = [_evidence_row(data) for _one, data in items]
    return {
        "rows": [row for row in rows if row["sha256"]][:MOST_ROWS],
        "lost": [row for row in rows if row["outcome_raw"] != "SUCCESS"][:MOST_ROWS],
        "more": max(0, sum(bool(row["sha256"]) for row in rows) - MOST_ROWS),
        "any": bool(rows),
    }


def _evidence_row(data: Mapping[str, Any]) -> dict[str, str]:
    outcome = str(data.get("outcome") or "")
    return {
        "what": str(data.get("what") or data.get("name") or data.get("id") or ""),
        "id": str(data.get("id") or data.get("source") or ""),
        "host": ",".join(hosts_of(data)),
        "outcome": word(outcome),
        "outcome_raw": outcome,
        "tone": {"SUCCESS": "good", "EMPTY": "quiet", "MISSING": "quiet"}.get(outcome, "bad"),
        "reason": str(data.get("reason") or ""),
        "size": shown_bytes(_size(data)),
        "sha256": str(data.get("sha256") or ""),
        "time": shown_time(str(data.get("finished") or data.get("started") or "")),
    }


def _custody(data: Mapping[str, Any]) -> dict[str, str]:
    details = [str(data[name]) for name in ("purpose", "what", "tool") if data.get(name)]
    if isinstance(data.get("items"), int):
        details.append(_("{count} items, {size}").format(count=data["items"], size=shown_bytes(data.get("bytes"))))
    if data.get("read_only_view") is True:
        details.append(_("host's disks were read-only to the collector"))
    if data.get("read_only_view") is False:
        details.append(_("the host refused a read-only view of its disks"))
    if isinstance(data.get("clock_skew_seconds"), int | float):
        details.append(_("host's clock differs by {seconds} s").format(seconds=f"{data['clock_skew_seconds']:+.1f}"))
    return {
        "time": shown_time(str(data.get("when") or data.get("time") or "")),
        "from": str(data.get("from") or ""),
        "to": str(data.get("to") or ""),
        "who": str(data.get("who") or data.get("operator") or ""),
        "details": " · ".join(details),
    }


def _exports(records: Iterable[Record]) -> list[dict[str, str]]:
    """Hand-overs that no run made: ``case export`` writes those."""
    rows = []
    for record in records:
        data = payload(record)
        if record.kind == "custody" and data is record.data:
            rows.append(_custody({"when": record.time, **data}))
    return rows


def _quarantine(told: Told, data: Mapping[str, Any]) -> dict[str, str]:
    return {
        "time": shown_time(told.run.started),
        "path": str(data.get("path") or ""),
        "kept": " · ".join(str(data[name]) for name in ("do", "id") if data.get(name)),
        "known": pairs(known) if isinstance(known := data.get("known"), Mapping) else "",
        "undo": str(data.get("inverse") or ""),
    }


def _change(told: Told, data: Mapping[str, Any]) -> dict[str, str]:
    return {
        "time": shown_time(told.run.started),
        "run": deed(told.run.verb),
        "host": ",".join(hosts_of(data)),
        "details": pairs(data),
    }


def pairs(data: Mapping[str, Any], limit: int = 600) -> str:
    """Any record in one line, ``name: value``; for kinds whose fields the report does not know one by one."""
    parts = []
    for name, value in data.items():
        if name in ("host", "hosts") or value in (None, "", [], {}):
            continue
        parts.append(f"{_(str(name).replace('_', ' '))}: {_flat(value)}")
    return clean(" · ".join(parts), limit)


def _flat(value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str) and _ISO_UTC.match(value):
        return _told_time(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(item)}" for key, item in list(value.items())[:20])
    if isinstance(value, list | tuple):
        return ", ".join(_flat(item) for item in value[:20]) + (f" … (+{len(value) - 20})" if len(value) > 20 else "")
    return str(value)


def _told_time(text: str) -> str:
    """A time inside a record, in local time; a day that no calendar has stays as it was written."""
    try:
        return shown_time(format_time(datetime.fromisoformat(text)))
    except (ValueError, OverflowError):
        return text


def _recovery(told: Sequence[Told]) -> list[dict[str, Any]]:
    return [
        {**_proofs(one), "points": [_point(data) for data in one.of("restore_point", "change")]}
        for one in told
        if one.run.verb == "restore"
    ]


def _point(data: Mapping[str, Any]) -> str:
    """The restore point that was chosen, or any other thing that a restore recorded."""
    rest = {name: value for name, value in data.items() if name not in ("point", "action")}
    chosen = f"{_(EVENTS['restore_point'])} {_flat(data['point'])} · " if data.get("point") else ""
    return clean(chosen + pairs(rest), 1000)


def _reassessment(told: Sequence[Told]) -> list[dict[str, Any]]:
    return [
        {**_proofs(one), "points": [line for data in one.of("reassessment") for line in _judgement(data)]}
        for one in told
        if one.run.verb == "reassess"
    ]


def _judgement(data: Mapping[str, Any]) -> Iterator[str]:
    """A re-assessment in sentences: the scan, the checks, the way in, what is left."""
    scan, checks, entry = (_mapping(data.get(name)) for name in ("scan", "verify", "entry"))
    state = word("clean" if scan.get("clean") is True and scan.get("complete") is True else "not clean")
    yield _("Scan: {state} ({counts})").format(state=state, counts=_flat(scan.get("counts") or {}) or "–")
    failed = checks.get("failed")
    yield _("Checks of the roles: {passed} passed, {skipped} skipped, failed: {failed}").format(
        passed=checks.get("passed", "?"), skipped=checks.get("skipped", "?"), failed=_flat(failed) if failed else "0"
    )
    closed = _("closed") if entry.get("closed") is True else _("not closed")
    yield _("Way in: {how} ({state}, {by})").format(
        how=entry.get("how") or "–", state=closed, by=entry.get("by") or "–"
    )
    left = data.get("left")
    if isinstance(left, list) and left:
        yield _("Left: {what}").format(what=_flat(left))


def _checks(told: Told) -> dict[str, Any]:
    """Tests of the roles on the host: how many passed, and each that did not."""
    checks = told.of("check")
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
    return {**_proofs(told), "rows": rows[:MOST_ROWS], "line": line}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _run(told: Told) -> dict[str, Any]:
    run = told.run
    return {
        "seq": run.seq,
        "time": shown_time(run.started),
        "verb": run.verb,
        "deed": deed(run.verb),
        "hosts": ", ".join(run.hosts),
        "who": run.operator,
        "reason": run.reason,
        "outcome": word(_ending(told)),
        "tone": _told_tone(told),
        "seconds": "" if run.seconds is None else f"{run.seconds:.1f}",
    }


def _people(records: Sequence[Record], facts: Facts, present: datetime) -> list[dict[str, str]]:
    """The list of what people owe; a task is done only where a person recorded it."""
    done = {str(r.data.get("task")): r for r in records if r.kind == "task_done"}
    asked = [(key, _(text), hours) for key, text, hours in TASKS]
    asked += [(str(r.data.get("task")), str(r.data.get("text")), None) for r in records if r.kind == "task"]
    due_by = {str(r.data.get("task")): str(r.data.get("due") or "") for r in records if r.kind == "task"}
    rows = []
    for key, text, hours in asked:
        due = due_by.get(key, "") or _due(facts.detected, hours)
        record = done.get(key)
        state = "done" if record else "overdue" if due and due < format_time(present) else "not recorded"
        proof = (
            f"{record.data.get('text') or ''} ({record.data.get('operator')}, {shown_time(record.time)})"
            if record
            else ""
        )
        rows.append(
            {"key": key, "text": text, "due": shown_time(due) if due else "", "state": word(state), "proof": proof,
             "tone": {"done": "good", "overdue": "bad"}.get(state, "warn")}
        )  # fmt: skip
    return rows


def _due(detected: str, hours: int | None) -> str:
    if not detected or hours is None:
        return ""
    return format_time(parse_time(detected) + timedelta(hours=hours))


def _note(record: Record) -> dict[str, str]:
    return {
        "time": shown_time(record.time),
        "who": str(record.data.get("operator") or ""),
        "text": str(record.data.get("text") or ""),
    }


def _integrity(records: Sequence[Record], checked: CaseCheck | None, key: str, present: datetime) -> dict[str, Any]:
    if checked is None:
        said, tone = _("not checked"), "warn"
    elif checked.ok:
        said = _("{records} records and {files} pieces of evidence are as they were recorded").format(
            records=checked.journal.records, files=checked.evidence
        )
        tone = "good"
    else:
        said, tone = _("something was changed: do not rely on this report"), "bad"
    return {
        "head": records[-1].hash if records else "",
        "seq": records[-1].seq if records else 0,
        "key": key,
        "said": said,
        "tone": tone,
        "lines": checked.lines() if checked else [],
        "time": shown_time(format_time(present)),
    }


def _picture(facts: Facts, told: Sequence[Told]) -> str:
    """The course of events as an inline drawing."""
    bars = []
    for one in told:
        end = parse_time(one.run.finished) if one.run.finished else None
        bars.append(Bar(deed(one.run.verb), parse_time(one.run.started), end, _told_tone(one)))
    marks = [
        (label, parse_time(when))
        for label, when in (
            (_(EVENTS["first_sign"]), facts.first_sign),
            (_(EVENTS["detected"]), facts.detected),
            (_(EVENTS["case_closed"]), facts.closed),
        )
        if when
    ]
    return draw(bars[-40:], marks, zone())


# --- documents ----------------------------------------------------------------------------------------------------


def render(context: Mapping[str, Any], template: str = "report.html.j2") -> str:
    """Return the HTML document."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def gate(value: object) -> object:
        return value if isinstance(value, Markup) else clean(value, 8000, lines=True)

    environment = Environment(
        loader=PackageLoader("ungcuu"),
        autoescape=True,
        finalize=gate,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(context)


def write_report(case: Case, lang: str = "en", *, pdf: bool = False) -> list[Path]:
    """Write the report beside the journal, record its hash, and return the files: HTML, then PDF when asked for.

    Raises:
        ControllerFault: a PDF was asked for and the program that makes it is missing or failed.
        Tampered: the journal can't be read.
        JournalError: the journal can't be written.
    """
    suffix = "" if lang == "en" else f".{lang}"
    key = fingerprint(public_key(case.settings.keys))
    text = render(build(case.records(), check(case), key))
    written = [_place(case.folder / f"report{suffix}.html", text.encode("utf-8", "backslashreplace"))]
    if pdf:
        written.append(_place(case.folder / f"report{suffix}.pdf", _print(text)))
    journal = case.journal()
    for path in written:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        journal.append("report", {"file": path.name, "sha256": digest, "operator": case.settings.operator})
    return written


def _place(path: Path, data: bytes) -> Path:
    fd, name = tempfile.mkstemp(prefix=".report-", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _print(text: str) -> bytes:
    """Turn the document into a PDF with Debian's ``weasyprint``, in a folder of its own."""
    program = shutil.which("weasyprint")
    if program is None:
        raise ControllerFault(
            _("A PDF needs the program weasyprint"), _("The HTML report prints well too."), "apt install weasyprint"
        )
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "report.html", Path(folder) / "report.pdf"
        source.write_text(text, encoding="utf-8", errors="backslashreplace")
        run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run
        try:
            run([program, "-q", str(source), str(target)], check=True, capture_output=True, timeout=PDF_SECONDS)
            return target.read_bytes()
        except (subprocess.SubprocessError, OSError) as error:
            raise ControllerFault(_("weasyprint failed: {error}").format(error=error)) from error
