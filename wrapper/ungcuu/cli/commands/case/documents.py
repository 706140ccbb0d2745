"""What is made of a case: its report, forms, timeline, indicators; the check and the bundle for a third party."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.cli import papers
from ungcuu.cli.commands.case.management import chosen, warn_of_missing
from ungcuu.core.errors import Exit
from ungcuu.core.i18n import _, ngettext
from ungcuu.run.verb import Outcome, Result

if TYPE_CHECKING:
    from pathlib import Path

    from ungcuu.case.case import Case
    from ungcuu.run.verb import Context


def report(context: Context) -> Result:
    """Write the report, in the language of the command."""
    from ungcuu.core.i18n import language
    from ungcuu.report.document import write_report

    case = chosen(context)
    written = write_report(case, language(), pdf=bool(context.options["pdf"]))
    files = {"report": str(written[0]), **({"pdf": str(written[1])} if len(written) > 1 else {})}
    return Result(
        message=_("Report: {file}").format(file="  ".join(files.values())),
        data={"case": case.id, "folder": str(case.folder), **files},
    )


def form(context: Context) -> Result:
    """Draft a letter to the authorities. Mandatory fields that are blank are named before it is written."""
    from datetime import UTC, datetime

    from ungcuu.case.reporting import book_of
    from ungcuu.cli.deadlines_view import site_of
    from ungcuu.core.i18n import in_language
    from ungcuu.report.forms import Material, form
    from ungcuu.report.letter import context_of

    case, name, present = chosen(context), context.options["form"], datetime.now(UTC)
    site = site_of(context)
    with in_language(context.options["language"]):  # the letter's, whatever the screen speaks
        material = Material(case.records(), case.facts, site, book_of(case, present), present)
        draft = form(name, material)
        values = context_of(draft, material)
    data = papers.letter(context, name, values)
    target = _target(context, case, f"{name}.{context.options['format']}")
    result = papers.letter_kept(context, draft, target, data)
    return Result(message=result.message, data={"case": case.id, **result.data})


def timeline(context: Context) -> Result:
    """Write the timeline as CSV or JSON lines."""
    from ungcuu.case.case import parse_when
    from ungcuu.report import timeline
    from ungcuu.report.format import zone

    case, options = chosen(context), context.options
    since, until = (parse_when(options[name]) if options[name] else None for name in ("since", "until"))
    entries = timeline.build(case, since=since, until=until, matching=options["match"])
    text = timeline.as_text(entries, options["format"], zone())
    message = ngettext("{count} entry", "{count} entries", len(entries))
    return _written(context, case, text, f"timeline.{options['format']}", count=len(entries), summary=message)


def indicators(context: Context) -> Result:
    """Write the indicators as STIX 2.1."""
    from ungcuu.case import indicators
    from ungcuu.case.extent import intruders, scope_of_case

    case = chosen(context)
    seen = intruders(scope_of_case(case), case.facts)
    count = len(indicators.bundle(case.facts, seen)["objects"]) - 2
    message = ngettext("{count} indicator", "{count} indicators", count)
    return _written(
        context, case, indicators.as_text(case.facts, seen), "indicators.json", count=count, summary=message
    )


def _target(context: Context, case: Case, name: str) -> Path:
    from ungcuu.case.case import DOCUMENTS

    return papers.target(context, case.folder / DOCUMENTS, name)


def _written(context: Context, case: Case, text: str | bytes, name: str, *, count: int, summary: str) -> Result:
    """Put a file where it was asked for, else below the case; for its owner alone, and never over another one."""
    path = papers.keep(_target(context, case, name), text)
    message = f"{path}: {summary.format(count=count)}"
    return Result(message=message, data={"case": case.id, "file": str(path), "entries": count})


def verify(context: Context) -> Result:
    """Check journal and evidence; a change is an outcome, not an error."""
    from ungcuu.case.integrity import as_data, check

    case = chosen(context)
    found = check(case)
    data = {"case": case.id, "folder": str(case.folder), **as_data(found)}
    for line in found.lines():
        context.out.item("! " + line, "warn" if found.ok else "bad")
    data["missing"] = missing = [] if context.options["case_id"] else warn_of_missing(context)
    if not found.ok:
        return Result(Outcome.NOT_DONE, _("Case {case} was changed.").format(case=case.id), data, Exit.TAMPERED)
    message = _("Case {case}: {records} records and {files} pieces of evidence are as they were recorded.").format(
        case=case.id, records=found.journal.records, files=found.evidence
    )
    if missing:
        return Result(Outcome.NOT_DONE, message, data, Exit.TAMPERED)
    return Result(message=message, data=data)


def stamp(context: Context) -> Result:
    """Have an authority stamp the signed head."""
    import os
    from pathlib import Path

    from ungcuu.case.timestamp import stamp

    case, options = chosen(context), context.options
    url = options["url"] or os.environ.get("UNGCUU_TSA_URL", "")
    taken = stamp(case, url, Path(options["authority"] or os.environ.get("UNGCUU_TSA_CERTIFICATES", "")))
    message = _("Record {seq} of case {case} was stamped at {time:%Y-%m-%d %H:%M:%S} UTC: {path}")
    return Result(
        message=message.format(seq=taken.seq, case=case.id, time=taken.time, path=taken.path),
        data={"case": case.id, "record": taken.seq, "time": taken.time.isoformat(), "file": str(taken.path)},
    )


def export(context: Context) -> Result:
    """Write the bundle for a third party and record the hand-over."""
    from ungcuu.case.export import export_case

    case = chosen(context)
    target = _target(context, case, f"{case.id}.tar")
    bundle = export_case(case, target, to=context.options["to"] or "", purpose=context.reason)
    message = _("Bundle: {path}\nSHA-256: {sha256}\nkey fingerprint: {key}")
    return Result(
        message=message.format(path=bundle.path, sha256=bundle.sha256, key=bundle.key),
        data={"case": case.id, "bundle": str(bundle.path), "sha256": bundle.sha256, "key": bundle.key},
    )
