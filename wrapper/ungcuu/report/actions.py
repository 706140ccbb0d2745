"""What was taken from a host, changed on it, and put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ungcuu.case.facts import hosts_of, payload
from ungcuu.case.record import Record
from ungcuu.contain.endings import CutEnding
from ungcuu.core.clock import format_time
from ungcuu.core.i18n import _
from ungcuu.core.phrases import Change, code_of
from ungcuu.core.sentences import shown, title
from ungcuu.core.terminal import clean
from ungcuu.report.findings import proofs
from ungcuu.report.format import MOST_ROWS, acted, deed, flat, mapping, pairs, shown_bytes, shown_time, word
from ungcuu.report.labels import EVENTS
from ungcuu.report.runs import RunRecords, in_case, size_of

_RECOVERS = ("restore", "rebuild")


def undo(this_run: RunRecords) -> list[dict[str, str]]:
    """The way back of each action of a run."""
    return [
        {
            "time": shown_time(this_run.run.started),
            "action": _acted(this_run, str(data.get("action") or "")),
            "undo": str(data.get("undo") or ""),
        }
        for data in this_run.of("inverse")
        if in_case(this_run)
    ]


def _acted(this_run: RunRecords, action: str) -> str:
    """An action and how to undo it; of a run that did not end well it isn't said that it was done."""
    if this_run.run.outcome == "DONE":
        return acted(action)
    return f"{deed(this_run.run.verb, this_run.run.outcome)} · {action.partition(' ')[2]}".removesuffix(" · ")


def cleans(this_run: RunRecords) -> bool:
    """Whether a run's changes are reported under what was removed and changed; a restore's have their own place."""
    return in_case(this_run) and this_run.run.verb not in _RECOVERS


def evidence(all_runs: Sequence[RunRecords]) -> dict[str, Any]:
    """What was taken, and what could not be taken or only in part."""
    items = [(one, data) for one in all_runs for data in one.of("evidence")]
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
        "reason": shown(data.get("reason") or ""),
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


def quarantine(this_run: RunRecords, data: Mapping[str, Any]) -> dict[str, str]:
    """One thing in quarantine, with the way to put it back."""
    return {
        "time": shown_time(this_run.run.started),
        "path": str(data.get("path") or ""),
        "done": acted(str(data.get("do") or "")).partition(":")[0],
        "kept": str(data.get("id") or ""),
        "known": _as_it_was(mapping(data.get("known"))),
        "undo": str(data.get("inverse") or ""),
    }


def _as_it_was(known: Mapping[str, Any]) -> str:
    """How a file stood before it was taken: hash, size, owner, rights, time; as whoever examines it later needs it."""
    parts = []
    if known.get("sha256"):
        parts.append(f"SHA-256 {known['sha256']}")
    if isinstance(known.get("size"), int):
        parts.append(shown_bytes(known["size"]))
    if isinstance(known.get("mode"), int):
        parts.append(f"{known['mode'] & 0o7777:04o}")
    if isinstance(known.get("uid"), int) and isinstance(known.get("gid"), int):
        parts.append(_("owner {uid}:{gid}").format(uid=known["uid"], gid=known["gid"]))
    if isinstance(known.get("mtime_ns"), int):
        parts.append(_("changed {time}").format(time=_nanoseconds(known["mtime_ns"])))
    named = {"sha256", "size", "mode", "uid", "gid", "mtime_ns", "atime_ns", "flags", "type", "xattrs"}
    rest = pairs({name: value for name, value in known.items() if name not in named})
    return clean(" · ".join([*parts, *([rest] if rest else [])]), 600)


def _nanoseconds(since_1970: int) -> str:
    """A file's time; one that no calendar has is shown as a dash."""
    try:
        return shown_time(format_time(datetime.fromtimestamp(since_1970 / 1e9, UTC)))
    except (OverflowError, ValueError, OSError):
        return "–"


def changes(this_run: RunRecords) -> list[dict[str, str]]:
    """What a run changed on a host: each thing by itself, but the files that it wrote in one row."""
    rows = []
    written: dict[str, list[str]] = {}
    for data in this_run.of("change", "left"):
        if code_of(data.get("what")) == Change.FILE and data.get("item"):
            written.setdefault(",".join(hosts_of(data)), []).append(str(data["item"]))
        else:
            rows.append(_change(this_run, data))
    for host, items in written.items():
        rows.append(
            {**_change(this_run, {"host": host}), "details": _("Files written: {files}").format(files=flat(items))}
        )
    return rows


