"""What is made of a case: its report, forms, timeline, indicators; the check and the bundle for a third party."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from ungcuu.cli.commands.case.management import chosen, warn_of_missing
from ungcuu.core.errors import Exit
from ungcuu.core.i18n import _, ngettext
from ungcuu.run.verb import Outcome, Result

if TYPE_CHECKING:
    from pathlib import Path

    from ungcuu.case.case import Case
    from ungcuu.core.errors import ControllerFault
    from ungcuu.report.forms import Form, Material
    from ungcuu.run.verb import Context

DOCUMENTS = "documents"  # below the case's folder: what people take from it, for the eyes of its owner alone


def report(context: Context) -> Result:
    """Write the report, in the language of the command."""
    from ungcuu.core.i18n import language
    from ungcuu.report import write_report

    case = chosen(context)
    written = write_report(case, language(), pdf=bool(context.options["pdf"]))
    files = {"report": str(written[0]), **({"pdf": str(written[1])} if len(written) > 1 else {})}
    return Result(
        message=_("Report: {file}").format(file="  ".join(files.values())),
        data={"case": case.id, "folder": str(case.folder), **files},
    )


def form(context: Context) -> Result:
    """Draft a letter to the authorities. Mandatory fields that are blank are named before it is made."""
    from datetime import UTC, datetime

    from ungcuu.case.reporting import book_of
    from ungcuu.cli.commands.case.deadlines_view import site_of
    from ungcuu.core.i18n import language, set_language
    from ungcuu.report.forms import Material, form

    case, name, present = chosen(context), context.options["form"], datetime.now(UTC)
    site, spoken = site_of(context), language()
    set_language(context.options["language"])  # the letter's, whatever the screen speaks
    try:
        material = Material(case.records(), case.facts, site, book_of(case, present), present)
        draft = form(name, material)
        data = _letter(context, draft, material)
    finally:
        set_language(spoken)
    if draft.lacking:
        context.out.line(_("Mandatory, and for a person to fill in:"), "warn")
        for field in draft.lacking:
            context.out.line(f"  {field.label}")
    left = sum(not field.value for field in draft.fields)
    message = ngettext("{count} field is left for a person", "{count} fields are left for a person", left)
    result = _written(context, case, data, f"{name}.{context.options['format']}", count=left, told=message)
    return Result(message=result.message, data={**result.data, "blanks": [field.key for field in draft.lacking]})


def _letter(context: Context, draft: Form, material: Material) -> str | bytes:
    """Return the letter in the form that was asked for; a PDF is printed from the same page as the HTML."""
    from ungcuu.hosts.reporting_site import folder_of
    from ungcuu.report import render
    from ungcuu.report.document import print_pdf
    from ungcuu.report.letter import as_docx, context_of, template_of

    values = context_of(draft, material)
    if context.options["format"] == "docx":
        return as_docx(values, template_of(draft.name, folder_of(context.settings)))
    text = render(values, "form.html.j2")
    return text if context.options["format"] == "html" else print_pdf(text)


def timeline(context: Context) -> Result:
    """Write the timeline as CSV or JSON lines."""
    from ungcuu.case.case import parse_when
    from ungcuu.report import timeline, zone

    case, options = chosen(context), context.options
    since, until = (parse_when(options[name]) if options[name] else None for name in ("since", "until"))
    entries = timeline.build(case, since=since, until=until, matching=options["match"])
    text = timeline.as_text(entries, options["format"], zone())
    message = ngettext("{count} entry", "{count} entries", len(entries))
    return _written(context, case, text, f"timeline.{options['format']}", count=len(entries), told=message)


def indicators(context: Context) -> Result:
    """Write the indicators as STIX 2.1."""
    from ungcuu.case import indicators
    from ungcuu.case.extent import intruders, scope_of_case

    case = chosen(context)
    seen = intruders(scope_of_case(case), case.facts)
    count = len(indicators.bundle(case.facts, seen)["objects"]) - 2
    message = ngettext("{count} indicator", "{count} indicators", count)
    return _written(context, case, indicators.as_text(case.facts, seen), "indicators.json", count=count, told=message)


def _target(context: Context, case: Case, name: str) -> Path:
    """Where a document goes: the place that was asked for, else one that is free in the case's folder of documents."""
    from itertools import count
    from pathlib import Path

    from ungcuu.core.atomic import make_private

    if context.options["output"]:
        return Path(context.options["output"])
    folder = case.folder / DOCUMENTS
    try:
        make_private(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    wanted = folder / name
    numbered = (wanted.with_stem(f"{wanted.stem}-{number}") for number in count(2))
    return next(path for path in chain([wanted], numbered) if not path.exists())


def _unwritable(path: Path, error: OSError) -> ControllerFault:
    from ungcuu.core.errors import ControllerFault

    return ControllerFault(
        _("{path} can't be written: {error}").format(path=path, error=error.strerror),
        _("Nothing was changed."),
        f"--output {path.with_stem(path.stem + '-2')}",
    )


def _written(context: Context, case: Case, text: str | bytes, name: str, *, count: int, told: str) -> Result:
    """Put a file where it was asked for, else below the case; for its owner alone, and never over another one."""
    import os

    target = _target(context, case, name)
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode("utf-8"))
    except OSError as error:
        raise _unwritable(target, error) from error
    message = f"{target}: {told.format(count=count)}"
    return Result(message=message, data={"case": case.id, "file": str(target), "entries": count})


def verify(context: Context) -> Result:
    """Check journal and evidence; a change is an outcome, not an error."""
    from ungcuu.case.integrity import as_data, check

    case = chosen(context)
    found = check(case)
    data = {"case": case.id, "folder": str(case.folder), **as_data(found)}
    for line in found.lines():
        context.out.line("! " + line, "warn" if found.ok else "bad")
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
