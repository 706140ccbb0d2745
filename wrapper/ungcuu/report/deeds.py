"""What was taken from a host, changed on it, and put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ungcuu.casefacts import hosts_of, payload
from ungcuu.i18n import _
from ungcuu.report.findings import proofs
from ungcuu.report.sentences import said, title
from ungcuu.report.told import Told, in_case, size_of
from ungcuu.report.words import MOST_ROWS, deed, flat, mapping, pairs, shown_bytes, shown_time, word
from ungcuu.report_text import EVENTS
from ungcuu.screen import clean
from ungcuu.sealing import Record


def undo(told: Told) -> list[dict[str, str]]:
    """The way back of each action of a run."""
    return [
        {
            "time": shown_time(told.run.started),
            "action": str(data.get("action") or ""),
            "undo": str(data.get("undo") or ""),
        }
        for data in told.of("inverse")
        if in_case(told)
    ]


def cleans(told: Told) -> bool:
    """Whether a run's changes are told under what was removed and changed; a restore's have a place of their own."""
    return in_case(told) and told.run.verb != "restore"


def evidence(told: Sequence[Told]) -> dict[str, Any]:
    """What was taken, and what could not be taken or only in part."""
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
        "what": title(data.get("what") or data.get("name") or data.get("id") or ""),
        "id": str(data.get("id") or data.get("source") or ""),
        "host": ",".join(hosts_of(data)),
        "outcome": word(outcome),
        "outcome_raw": outcome,
        "tone": {"SUCCESS": "good", "EMPTY": "quiet", "MISSING": "quiet"}.get(outcome, "bad"),
        "reason": said(data.get("reason") or ""),
        "size": shown_bytes(size_of(data)),
        "sha256": str(data.get("sha256") or ""),
        "time": shown_time(str(data.get("finished") or data.get("started") or "")),
    }


def custody(data: Mapping[str, Any]) -> dict[str, str]:
    """One hand-over: who, when, from whom to whom."""
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


def exports(records: Iterable[Record]) -> list[dict[str, str]]:
    """Hand-overs that no run made: ``case export`` writes those."""
    rows = []
    for record in records:
        data = payload(record)
        if record.kind == "custody" and data is record.data:
            rows.append(custody({"when": record.time, **data}))
    return rows


def quarantine(told: Told, data: Mapping[str, Any]) -> dict[str, str]:
    """One thing in quarantine, with the way to put it back."""
    return {
        "time": shown_time(told.run.started),
        "path": str(data.get("path") or ""),
        "kept": " · ".join(str(data[name]) for name in ("do", "id") if data.get(name)),
        "known": pairs(known) if isinstance(known := data.get("known"), Mapping) else "",
        "undo": str(data.get("inverse") or ""),
    }


def change(told: Told, data: Mapping[str, Any]) -> dict[str, str]:
    """One change that a run recorded."""
    return {
        "time": shown_time(told.run.started),
        "run": deed(told.run.verb),
        "host": ",".join(hosts_of(data)),
        "details": pairs(data),
    }


def recovery(told: Sequence[Told]) -> list[dict[str, Any]]:
    """Each restore: its point, what it changed, its proofs."""
    return [
        {**proofs(one), "points": [_point(data) for data in one.of("restore_point", "change")]}
        for one in told
        if one.run.verb == "restore"
    ]


def _point(data: Mapping[str, Any]) -> str:
    """The restore point that was chosen, or any other thing that a restore recorded."""
    rest = {name: value for name, value in data.items() if name not in ("point", "action")}
    chosen = f"{_(EVENTS['restore_point'])} {flat(data['point'])} · " if data.get("point") else ""
    return clean(chosen + pairs(rest), 1000)


def reassessment(told: Sequence[Told]) -> list[dict[str, Any]]:
    """Each re-assessment in sentences, with its proofs."""
    return [
        {**proofs(one), "points": [line for data in one.of("reassessment") for line in _judgement(data)]}
        for one in told
        if one.run.verb == "reassess"
    ]


def _judgement(data: Mapping[str, Any]) -> Iterator[str]:
    """A re-assessment in sentences: the scan, the checks, the way in, what is left."""
    scan, checks, entry = (mapping(data.get(name)) for name in ("scan", "verify", "entry"))
    state = word("clean" if scan.get("clean") is True and scan.get("complete") is True else "not clean")
    yield _("Scan: {state} ({counts})").format(state=state, counts=flat(scan.get("counts") or {}) or "–")
    failed = checks.get("failed")
    yield _("Checks of the roles: {passed} passed, {skipped} skipped, failed: {failed}").format(
        passed=checks.get("passed", "?"), skipped=checks.get("skipped", "?"), failed=flat(failed) if failed else "0"
    )
    closed = _("closed") if entry.get("closed") is True else _("not closed")
    yield _("Way in: {how} ({state}, {by})").format(
        how=entry.get("how") or "–", state=closed, by=entry.get("by") or "–"
    )
    left = data.get("left")
    if isinstance(left, list) and left:
        yield _("Left: {what}").format(what=flat(left))