def _change(this_run: RunRecords, data: Mapping[str, Any]) -> dict[str, str]:
    cut = code_of(data.get("what")) == Change.ISOLATION and data.get("ending") == CutEnding.CUT
    return {
        "time": shown_time(this_run.run.started),
        "run": deed(this_run.run.verb, this_run.run.outcome),
        "host": ",".join(hosts_of(data)),
        "details": _("The host said that it was cut off, after {seconds} s; it saw the controller as {address}").format(
            seconds=data.get("seconds"), address=data.get("seen_from")
        )
        if cut
        else pairs(data),
    }


def recovery(all_runs: Sequence[RunRecords]) -> list[dict[str, Any]]:
    """Each restore: its point, what it changed, its proofs."""
    return [
        {**proofs(one), "points": [_point(data, one.run.outcome) for data in one.of("restore_point", "change")]}
        for one in all_runs
        if one.run.verb in _RECOVERS
    ]


def _point(data: Mapping[str, Any], outcome: str) -> str:
    """The restore point that was chosen, what was kept and what is newer; or another thing that a restore recorded."""
    kept, since = mapping(data.get("kept")), mapping(data.get("written_since"))
    if data.get("action") == Change.RESTORE and kept and outcome != "DONE":
        text = _("Restore point: the state of {time}. Kept as evidence, where the swap got that far: {folder}")
        return clean(text.format(time=flat(mapping(data.get("point")).get("time")), folder=kept.get("folder")), 1000)
    if data.get("action") == Change.RESTORE and kept:
        rows = [row for row in since.get("rows") or () if isinstance(row, Mapping)]
        return clean(
            _(
                "Restored to the state of {time}. What was live is kept as evidence: {folder}, database {database}. "
                "Newer than the restore point, and kept aside: {files} files, {rows} rows ({tables}); list: {list}"
            ).format(
                time=flat(mapping(data.get("point")).get("time")),
                folder=kept.get("folder"),
                database=kept.get("database") or "–",
                files=since.get("files_total", 0),
                rows=sum(row["lost"] for row in rows if isinstance(row.get("lost"), int)),
                tables=", ".join(str(row.get("table")) for row in rows) or "–",
                list=since.get("list") or "–",
            ),
            1000,
        )
    if code_of(data.get("action")) == Change.LAST_PROVEN:
        proven = str(data.get("proven") or "")
        return _("Last proven restore before it: {time}").format(time=shown_time(proven) if proven else _("none"))
    rest = {name: value for name, value in data.items() if name not in ("point", "action")}
    chosen = f"{_(EVENTS['restore_point'])} {flat(data['point'])} · " if data.get("point") else ""
    return clean(chosen + pairs(rest), 1000)


def reassessment(all_runs: Sequence[RunRecords]) -> list[dict[str, Any]]:
    """Each re-assessment in sentences, with its proofs."""
    return [
        {
            **proofs(one),
            "points": [line for data in one.of("reassessment") for line in _judgement(data)],
            "excused": [row for data in one.of("reassessment") for row in _excused(data)],
        }
        for one in all_runs
        if one.run.verb == "reassess"
    ]


def _excused(data: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Findings that did not count in a re-assessment because a person called them false alarms."""
    for row in map(mapping, data.get("excused") or ()):
        words = _("Did not count: {severity} finding {id} ({path}); {by} called it a false alarm: {reason}")
        severity = str(row.get("severity") or "?")
        text = words.format(severity=word(severity), id=row.get("finding"), path=row.get("path"), **_who(row))
        yield {"text": text, "style": "excused" if severity == "critical" else "missing"}


def _who(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(row.get(name) or "–") for name in ("by", "reason")}


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
    if lost := mapping(data.get("root_lost")):
        yield _("Root was lost: {what}").format(what=flat(lost.get("findings") or "?"))
    left = data.get("left")
    if isinstance(left, list) and left:
        yield _("Left: {what}").format(what=flat(left))
