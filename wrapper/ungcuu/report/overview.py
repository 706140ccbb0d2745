"""The course of events: clocks, summary, timeline and picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ungcuu.case.extent import CaseScope
from ungcuu.case.facts import TITLES, Facts, from_host, payload
from ungcuu.case.record import Record
from ungcuu.core.clock import parse_time
from ungcuu.core.i18n import _
from ungcuu.core.phrases import Change
from ungcuu.core.sentences import shown as shown_value
from ungcuu.report.chart import WIDTH, Bar, draw
from ungcuu.report.extent import moments
from ungcuu.report.format import (
    MOST_ROWS,
    deed,
    flat,
    mapping,
    pairs,
    shown_bytes,
    shown_seconds,
    shown_time,
    shown_utc,
    zone,
)
from ungcuu.report.labels import EVENTS, LABELS
from ungcuu.report.runs import RunRecords, outline, run_title, run_tone, size_of

_TELLING = (
    "custody",
    "note",
    "timestamp",
    "torn",
    "task_done",
    "verdict",
    "case_closed",
    "phase",
    "root_lost_override",
    "root_regained",
)
_PAIRS = ("case_updated", "sent", "acknowledged", "reminder")  # shown name by name


def clocks(facts: Facts) -> list[dict[str, Any]]:
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


def summary(facts: Facts, all_runs: Sequence[RunRecords], reach: CaseScope | None = None) -> list[str]:
    """The case in a few sentences, each said only when the journal proves it, or saying that it does not."""
    hosts = ", ".join(facts.hosts)
    sentences = [
        _("Noticed at {time}.").format(time=shown_time(facts.detected)),
        _summary_findings(facts),
        *_summary_reach(reach),
        _("{hosts}: cut off from the network at {time}, {after} after detection.").format(
            hosts=hosts, time=shown_time(facts.contained), after=shown_seconds(facts.seconds_to_contain)
        )
        if facts.contained
        else _("The journal holds no isolation that ended well."),
        _summary_evidence(all_runs),
        *_summary_recovery(all_runs),
        _("{hosts}: returned to service at {time}, {after} after it was cut off.").format(
            hosts=hosts, time=shown_time(facts.recovered), after=shown_seconds(facts.seconds_to_recover)
        )
        if facts.recovered
        else _("The journal holds no return to service."),
    ]
    if facts.first_sign:
        said = _("The first sign of compromise dates from {time}").format(time=shown_time(facts.first_sign))
        doubt = f" ({_(LABELS['untrusted'])})" if facts.first_sign_by == "host" else ""
        sentences.insert(0, f"{said}{doubt}.")
    if facts.isolated:
        sentences.append(
            _("Still isolated, as far as the journal shows: {hosts}.").format(hosts=", ".join(facts.isolated))
        )
    if facts.lost:
        sentences.append(_("Isolation lost, as last seen from outside: {hosts}.").format(hosts=", ".join(facts.lost)))
    return sentences


def _summary_findings(facts: Facts) -> str:
    total = len(facts.findings)
    if not total:
        return _(LABELS["no_findings"])
    worst = sum(finding.severity in ("critical", "high") for finding in facts.findings)
    return _("{total} findings, {worst} of them critical or high; {open} are still open.").format(
        total=total, worst=worst, open=len(facts.open_findings)
    )


def _summary_reach(reach: CaseScope | None) -> list[str]:
    """Where the intruder came from, and how much may have left: what everybody asks first."""
    hosts = [one.scope for one in reach.hosts if one.is_known] if reach is not None else []
    if not hosts:
        return [_("How far the intruder got is not known: the evidence for it was not collected.")]
    addresses = list(dict.fromkeys(row.address for scope in hosts for row in scope.addresses))
    shown = ", ".join(addresses[:5]) + (f" (+{len(addresses) - 5})" if len(addresses) > 5 else "")
    left = sum(scope.left_bytes for scope in hosts)
    return [
        _("Addresses seen with the findings: {addresses}.").format(addresses=shown or "–"),
        _("Sent in answers to them, as far as the web logs show: {size}.").format(size=shown_bytes(left)),
    ]


def _summary_recovery(all_runs: Sequence[RunRecords]) -> list[str]:
    """To which state the website went back, and how the intruder came in, as the person said who closed that way."""
    lines = []
    runs = [one for one in all_runs if one.run.verb in ("restore", "rebuild")]
    restored = [data for one in runs if one.run.outcome == "DONE" for data in one.of("change")]
    times = [mapping(data.get("point")).get("time") for data in restored if data.get("action") == Change.RESTORE]
    if times and times[-1]:
        lines.append(_("Website restored to the state of {time}.").format(time=flat(times[-1])))
    if runs and runs[-1].run.outcome != "DONE":
        last = runs[-1].run
        lines.append(f"{deed(last.verb, last.outcome)} ({shown_time(last.started)}).")
    entries = [mapping(data.get("entry")) for one in all_runs for data in one.of("reassessment")]
    if entries and entries[-1].get("how"):
        lines.append(_("Way in, and what closed it: {how}").format(how=entries[-1]["how"]))
    return lines


def _summary_evidence(all_runs: Sequence[RunRecords]) -> str:
    items = [data for one in all_runs for data in one.of("evidence")]
    if not items:
        return _(LABELS["no_evidence"])
    good = [data for data in items if data.get("outcome") in ("SUCCESS", "EMPTY")]
    return _("{good} of {all} pieces of evidence were taken whole ({size}).").format(
        good=len(good), all=len(items), size=shown_bytes(sum(size_of(data) for data in items))
    )


def root_lost(facts: Facts) -> list[dict[str, str]]:
    """Where root was lost, and what became of that: the sentences that stand in red on every document."""
    rows = []
    for one in facts.root_lost:
        text = _("Root was lost on {host}: {what}.").format(host=one.host, what="; ".join(one.findings[:5]) or "?")
        if one.override:
            text += " " + _("It returned to service WITHOUT a rebuild, by decision of {who} ({time}): {reason}").format(
                who=one.by or "?", time=shown_time(one.overridden), reason=one.override
            )
        elif one.regained:
            text += " " + _("It was rebuilt on another machine ({time}).").format(time=shown_time(one.regained))
        else:
            text += " " + _("It has not been rebuilt.")
        rows.append({"text": text, "tone": "good" if one.regained and not one.override else "bad"})
    return rows


def timeline(
    records: Sequence[Record], facts: Facts, all_runs: Sequence[RunRecords], reach: CaseScope | None = None
) -> list[dict[str, str]]:
    """What a reader wants to know, in the order of time: what the intruder did as far as evidence shows, runs,
    hand-overs, notes; steps and items are left out.
    """
    ours = _(LABELS["case_journal"])
    rows: list[tuple[str, int, str, str, str, str]] = []
    if facts.first_sign:
        doubt = _(LABELS["untrusted"]) if facts.first_sign_by == "host" else ""
        rows.append((facts.first_sign, 0, ours, "bad", _(EVENTS["first_sign"]), doubt))
    if facts.detected and facts.detected != facts.opened:
        rows.append((facts.detected, 0, ours, "warn", _(EVENTS["detected"]), facts.detected_by))
    if reach is not None:
        rows += [(time, 0, source, "bad", what, text) for time, source, what, text in moments(reach)]
    rows += [(one.run.started, one.run.seq, ours, run_tone(one), run_title(one.run), outline(one)) for one in all_runs]
    for record in records:
        if record.kind == "custody" or (record.kind in ("case_opened", *_TELLING, *_PAIRS) and not from_host(record)):
            text = _event_text(record) if record.kind not in _PAIRS else pairs(record.data)
            rows.append((record.time, record.seq, ours, "quiet", _(EVENTS[record.kind]), text))
    return [
        {
            "local": shown_time(time),
            "utc": shown_utc(time),
            "source": source,
            "tone": tone,
            "what": what,
            "details": details,
        }
        for time, _seq, source, tone, what, details in sorted(rows, key=lambda row: (row[0], row[1]))
    ][:MOST_ROWS]


def _event_text(record: Record) -> str:
    data = payload(record)
    if record.kind == "custody":
        return _("{source} → {target}, {who}").format(
            source=data.get("from"), target=data.get("to"), who=data.get("who") or data.get("operator") or "?"
        )
    if record.kind == "timestamp":
        return _("record {seq}, {time}, {authority}").format(
            seq=data.get("stamped"), time=shown_time(str(data.get("stamp_time"))), authority=data.get("authority")
        )
    if record.kind == "phase":
        return _(TITLES.get(str(data.get("phase")), ""))
    if record.kind == "case_closed" and data.get("forced"):
        return _("by force, although: {open}").format(open="; ".join(map(str, data.get("open") or ())))
    for name in ("title_code", "text", "title", "reason", "file", "verdict"):
        if data.get(name):
            return shown_value(data[name]) if name == "title_code" else str(data[name])
    return ""


def picture(facts: Facts, all_runs: Sequence[RunRecords], width: int = WIDTH) -> str:
    """The course of events as an inline drawing, for a page or for a letter."""
    bars = []
    for one in all_runs:
        end = parse_time(one.run.finished) if one.run.finished else None
        bars.append(Bar(deed(one.run.verb, one.run.outcome), parse_time(one.run.started), end, run_tone(one)))
    marks = [
        (label, parse_time(when))
        for label, when in (
            (_(EVENTS["first_sign"]), facts.first_sign),
            (_(EVENTS["detected"]), facts.detected),
            (_(EVENTS["case_closed"]), facts.closed),
        )
        if when
    ]
    return draw(bars[-40:], marks, zone(), width)
