"""`case`: one incident from its intake to its closing report; everything about it is read from its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.cli.commands.case import documents, management, scope
from ungcuu.core.i18n import N_
from ungcuu.run.verb import Argument, Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ungcuu.run.verb import Context

_SEVERITIES = ("low", "medium", "high", "critical")
_TLP = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")


def _case_ids(_word: str) -> Sequence[str]:
    from ungcuu.case.case import list_cases
    from ungcuu.core.settings import Settings

    return [case.id for case in list_cases(Settings.from_environment())]


def _missing_ids(_word: str) -> Sequence[str]:
    from ungcuu.case.index import lost
    from ungcuu.core.settings import Settings

    return [one.id for one in lost(Settings.from_environment())]


_CASE = Argument("case-id", complete=_case_ids)
_ANY_CASE = Argument("case-id", required=False, complete=_case_ids)


def _sub(
    name: str,
    summary: str,
    run: Callable[[Context], Result],
    *,
    arguments: tuple[Argument, ...] = (),
    options: tuple[Option, ...] = (),
    steps: tuple[str, ...] = (),
    examples: tuple[str, ...] = (),
    phase: Phase = Phase.REVIEW,
    hosts: Hosts = Hosts.NONE,
) -> Verb:
    """A verb below `case`: it changes nothing on a host, and the case's own journal is the only one that it writes."""
    return Verb(
        name=name,
        phase=phase,
        summary=summary,
        hosts=hosts,
        arguments=arguments,
        options=options,
        run=run,
        read_only=True,
        takes_lock=False,
        journaled=False,
        steps_before=steps,
        examples=examples,
    )


VERB = Verb(
    name="case",
    phase=Phase.REVIEW,
    summary=N_("Open, follow, report and close a case"),
    hosts=Hosts.NONE,
    verbs=(
        _sub(
            "open",
            N_("Open a case for hosts; its clocks start"),
            management.open_,
            phase=Phase.DETECT,
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
            steps=(N_("Take the next case number and write the first record of its journal"),),
            examples=(
                'ungcuu case open web01 --title "Gambling links on the home page" --detected-at 2026-11-22T09:30',
            ),
        ),
        _sub(
            "status",
            N_("Show the phase, the clocks and what is still open"),
            management.status,
            arguments=(_ANY_CASE,),
        ),
        _sub(
            "list",
            N_("List all cases"),
            management.list_,
        ),
        _sub(
            "note",
            N_("Write a person's note into the journal"),
            management.note,
            arguments=(_CASE, Argument("text", many=True)),
            examples=('ungcuu case note UC-20261122-001 "PA05 informed by telephone at 10:40"',),
        ),
        _sub(
            "task",
            N_("Put something on the list of what people have to do"),
            management.task,
            arguments=(_CASE, Argument("text", many=True)),
            options=(Option("--due", N_("Until when, ISO 8601"), metavar="TIME"),),
        ),
        _sub(
            "done",
            N_("Record that a person did something, and what proves it"),
            management.done,
            arguments=(_CASE, Argument("task"), Argument("proof", many=True)),
            examples=('ungcuu case done UC-20261122-001 notify-24h "công văn 812/SCT-VP, sent 11:05"',),
        ),
        _sub(
            "verdict",
            N_("Record a person's verdict on a finding; needs --reason"),
            management.verdict,
            arguments=(_CASE, Argument("finding"), Argument("verdict", choices=("false-alarm", "accepted"))),
        ),
        _sub(
            "report",
            N_("Write the report from the journal (HTML, and PDF with --pdf)"),
            documents.report,
            arguments=(_ANY_CASE,),
            options=(Option("--pdf", N_("Write a PDF too"), kind="flag", default=False),),
            steps=(
                N_("Check the journal and the evidence"),
                N_("Write report.html beside the journal, and record its hash"),
            ),
        ),
        _sub(
            "form",
            N_("Draft the initial or closing report for the authorities (Mẫu 03, Mẫu 04)"),
            documents.form,
            arguments=(_CASE, Argument("form", choices=("initial", "closing"))),
            options=(Option("--output", N_("File to write, else one in the case's folder"), kind="path"),),
            examples=("ungcuu case form UC-20261122-001 initial",),
        ),
        _sub(
            "timeline",
            N_("Write one table of the journal, the host's own logs and file times, with its clock corrected"),
            documents.timeline,
            arguments=(_ANY_CASE,),
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
                Option("--output", N_("File to write, else one in the case's folder"), kind="path"),
            ),
            examples=("ungcuu case timeline UC-20261122-001 --match 203.0.113.7 --since 2026-11-20",),
        ),
        _sub(
            "scope",
            N_("Show how far the intruder got: addresses, accounts, files, data that may have left"),
            scope.scope,
            arguments=(_ANY_CASE,),
            examples=("ungcuu case scope UC-20261122-001 --json",),
        ),
        _sub(
            "indicators",
            N_("Write the case's indicators as a STIX 2.1 bundle"),
            documents.indicators,
            arguments=(_ANY_CASE,),
            options=(Option("--output", N_("File to write, else one in the case's folder"), kind="path"),),
        ),
        _sub(
            "close",
            N_("Close a case for good"),
            management.close,
            arguments=(_CASE,),
            options=(Option("--force", N_("Although something is open; needs --reason"), kind="flag", default=False),),
            steps=(
                N_("Refuse while a host is isolated or a finding is open"),
                N_("Write the closing record"),
            ),
        ),
        _sub(
            "verify",
            N_("Check the journal and all evidence against hashes and signatures"),
            documents.verify,
            arguments=(_ANY_CASE,),
            steps=(
                N_("Check each record's hash, chain and signature, and the signed head"),
                N_("Hash each piece of evidence again; name what is missing, changed or unknown"),
            ),
        ),
        _sub(
            "forget",
            N_("Record that the folder of a case was removed on purpose; needs --reason"),
            management.forget,
            arguments=(Argument("case-id", complete=_missing_ids),),
            steps=(N_("Record the case, its head's hash and the reason in the journal of operations"),),
            examples=('ungcuu case forget UC-20261122-001 --reason "exercise, folder archived at …"',),
        ),
        _sub(
            "timestamp",
            N_("Have an independent authority stamp the journal's signed head (RFC 3161)"),
            documents.stamp,
            arguments=(_ANY_CASE,),
            options=(
                Option("--url", N_("Address of the authority; else UNGCUU_TSA_URL"), metavar="URL"),
                Option(
                    "--authority",
                    N_("File of the authority's certificates (PEM); else UNGCUU_TSA_CERTIFICATES"),
                    kind="path",
                ),
            ),
            steps=(
                N_("Send the hash of the signed head to the authority; nothing else leaves"),
                N_("Check its stamp with openssl, keep it beside the journal, and record it"),
            ),
            examples=("ungcuu case timestamp UC-20261122-001 --url https://tsa.example/ --authority tsa.pem",),
        ),
        _sub(
            "export",
            N_("Make one bundle that a third party checks without ungcuu"),
            documents.export,
            arguments=(_CASE,),
            options=(
                Option("--output", N_("File to write, else one in the case's folder"), kind="path"),
                Option("--to", N_("Who receives it; recorded as a hand-over")),
            ),
            steps=(
                N_("Check the journal and the evidence"),
                N_("Record the hand-over"),
                N_("Write the bundle with signed checksums"),
            ),
            examples=('ungcuu case export UC-20261122-001 --to "PA05" --reason "request 123/2026"',),
        ),
    ),
)
