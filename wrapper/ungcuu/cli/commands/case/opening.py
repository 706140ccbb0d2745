"""`case open`: what is known of an incident when it is taken in, by a person or out of a confirmed finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.cli import intake
from ungcuu.cli.commands.case.management import summary
from ungcuu.core.errors import Refused, UsageFault
from ungcuu.core.i18n import _
from ungcuu.run.verb import Context, Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any


def open_(context: Context) -> Result:
    """Open a case, unless a host has an open one."""
    from ungcuu.case.case import current, open_case, parse_when
    from ungcuu.case.reporting import book_of
    from ungcuu.cli.deadlines_view import site_of, stated
    from ungcuu.run.failures import as_typed

    options = context.options
    busy = {host: found.id for host in context.hosts if (found := current(context.settings, host))}
    if busy:
        host, case_id = next(iter(busy.items()))
        raise Refused(
            _("{host} already has an open case: {case}").format(host=host, case=case_id),
            _("Nothing was changed."),
            f"ungcuu case status {case_id}",
        )
    known = _confirmed(context)
    facts = stated(context, context.hosts) | {"reporting": list(site_of(context).profiles)}
    typed = options["detected_at"]
    case = open_case(
        context.settings,
        context.hosts,
        options["title"] or known["title"],
        context.reason,
        options["severity"] or known["severity"],
        tlp=options["tlp"],
        detected_at=parse_when(typed) if typed else known["detected"],
        detected_by=options["detected_by"] or known["by"],
        first_sign=parse_when(options["first_sign"]) if options["first_sign"] else None,
        drill=bool(options["drill"]),
        facts={"detected_way": known["way"]} | facts if known["way"] else facts,
    )
    for text in book_of(case).doubts:
        context.out.item("  " + text, "quiet")
    message = _("Case {case} is open for {hosts}. Next: ungcuu isolate {hosts}")
    told = message.format(case=case.id, hosts=" ".join(context.hosts))
    return Result(message=as_typed(told, context.settings.typed_inventory), data=summary(case))


def _confirmed(context: Context) -> Mapping[str, Any]:
    """What the finding states that a person confirms; nothing where none is named."""
    from ungcuu.core.phrases import CaseTitle, phrase

    wanted = context.options["finding"]
    if not wanted and not context.options["title"]:
        raise UsageFault(
            _("What happened? A case needs a title, or the finding that is confirmed."),
            _("Nothing was changed."),
            "ungcuu case open HOST --title TEXT",
        )
    if not wanted:
        return {"title": "", "severity": "high", "detected": None, "by": "", "way": ""}
    finding, scanned = intake.finding_of(context.settings, context.hosts[0], wanted)
    return {
        "title": phrase(CaseTitle.FOUND, title=str(finding.get("title")), place=str(finding.get("path") or "–")),
        "severity": str(finding.get("severity")),
        "detected": _time(scanned),
        "by": "ungcuu scan",
        "way": "detection-system",
    }


def _time(text: str) -> datetime | None:
    from ungcuu.core.clock import parse_time

    try:
        return parse_time(text)
    except ValueError:
        return None
