"""`case open`: what is known of an incident when it is taken in, by a person or out of a confirmed finding.

On a terminal a person who typed no title is asked, and for what else the reports need; Enter alone leaves it unknown.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from ungcuu.cli import intake
from ungcuu.cli.commands.case.management import summary
from ungcuu.core.errors import Refused, UsageFault
from ungcuu.core.i18n import _
from ungcuu.run.verb import Context, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from typing import Any


def open_(context: Context) -> Result:
    """Open a case, unless a host has an open one."""
    from ungcuu.case.case import open_case, parse_when
    from ungcuu.case.reporting import book_of
    from ungcuu.cli.deadlines_view import site_of, stated
    from ungcuu.run.failures import as_typed

    _refuse_second(context)
    if not any(context.options[name] for name in ("title", "finding", "scenario")):
        context = replace(context, options=_asked(context))
        _refuse_second(context)  # an isolation that began while the person answered has opened one
    options, known = context.options, _known(context)
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
        drill=bool(options["drill"] or options["scenario"]),
        facts={"detected_way": known["way"]} | facts if known["way"] else facts,
    )
    for text in book_of(case).doubts:
        context.out.item("  " + text, "quiet")
    message = _("Case {case} is open for {hosts}. Next: ungcuu isolate {hosts}")
    text = message.format(case=case.id, hosts=" ".join(context.hosts))
    return Result(message=as_typed(text, context.settings.typed_inventory), data=summary(case))


def _refuse_second(context: Context) -> None:
    """Refuse a second open case of a host.

    Raises:
        Refused: A host has an open case.
    """
    from ungcuu.case.case import current

    for host in context.hosts:
        if found := current(context.settings, host):
            raise Refused(
                _("{host} already has an open case: {case}").format(host=host, case=found.id),
                _("Nothing was changed."),
                f"ungcuu case status {found.id}",
            )


def _known(context: Context) -> Mapping[str, Any]:
    """What is known without being typed: of the finding that a person confirms, or of the scenario that is played."""
    from ungcuu.core.phrases import CaseTitle, phrase
    from ungcuu.drill.scenario import load

    wanted, scenario = context.options["finding"], context.options["scenario"]
    if scenario:
        plan = load(scenario)
        title = phrase(CaseTitle.SCENARIO, title={"en": plan.title.en, "vi": plan.title.vi})
        return {"title": title, "severity": plan.severity, "detected": None, "by": "", "way": ""}
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


def _asked(context: Context) -> dict[str, Any]:
    """The options with what a person answers for those that were not typed.

    Raises:
        UsageFault: There is nobody to ask.
        Stopped: Ctrl-C in place of an answer.
    """
    if not sys.stdin.isatty():
        raise UsageFault(
            _("What happened? A case needs a title, or the finding that is confirmed."),
            _("Nothing was changed."),
            "ungcuu case open HOST --title TEXT",
        )
    unknown = _("not known")
    questions: tuple[tuple[str, str, Callable[[str], str]], ...] = (
        ("title", _("What happened, in one line"), _wrong_title),
        ("detected_at", _("When it was noticed, as in 2026-11-22T09:30; Enter alone for now"), _wrong_time),
        ("detected_by", _("Who or what noticed it; Enter alone for not known"), lambda _typed: ""),
        ("way", _listed(_("How it was noticed"), intake.WAYS, unknown), _one_of(intake.WAYS)),
        ("severity", _listed(_("How bad it is"), intake.SEVERITIES, "high"), _one_of(intake.SEVERITIES)),
        ("personal_data", _listed(_("Whether personal data leaked"), ("yes", "no"), unknown), _one_of(("yes", "no"))),
    )
    options = dict(context.options)
    for key, question, wrong in questions:
        if not options[key]:
            options[key] = _answer(context, question, wrong)
    return options


def _answer(context: Context, question: str, wrong: Callable[[str], str]) -> str | None:
    """What a person types, asked for again while it is wrong; None where it is left open."""
    from ungcuu.core.asking import ask

    while True:
        typed = ask(context.out, question, _("Nothing was changed."))
        if not (fault := wrong(typed)):
            return typed or None
        context.out.line(fault, "warn")


def _listed(question: str, choices: Sequence[str], otherwise: str) -> str:
    message = _("{question}: {choices}; Enter alone for {otherwise}")
    return message.format(question=question, choices=", ".join(choices), otherwise=otherwise)


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    message = _("One of these, or Enter alone: {choices}").format(choices=", ".join(choices))
    return lambda typed: "" if not typed or typed in choices else message


def _wrong_title(typed: str) -> str:
    return "" if typed else _("A case needs a title")


def _wrong_time(typed: str) -> str:
    from ungcuu.case.case import parse_when
    from ungcuu.cli.deadlines_view import past

    try:
        if typed:
            past(parse_when(typed))
    except UsageFault as fault:
        return fault.what
    return ""


def _time(text: str) -> datetime | None:
    from ungcuu.core.clock import parse_time

    try:
        return parse_time(text)
    except ValueError:
        return None
