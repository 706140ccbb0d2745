"""`case lessons`: what was learnt of a case, and who does what about it by when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.cli.commands.case.management import chosen
from ungcuu.core.errors import UsageFault
from ungcuu.core.i18n import _, ngettext
from ungcuu.run.verb import Context, Result

if TYPE_CHECKING:
    from datetime import datetime


def lessons(context: Context) -> Result:
    """Record the lessons and the follow-ups, and name earlier cases with the same root cause."""
    from ungcuu.case.case import list_cases
    from ungcuu.case.lessons import ROOT_CAUSES, lessons_of, record

    case, options = chosen(context), context.options
    asked = [_follow_up(text) for text in options["follow_up"]]
    cause = options["root_cause"]
    record(case, cause, options["detail"], options["worked"] or "", options["failed"] or "")
    tasks = [str(case.add_task(text, day, owner).data["task"]) for owner, day, text in asked]
    earlier = [
        one.id
        for one in list_cases(context.settings)
        if one.id != case.id and (known := lessons_of(one.records())) and known.root_cause == cause
    ]
    message = ngettext(
        "Lessons of case {case} are recorded, with {count} follow-up.",
        "Lessons of case {case} are recorded, with {count} follow-ups.",
        len(tasks),
    ).format(case=case.id, count=len(tasks))
    if earlier and cause not in ("not-found", "other"):
        text = _("The same root cause came before: {cause} ({cases})")
        context.out.item(text.format(cause=_(ROOT_CAUSES[cause]), cases=", ".join(earlier)), "bad")
    return Result(message=message, data={"case": case.id, "tasks": tasks, "same_root_cause": earlier})


def _follow_up(text: str) -> tuple[str, datetime, str]:
    """Return owner, end of the day, and what to do, of one that was typed as OWNER|DAY|TEXT."""
    from datetime import datetime, time

    from ungcuu.prepare.register.kinds import Unfit, day
    from ungcuu.report.format import zone

    owner, _bar, rest = (part.strip() for part in text.partition("|"))
    when, _bar, what = (part.strip() for part in rest.partition("|"))
    try:
        if not owner or not what:
            raise Unfit("", _("owner or text is missing"))
        end = datetime.combine(day("", when), time(23, 59, 59), tzinfo=zone())
    except Unfit as error:
        raise UsageFault(
            f"--follow-up {text[:80]}: {error.why}",
            _("Nothing was changed."),
            "--follow-up 'Lê Bình|2026-12-15|remove the upload form'",
        ) from error
    return owner, end, what
