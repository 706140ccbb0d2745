"""What people owe and wrote, and whether all of it is as it was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ungcuu.case.clocks import Book, Clock
from ungcuu.case.facts import from_host
from ungcuu.case.integrity import CaseCheck
from ungcuu.case.record import Record
from ungcuu.core.clock import format_time, parse_time
from ungcuu.core.i18n import _
from ungcuu.hosts.reporting_site import ROLES
from ungcuu.report.format import shown_time, word
from ungcuu.report.labels import TASKS


def people(records: Sequence[Record], present: datetime, clocks: Book) -> list[dict[str, str]]:
    """The list of what people owe; a task is done only where a person recorded it, never because a host says so."""
    return [*reports(records, clocks, present), *_tasks(records, present)]


def reports(records: Sequence[Record], clocks: Book, present: datetime) -> list[dict[str, str]]:
    """What has to be reported, to whom and until when, and what proves that it was sent."""
    return [_report(clock, records, present) for clock in clocks.clocks]


def _report(clock: Clock, records: Sequence[Record], present: datetime) -> dict[str, str]:
    text = str(clock.stage.title)
    if clock.uncertain:
        text += " " + _("(nobody has ruled out that personal data leaked)")
    to = ", ".join(_(ROLES[role]) for role in clock.missing)
    return {
        "key": clock.key,
        "text": text + (f" → {to}" if to else ""),
        "due": shown_time(format_time(clock.due)) if clock.due else "",
        "left": "" if clock.stopped or clock.due is None else remaining(clock.due, present),
        "state": word(str(clock.state)),
        "proof": "; ".join(_proof(record) for record in records if _proves(record, clock.key)),
        "tone": {"sent": "good", "overdue": "bad", "sent late": "good"}.get(str(clock.state), "warn"),
    }


def _proves(record: Record, key: str) -> bool:
    named = record.data.get("stage" if record.kind == "sent" else "task")
    return record.kind in ("sent", "task_done") and named == key and not from_host(record)


def _proof(record: Record) -> str:
    if record.kind == "task_done":
        return f"{record.data.get('text') or ''} ({record.data.get('operator')}, {shown_time(record.time)})"
    role = str(record.data.get("recipient") or "")
    return _("{recipient}: {channel}, {time}, file {file} ({who})").format(
        recipient=_(ROLES[role]) if role in ROLES else role,
        channel=record.data.get("channel") or "–",
        time=shown_time(str(record.data.get("time"))),
        file=record.data.get("file"),
        who=record.data.get("operator"),
    )


def remaining(due: datetime, present: datetime) -> str:
    """How long there is until a moment, in words; or how long ago it was."""
    minutes = int(abs((due - present).total_seconds()) // 60)
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        span = _("{days} days {hours} h").format(days=hours // 24, hours=hours % 24)
    elif hours:
        span = _("{hours} h {minutes} min").format(hours=hours, minutes=rest)
    else:
        span = _("{minutes} min").format(minutes=rest)
    return _("in {span}").format(span=span) if due >= present else _("overdue for {span}").format(span=span)


def _tasks(records: Sequence[Record], present: datetime) -> list[dict[str, str]]:
    records = [record for record in records if not from_host(record)]
    done = {str(r.data.get("task")): r for r in records if r.kind == "task_done"}
    asked = [(key, _(text)) for key, text in TASKS]
    asked += [(str(r.data.get("task")), str(r.data.get("text"))) for r in records if r.kind == "task"]
    due_by = {str(r.data.get("task")): str(r.data.get("due") or "") for r in records if r.kind == "task"}
    rows = []
    for key, text in asked:
        due = due_by.get(key, "")
        record = done.get(key)
        state = "done" if record else "overdue" if due and due < format_time(present) else "not recorded"
        rows.append(
            {
                "key": key,
                "text": text,
                "due": shown_time(due) if due else "",
                "state": word(state),
                "left": remaining(parse_time(due), present) if due and not record else "",
                "proof": _proof(record) if record else "",
                "tone": {"done": "good", "overdue": "bad"}.get(state, "warn"),
            }
        )
    return rows


def pressing(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Those of the list that have a deadline and that nobody has recorded as done: what the first page must say."""
    return [row for row in rows if row["due"] and row["tone"] != "good"]


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
