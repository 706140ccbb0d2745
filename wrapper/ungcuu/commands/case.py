"""`case`: one incident from its intake to its closing report; everything about it is read from its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.errors import Exit, Refused, UsageFault
from ungcuu.i18n import N_, _
from ungcuu.verb import Argument, Hosts, Option, Outcome, Phase, Result, Verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ungcuu.case import Case
    from ungcuu.context import Context

_SEVERITIES = ("low", "medium", "high", "critical")
_TLP = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")


def _case_ids(_word: str) -> Sequence[str]:
    from ungcuu.case import list_cases
    from ungcuu.settings import Settings

    return [case.id for case in list_cases(Settings.from_environment())]


_CASE = Argument("case-id", complete=_case_ids)


def _chosen(context: Context) -> Case:
    """The case that was named, else the only one that is open, else the newest."""
    from ungcuu.case import find, list_cases

    named = context.options.get("case_id") or context.case
    if named:
        return find(context.settings, str(named))
    cases = list_cases(context.settings)
    still_open = [case for case in cases if case.facts.phase != "closed"]
    if len(still_open) == 1 or (cases and not still_open):
        return still_open[0] if still_open else cases[-1]
    raise UsageFault(
        _("Which case? {count} are open.").format(count=len(still_open)), _("Nothing was changed."), "ungcuu case list"
    )


def _open(context: Context) -> Result:
    from ungcuu.case import current, open_case, parse_when

    options = context.options
    busy = {host: found.id for host in context.hosts if (found := current(context.settings, host))}
    if busy:
        host, case_id = next(iter(busy.items()))
        raise Refused(
            _("{host} already has an open case: {case}").format(host=host, case=case_id),
            _("Nothing was changed."),
            f"ungcuu case status {case_id}",
        )
    case = open_case(
        context.settings,
        context.hosts,
        options["title"],
        context.reason,
        options["severity"],
        tlp=options["tlp"],
        detected_at=parse_when(options["detected_at"]) if options["detected_at"] else None,
        detected_by=options["detected_by"] or "",
        first_sign=parse_when(options["first_sign"]) if options["first_sign"] else None,
        drill=bool(options["drill"]),
    )
    message = _("Case {case} is open for {hosts}. Next: ungcuu isolate {hosts}")
    return Result(message=message.format(case=case.id, hosts=" ".join(context.hosts)), data=_summary(case))


def _status(context: Context) -> Result:
    from ungcuu.report import shown_seconds, shown_time

    case = _chosen(context)
    facts = case.facts
    context.out.line(f"{case.id}  {facts.title}", "strong")
    context.out.table(
        [
            (_("phase"), _(_phase_title(facts.phase))),
            (_("hosts"), ", ".join(facts.hosts)),
            (_("isolated"), ", ".join(facts.isolated) or "–"),
            (_("first sign"), shown_time(facts.first_sign)),
            (_("detected"), shown_time(facts.detected)),
            (_("contained"), shown_time(facts.contained)),
            (_("recovered"), shown_time(facts.recovered)),
            (_("closed"), shown_time(facts.closed)),
            (_("to detect"), shown_seconds(facts.seconds_to_detect)),
            (_("to contain"), shown_seconds(facts.seconds_to_contain)),
            (_("to recover"), shown_seconds(facts.seconds_to_recover)),
        ]
    )
    for obstacle in case.obstacles() if facts.phase != "closed" else ():
        context.out.line("! " + obstacle, "warn")
    return Result(data=_summary(case))


def _phase_title(phase: str) -> str:
    from ungcuu.casefacts import TITLES

    return TITLES[phase]


def _list(context: Context) -> Result:
    from ungcuu.case import list_cases

    cases = list_cases(context.settings)
    facts = {case.id: case.facts for case in cases}
    context.out.table(
        (name, _(_phase_title(fact.phase)), ", ".join(fact.hosts), fact.title) for name, fact in facts.items()
    )
    return Result(
        message="" if cases else _("There is no case yet."),
        data={"cases": [_summary(case) for case in cases]},
    )


def _summary(case: Case) -> dict[str, object]:
    """A case as the ``--json`` document tells it."""
    facts = case.facts
    return {
        "case": case.id,
        "title": facts.title,
        "case_hosts": list(facts.hosts),
        "isolated": list(facts.isolated),
        "unsure": list(facts.unsure),
        "phase": facts.phase,
        "severity": facts.severity,
        "drill": facts.drill,
        "folder": str(case.folder),
        "first_sign": facts.first_sign,
        "detected": facts.detected,
        "opened": facts.opened,
        "contained": facts.contained,
        "recovered": facts.recovered,
        "closed": facts.closed,
        "seconds_to_detect": facts.seconds_to_detect,
        "seconds_to_contain": facts.seconds_to_contain,
        "seconds_to_recover": facts.seconds_to_recover,
        "open_findings": len(facts.open_findings),
        "obstacles": case.obstacles() if facts.phase != "closed" else [],
    }


def _report(context: Context) -> Result:
    from ungcuu.i18n import language
    from ungcuu.report import write_report

    case = _chosen(context)
    written = write_report(case, language(), pdf=bool(context.options["pdf"]))
    files = {"report": str(written[0]), **({"pdf": str(written[1])} if len(written) > 1 else {})}
    return Result(
        message=_("Report: {file}").format(file="  ".join(files.values())),
        data={"case": case.id, "folder": str(case.folder), **files},
    )


def _close(context: Context) -> Result:
    case = _chosen(context).close(context.reason, force=bool(context.options["force"]))
    return Result(message=_("Case {case} is closed.").format(case=case.id), data=_summary(case))


def _verify(context: Context) -> Result:
    from ungcuu.casecheck import as_data, check

    case = _chosen(context)
    found = check(case)
    data = {"case": case.id, "folder": str(case.folder), **as_data(found)}
    for line in found.lines():
        context.out.line("! " + line, "warn" if found.ok else "bad")
    if not found.ok:
        return Result(Outcome.NOT_DONE, _("Case {case} was changed.").format(case=case.id), data, Exit.TAMPERED)
    message = _("Case {case}: {records} records and {files} pieces of evidence are as they were recorded.")
    return Result(message=message.format(case=case.id, records=found.journal.records, files=found.evidence), data=data)


def _export(context: Context) -> Result:
    from pathlib import Path

    from ungcuu.export import export_case

    case = _chosen(context)
    target = Path(context.options["output"]) if context.options["output"] else Path.cwd() / f"{case.id}.tar"
    bundle = export_case(case, target, to=context.options["to"] or "", purpose=context.reason)
    message = _("Bundle: {path}\nSHA-256: {sha256}\nkey fingerprint: {key}")
    return Result(
        message=message.format(path=bundle.path, sha256=bundle.sha256, key=bundle.key),
        data={"case": case.id, "bundle": str(bundle.path), "sha256": bundle.sha256, "key": bundle.key},
    )


def _note(context: Context) -> Result:
    text = " ".join(context.options["text"])
    if not text.strip():
        raise UsageFault(_("A note needs a text."), _("Nothing was changed."), "ungcuu case note CASE-ID TEXT")
    case = _chosen(context)
    record = case.note(text)
    return Result(message=_("Noted as record {seq}.").format(seq=record.seq), data={"case": case.id, "seq": record.seq})


def _task(context: Context) -> Result:
    from ungcuu.case import parse_when

    due = parse_when(context.options["due"]) if context.options["due"] else None
    record = _chosen(context).add_task(" ".join(context.options["text"]), due)
    return Result(message=_("Task {task} is on the list.").format(task=record.data["task"]), data=dict(record.data))


def _done(context: Context) -> Result:
    from ungcuu.report_text import TASKS

    case = _chosen(context)
    known = [key for key, _text, _hours in TASKS]
    known += [str(record.data.get("task")) for record in case.records() if record.kind == "task"]
    task, proof = context.options["task"], " ".join(context.options["proof"])
    if task not in known or not proof.strip():
        raise UsageFault(
            _("There is no task {task}; there are: {known}").format(task=task, known=", ".join(known)),
            _("Nothing was changed."),
            f"ungcuu case done {case.id} {known[0]} PROOF",
        )
    record = case.finish_task(task, proof)
    return Result(message=_("Recorded as done: {task}.").format(task=task), data=dict(record.data))


def _verdict(context: Context) -> Result:
    options = context.options
    record = _chosen(context).judge(options["finding"], options["verdict"].replace("-", " "), context.reason)
    return Result(message=_("Verdict recorded as record {seq}.").format(seq=record.seq), data=dict(record.data))


def _form(context: Context) -> Result:
    from datetime import UTC, datetime

    from ungcuu.forms import form
    from ungcuu.report import render, tlp_of

    case, name = _chosen(context), context.options["form"]
    draft = form(name, case.records(), case.facts, datetime.now(UTC))
    text = render({"form": draft, "facts": case.facts, "tlp": tlp_of(case.facts)}, "form.html.j2")
    return _written(context, case, text, f"{name}.html", sum(not field.value for field in draft.fields))


def _timeline(context: Context) -> Result:
    from ungcuu import timeline
    from ungcuu.case import parse_when
    from ungcuu.report import zone

    case, options = _chosen(context), context.options
    since, until = (parse_when(options[name]) if options[name] else None for name in ("since", "until"))
    entries = timeline.build(case, since=since, until=until, matching=options["match"])
    text = timeline.as_text(entries, options["format"], zone())
    return _written(context, case, text, f"timeline.{options['format']}", len(entries))


def _indicators(context: Context) -> Result:
    from ungcuu import indicators

    case = _chosen(context)
    count = len(indicators.bundle(case.facts)["objects"]) - 2
    return _written(context, case, indicators.as_text(case.facts), "indicators.json", count)


def _written(context: Context, case: Case, text: str, name: str, count: int) -> Result:
    """Put a file where it was asked for, else here under the case's name; never over another one."""
    from pathlib import Path

    from ungcuu.errors import ControllerFault

    target = Path(context.options["output"]) if context.options["output"] else Path.cwd() / f"{case.id}-{name}"
    try:
        with target.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be written: {error}").format(path=target, error=error.strerror), _("Nothing was changed.")
        ) from error
    message = f"{target} ({count})"
    return Result(message=message, data={"case": case.id, "file": str(target), "entries": count})


