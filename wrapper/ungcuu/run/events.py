"""A raw event of the runner as a typed ``Event``: small, its text neutralised, its secrets gone.

What a host answers is data of an attacker. After ``parse``:

1. every text is cleaned (control bytes, bidi) and bounded;
2. what a key names as a secret, and all of a ``no_log`` result, is gone;
3. a report's data is plain JSON of bounded depth and size, or is refused with a note in its place;
4. a report comes from one of our own action plugins, on the controller: a module's result is the host's own word, and a
   host that adds the key ``ungcuu`` to it would write evidence and proofs into the case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ungcuu.core.terminal import clean

MESSAGE_LIMIT = 2000  # characters
RESULT_LIMIT = 8 << 20  # characters of one task's result; ansible-runner hands on an empty one in place of a larger one
REPORT_LIMIT = 900_000  # bytes of one report as JSON; a journal's record holds a mebibyte
TEXT_LIMIT = 64 << 10  # characters of one text in a report
DIFFERENCE_LIMIT = 16 << 10  # characters of one side of a difference
MOST_DIFFERENCES = 50  # of one task
DEPTH_LIMIT = 12
HIDDEN = "(hidden)"
MOST_NUMBER = 1e300
OUT_OF_RANGE = "(a number out of range)"
# Ansible's own first task of each role, done on the controller.
OWN_CHECK = "Validating arguments against arg spec"

# Action plugins whose results may hold reports. Those that hand on what a module said are not among them.
REPORTERS = frozenset(
    {
        "collect_evidence",
        "compare_baseline",
        "give_known_files",
        "quarantine_findings",
        "reassess_host",
        "renew_baseline",
        "rotate_credentials",
        "ungcuu_accounts",
        "ungcuu_blocks",
        "ungcuu_code_owner",
        "ungcuu_command",
        "ungcuu_containment",
        "ungcuu_controls",
        "ungcuu_dropins",
        "ungcuu_packages",
        "ungcuu_page",
        "ungcuu_probe",
        "ungcuu_readback",
        "ungcuu_report",
        "ungcuu_website_probe",
        "write_baseline",
    }
)

_SECRET = re.compile(
    r"[\w.-]*(pass(word|wd|phrase)?|secret|token|credential|private_?key|api_?key|auth_?key|salt|cookie)", re.IGNORECASE
)


class Status(StrEnum):
    """What became of a task on a host."""

    PLAY = "play"
    TASK = "task"
    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    IGNORED = "ignored"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


_KINDS = {
    "playbook_on_play_start": Status.PLAY,
    "playbook_on_task_start": Status.TASK,
    "playbook_on_handler_task_start": Status.TASK,
    "runner_on_ok": Status.OK,
    "runner_on_skipped": Status.SKIPPED,
    "runner_on_failed": Status.FAILED,
    "runner_on_unreachable": Status.UNREACHABLE,
}


@dataclass(frozen=True)
class Report:
    """One record that a playbook hands over: ``{kind, data}`` under the key ``ungcuu`` of a task's result."""

    kind: str
    data: Mapping[str, object]
    host: str


