"""What people owe and wrote, and whether all of it is as it was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ungcuu.case.facts import Facts, from_host
from ungcuu.case.integrity import CaseCheck
from ungcuu.case.record import Record
from ungcuu.core.clock import format_time, parse_time
from ungcuu.core.i18n import _
from ungcuu.report.format import shown_time, word
from ungcuu.report.labels import TASKS


def people(records: Sequence[Record], facts: Facts, present: datetime) -> list[dict[str, str]]:
    """The list of what people owe; a task is done only where a person recorded it, never because a host says so."""
    records = [record for record in records if not from_host(record)]
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
            {
                "key": key,
                "text": text,
                "due": shown_time(due) if due else "",
                "state": word(state),
                "proof": proof,
                "tone": {"done": "good", "overdue": "bad"}.get(state, "warn"),
            }
        )
    return rows


def pressing(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Those of the list that have a deadline and that nobody has recorded as done: what the first page must say."""
    return [row for row in rows if row["due"] and row["tone"] != "good"]


def _due(detected: str, hours: int | None) -> str:
    if not detected or hours is None:
        return ""
    return format_time(parse_time(detected) + timedelta(hours=hours))


def note(record: Record) -> dict[str, str]:
    """A note that a person wrote."""
    return {
        "time": shown_time(record.time),
        "who": str(record.data.get("operator") or ""),
        "text": str(record.data.get("text") or ""),
    }


def integrity(records: Sequence[Record], checked: CaseCheck | None, key: str, present: datetime) -> dict[str, Any]:
    """Whether journal and evidence are as they were recorded, and by which key anybody can check."""
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