VERB = Verb(
    name="case",
    phase=Phase.REVIEW,
    summary=N_("Open, follow, report and close a case"),
    hosts=Hosts.NONE,
    verbs=(
        Verb(
            name="open",
            phase=Phase.DETECT,
            summary=N_("Open a case for hosts; its clocks start"),
            hosts=Hosts.MANY,
            options=(
                Option("--title", N_("What happened, in one line"), required=True),
                Option("--severity", N_("How bad it is"), kind="choice", choices=_SEVERITIES, default="high"),
                Option("--detected-at", N_("When it was noticed, ISO 8601; else now"), metavar="TIME"),
                Option("--detected-by", N_("How it was noticed, and by whom")),
                Option("--first-sign", N_("Earliest trace of the intruder, where it is known"), metavar="TIME"),
                Option("--tlp", N_("Who may read it (TLP 2.0)"), kind="choice", choices=_TLP, default="AMBER"),
                Option("--drill", N_("Mark it as an exercise"), kind="flag", default=False),
            ),
            run=_open,
            read_only=True,
            journaled=False,
            steps_before=(N_("Take the next case number and write the first record of its journal"),),
            examples=(
                'ungcuu case open web01 --title "Gambling links on the home page" --detected-at 2026-11-22T09:30',
            ),
        ),
        Verb(
            name="status",
            phase=Phase.REVIEW,
            summary=N_("Show the phase, the clocks and what is still open"),
            hosts=Hosts.NONE,
            arguments=(Argument("case-id", required=False, complete=_case_ids),),
            run=_status,
            read_only=True,
            journaled=False,
        ),
        Verb(
            name="list",
            phase=Phase.REVIEW,
            summary=N_("List all cases"),
            hosts=Hosts.NONE,
            run=_list,
            read_only=True,
            journaled=False,
        ),
        Verb(
            name="note",
            phase=Phase.REVIEW,
            summary=N_("Write a person's note into the journal"),
            hosts=Hosts.NONE,
            arguments=(_CASE, Argument("text", many=True)),
            run=_note,
            read_only=True,
            journaled=False,
            examples=('ungcuu case note UC-20261122-001 "PA05 informed by telephone at 10:40"',),
        ),
        Verb(
            name="task",
            phase=Phase.REVIEW,
            summary=N_("Put something on the list of what people have to do"),
            hosts=Hosts.NONE,
            arguments=(_CASE, Argument("text", many=True)),
            options=(Option("--due", N_("Until when, ISO 8601"), metavar="TIME"),),
            run=_task,
            read_only=True,
            journaled=False,
        ),
        Verb(
            name="done",
            phase=Phase.REVIEW,
            summary=N_("Record that a person did something, and what proves it"),
            hosts=Hosts.NONE,
            arguments=(_CASE, Argument("task"), Argument("proof", many=True)),
            run=_done,
            read_only=True,
            journaled=False,
            examples=('ungcuu case done UC-20261122-001 notify-24h "công văn 812/SCT-VP, sent 11:05"',),
        ),
        Verb(
            name="verdict",
            phase=Phase.REVIEW,
            summary=N_("Record a person's verdict on a finding; needs --reason"),
            hosts=Hosts.NONE,
            arguments=(_CASE, Argument("finding"), Argument("verdict", choices=("false-alarm", "accepted"))),
            run=_verdict,
            read_only=True,
            journaled=False,
        ),
        Verb(
            name="report",
            phase=Phase.REVIEW,
            summary=N_("Write the report from the journal (HTML, and PDF with --pdf)"),
            hosts=Hosts.NONE,
            arguments=(Argument("case-id", required=False, complete=_case_ids),),
            options=(Option("--pdf", N_("Write a PDF too"), kind="flag", default=False),),
            run=_report,
            read_only=True,
            journaled=False,
            steps_before=(
                N_("Check the journal and the evidence"),
                N_("Write report.html beside the journal, and record its hash"),
            ),
        ),
        Verb(
            name="form",
            phase=Phase.REVIEW,
            summary=N_("Draft the initial or closing report for the authorities (Mẫu 03, Mẫu 04)"),
            hosts=Hosts.NONE,
            arguments=(_CASE, Argument("form", choices=("initial", "closing"))),
            options=(Option("--output", N_("File to write"), kind="path"),),
            run=_form,
            read_only=True,
            journaled=False,
            examples=("ungcuu case form UC-20261122-001 initial",),
        ),
        Verb(
            name="timeline",
            phase=Phase.REVIEW,
            summary=N_("Write one table of the journal, the host's journal and file times, with its clock corrected"),
            hosts=Hosts.NONE,
            arguments=(Argument("case-id", required=False, complete=_case_ids),),
            options=(
                Option(
                    "--format",
                    N_("csv, or jsonl for Timesketch"),
                    kind="choice",
                    choices=("csv", "jsonl"),
                    default="csv",
                ),
                Option("--match", N_("Only what holds this address, path or word; may be given again"), multiple=True),
                Option("--since", N_("Not before, ISO 8601"), metavar="TIME"),
                Option("--until", N_("Not after, ISO 8601"), metavar="TIME"),
                Option("--output", N_("File to write"), kind="path"),
            ),
            run=_timeline,
            read_only=True,
            journaled=False,
            examples=("ungcuu case timeline UC-20261122-001 --match 203.0.113.7 --since 2026-11-20",),
        ),
        Verb(
            name="indicators",
            phase=Phase.REVIEW,
            summary=N_("Write the case's indicators as a STIX 2.1 bundle"),
            hosts=Hosts.NONE,
            arguments=(Argument("case-id", required=False, complete=_case_ids),),
            options=(Option("--output", N_("File to write"), kind="path"),),
            run=_indicators,
            read_only=True,
            journaled=False,
        ),
        Verb(
            name="close",
            phase=Phase.REVIEW,
            summary=N_("Close a case for good"),
            hosts=Hosts.NONE,
            arguments=(_CASE,),
            options=(Option("--force", N_("Although something is open; needs --reason"), kind="flag", default=False),),
            run=_close,
            read_only=True,
            journaled=False,
            steps_before=(
                N_("Refuse while a host is isolated or a finding is open"),
                N_("Write the last record of work"),
            ),
        ),
        Verb(
            name="verify",
            phase=Phase.REVIEW,
            summary=N_("Check the journal and all evidence against hashes and signatures"),
            hosts=Hosts.NONE,
            arguments=(Argument("case-id", required=False, complete=_case_ids),),
            run=_verify,
            read_only=True,
            journaled=False,
            steps_before=(
                N_("Check each record's hash, chain and signature, and the signed head"),
                N_("Hash each piece of evidence again; name what is missing, changed or unknown"),
            ),
        ),
        Verb(
            name="export",
            phase=Phase.REVIEW,
            summary=N_("Make one bundle that a third party checks without ungcuu"),
            hosts=Hosts.NONE,
            arguments=(_CASE,),
            options=(
                Option("--output", N_("File to write; else CASE-ID.tar here"), kind="path"),
                Option("--to", N_("Who receives it; recorded as a hand-over")),
            ),
            run=_export,
            read_only=True,
            journaled=False,
            steps_before=(
                N_("Check the journal and the evidence"),
                N_("Record the hand-over"),
                N_("Write the bundle with signed checksums"),
            ),
            examples=('ungcuu case export UC-20261122-001 --to "PA05" --reason "request 123/2026"',),
        ),
    ),
)