@dataclass(frozen=True)
class Difference:
    """What a task changes of one thing, as ``--diff`` shows it: the thing, and its text before and after."""

    of: str
    before: str
    after: str


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    ``place`` is Ansible's ``path:line`` of the task; ``delegate`` is the other host that it was to be done on. ``lost``
    says that the task's reports were larger than a result may be: who goes on would take silence for a clean host.
    ``cut`` says that nobody knows what the task did: the program that carried it to the host (ssh) was killed, say.
    """

    status: Status
    host: str = ""
    task: str = ""
    role: str = ""
    play: str = ""
    place: str = ""
    message: str = ""
    delegate: str = ""
    reports: tuple[Report, ...] = ()
    lost: bool = False
    cut: bool = False
    differences: tuple[Difference, ...] = ()


def parse(raw: Mapping[str, Any]) -> Event | None:
    """Return the typed event, or None for one that nobody needs to hear of."""
    status = _KINDS.get(str(raw.get("event")))
    if status is None:
        return None
    data = raw.get("event_data") or {}
    found = data.get("res")
    result: Mapping[str, Any] = found if isinstance(found, dict) else {}
    reporter = str(data.get("task_action")) in REPORTERS
    host = clean(data.get("host", ""), 200)
    if status is Status.OK and result.get("changed"):
        status = Status.CHANGED
    if status is Status.FAILED and data.get("ignore_errors"):
        status = Status.IGNORED
    return Event(
        status=status,
        host=host,
        task=clean(data.get("task") or data.get("name") or "", 200),
        role=clean(data.get("role", ""), 100),
        play=clean(data.get("play", ""), 200),
        place=clean(data.get("task_path", ""), 1000),
        message=_message(result) if status in (Status.FAILED, Status.UNREACHABLE, Status.IGNORED) else "",
        delegate=_delegate(str(raw.get("stdout") or ""), host) if status in (Status.UNREACHABLE, Status.FAILED) else "",
        reports=tuple(_reports(result, host)) if reporter else (),
        lost=found == {} and reporter,
        differences=tuple(_differences(result)) if status is Status.CHANGED else (),
        cut=_carrier_killed(result) or (reporter and bool(result.get("ungcuu_unknown"))),
    )


def _carrier_killed(result: Mapping[str, Any]) -> bool:
    """Whether a signal ended the local program that ran the task; a command that a signal ended on the host has a cmd.

    The code of such an ending is negative where Python started the program.
    """
    items = result.get("results")
    rows = [result, *(item for item in (items if isinstance(items, list) else ()) if isinstance(item, Mapping))]
    return any(type(row.get("rc")) is int and row["rc"] < 0 and "cmd" not in row for row in rows)


def _delegate(said: str, host: str) -> str:
    """Return the host that a task was delegated to; only Ansible's own line on the screen shows it.

    That is the last line of its form: what the host said stands before it, or in it as JSON, which has no line breaks.
    """
    line = rf"^(?:\x1b\[[0-9;]*m)*fatal: \[{re.escape(host)}(?: -> ([\w.-]+)[^\]\n]*)?\]: (?:UNREACHABLE|FAILED)"
    found = re.findall(line, said, re.MULTILINE)
    return str(found[-1]) if found else ""


def redact(value: object, depth: int = 0) -> object:
    """Return ``value`` as plain, cleaned, bounded data without what its keys name as secrets."""
    if depth > DEPTH_LIMIT:
        return "(too deep)"
    if isinstance(value, Mapping):
        return {
            clean(key, 200): HIDDEN if _SECRET.fullmatch(str(key)) and item else redact(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item, depth + 1) for item in value]
    if isinstance(value, int | float) and not abs(value) < MOST_NUMBER:  # NaN and Infinity: no journal takes them
        return OUT_OF_RANGE
    if value is None or isinstance(value, bool | int | float):
        return value
    return clean(value, TEXT_LIMIT, lines=True)


def _reports(result: Mapping[str, Any], host: str) -> Iterator[Report]:
    """Yield the reports of a result and of its loop items; a ``no_log`` result has none."""
    if result.get("_ansible_no_log"):
        return
    items = result.get("results")
    for part in (result, *(items if isinstance(items, list) else ())):
        rows = part.get("ungcuu") if isinstance(part, Mapping) and not part.get("_ansible_no_log") else None
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, Mapping) and isinstance(row.get("kind"), str):
                yield Report(clean(row["kind"], 60), _report_data(row.get("data")), host)


def _differences(result: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what a result and its loop items show as changed; a ``no_log`` result shows nothing."""
    items = result.get("results")
    parts = [part for part in (result, *(items if isinstance(items, list) else ())) if isinstance(part, Mapping)]
    if any(part.get("_ansible_no_log") for part in parts):
        return
    found = [part.get("diff") for part in parts]
    rows = [row for diff in found for row in (diff if isinstance(diff, list) else [diff]) if isinstance(row, Mapping)]
    for row in rows[:MOST_DIFFERENCES]:
        of = clean(row.get("after_header") or row.get("before_header") or "", 300)
        before, after = (_side(row.get(name)) for name in ("before", "after"))
        if before != after:
            yield Difference(of, before, after)


def _side(value: object) -> str:
    """One side of a difference as text: modules give attributes of a file as a mapping."""
    if isinstance(value, Mapping):
        value = "".join(f"{key}: {json.dumps(item)}\n" for key, item in sorted(value.items()))
    return clean(value or "", DIFFERENCE_LIMIT, lines=True)


def _report_data(data: object) -> Mapping[str, object]:
    plain = redact(data)
    size = len(json.dumps(plain))
    if size > REPORT_LIMIT:
        return {"refused": "larger than a report may be", "size": size}
    return plain if isinstance(plain, dict) else {"value": plain}


def _message(result: Mapping[str, Any]) -> str:
    """Return what a failed task said, in one bounded text: msg, then what the program wrote on standard error."""
    if result.get("_ansible_no_log"):
        return HIDDEN
    parts = [result.get("msg")]
    items = result.get("results")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, Mapping) and (item.get("failed") or item.get("unreachable")):
            parts.append(item.get("msg"))
    stderr = result.get("stderr") or result.get("module_stderr")
    if stderr and str(stderr) not in str(parts[0]):
        parts.append(stderr)
    text = "\n".join(str(part).strip() for part in parts if part)
    return clean(text, MESSAGE_LIMIT, lines=True)
