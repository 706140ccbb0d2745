"""Lessons of a case: its root cause, what worked, and what follows from it, with owner and day.

They are records of the case's journal. A follow-up is a task like any other: it is finished with ``case done``, also
after the case was closed. The root cause is a code, so that one that comes again can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ungcuu.case.case import Case
from ungcuu.case.facts import from_host
from ungcuu.case.record import Record
from ungcuu.core.errors import UsageFault
from ungcuu.core.i18n import N_, _

LESSONS = "lessons"
ROOT_CAUSES = {
    "unpatched": N_("software that was not patched"),
    "weak-password": N_("a weak, shared or stolen password"),
    "upload": N_("a form or upload that takes programs"),
    "injection": N_("input that the application does not check"),
    "exposed-service": N_("a service that should not be reachable"),
    "misconfiguration": N_("a wrong setting or wrong rights"),
    "neighbour": N_("another website on the same host"),
    "supplier": N_("a supplier, plugin or theme"),
    "insider": N_("a person with rightful access"),
    "availability": N_("overload or failing hardware"),
    "not-found": N_("not found"),
    "other": N_("other"),
}


@dataclass(frozen=True)
class Lessons:
    """What was learnt; the newest record of it counts."""

    root_cause: str
    detail: str = ""
    worked: str = ""
    failed: str = ""
    time: str = ""
    by: str = ""


@dataclass(frozen=True)
class FollowUp:
    """One thing that somebody has to do. ``due`` and ``done`` (when it was finished) are in the journal's form."""

    id: str
    text: str
    owner: str = ""
    due: str = ""
    done: str = ""
    proof: str = ""


def record(case: Case, cause: str, detail: str, worked: str, failed: str) -> Record:
    """Record the lessons of a case; possible after it was closed too.

    Raises:
        UsageFault: There is no such root cause, or nothing says why it is one.
        JournalError: The journal can't be written.
    """
    if cause not in ROOT_CAUSES or not detail.strip():
        raise UsageFault(
            _("A root cause is one of {values}, with --detail").format(values=", ".join(ROOT_CAUSES)),
            _("Nothing was changed."),
            f"ungcuu case lessons {case.id} --root-cause upload --detail TEXT",
        )
    data = {"root_cause": cause, "detail": detail, "worked": worked, "failed": failed}
    return case.journal().append(LESSONS, {**data, "operator": case.settings.operator})


def lessons_of(records: Sequence[Record]) -> Lessons | None:
    """Return the lessons that were recorded last; a host's word is none."""
    found = [one for one in records if one.kind == LESSONS and not from_host(one)]
    if not found:
        return None
    data = {name: str(found[-1].data.get(name) or "") for name in ("root_cause", "detail", "worked", "failed")}
    return Lessons(**data, time=found[-1].time, by=str(found[-1].data.get("operator") or ""))


def follow_ups(records: Sequence[Record]) -> list[FollowUp]:
    """Return what people put on the list of the case, and what became of it."""
    ours = [one for one in records if not from_host(one)]
    done = {str(one.data.get("task")): one for one in ours if one.kind == "task_done"}
    return [
        FollowUp(
            id=task,
            text=str(one.data.get("text") or ""),
            owner=str(one.data.get("owner") or ""),
            due=str(one.data.get("due") or ""),
            done=done[task].time if task in done else "",
            proof=str(done[task].data.get("text") or "") if task in done else "",
        )
        for one in ours
        if one.kind == "task" and (task := str(one.data.get("task")))
    ]
