"""`case`: one incident from its intake to its closing report; everything about it is read from its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ungcuu.cli import intake
from ungcuu.cli.commands.case import documents, lessons, management, opening, reminding, reporting, scope, sweep
from ungcuu.core.i18n import N_
from ungcuu.run.verb import Argument, Hosts, Option, Phase, Result, Verb, on_controller

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ungcuu.run.verb import Context

# As in ungcuu.case.lessons; a test compares them.
_ROOT_CAUSES = (
    "unpatched",
    "weak-password",
    "upload",
    "injection",
    "exposed-service",
    "misconfiguration",
    "neighbour",
    "supplier",
    "insider",
    "availability",
    "not-found",
    "other",
)
_TLP = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")


def _case_ids(_word: str) -> Sequence[str]:
    from ungcuu.case.case import list_cases
    from ungcuu.core.settings import Settings

    return [case.id for case in list_cases(Settings.from_environment())]


def _missing_ids(_word: str) -> Sequence[str]:
    from ungcuu.case.index import lost
    from ungcuu.core.settings import Settings

    return [one.id for one in lost(Settings.from_environment())]


_FACTS = (
    *intake.DETECTED,
    Option("--system", N_("Name of the information system; else the one that the inventory names for the host")),
    Option("--level", N_("Level of the system, 1 to 5; else the inventory's"), kind="int"),
    intake.PERSONAL_DATA,
    Option("--personal-data-at", N_("When it was noticed that personal data leaked, ISO 8601"), metavar="TIME"),
)
_CASE = Argument("case-id", complete=_case_ids)
_ANY_CASE = Argument("case-id", required=False, complete=_case_ids)


def _sub(
    name: str, summary: str, run: Callable[[Context], Result], *, steps: tuple[str, ...] = (), **rest: Any
) -> Verb:
    """A verb below `case`: the case's own journal is the only one that it writes."""
    return on_controller(name=name, summary=summary, run=run, steps_before=steps, **{"phase": Phase.REVIEW, **rest})


VERB = Verb(
    name="case",
    phase=Phase.REVIEW,
    summary=N_("Open, follow, report and close a case"),
    hosts=Hosts.NONE,
    verbs=(
        _sub(
            "open",
            N_("Open a case for hosts; its clocks start"),
            opening.open_,
            phase=Phase.DETECT,
            hosts=Hosts.MANY,
            options=(
                Option("--title", N_("What happened, in one line; else what the finding is")),
                Option("--finding", N_("Finding of the last scan that a person confirms"), metavar="ID"),
                Option(
                    "--severity",
                    N_("How bad it is; else the finding's, else high"),
                    kind="choice",
                    choices=intake.SEVERITIES,
                ),
                Option("--detected-at", N_("When it was noticed, ISO 8601; else now"), metavar="TIME"),
                Option("--first-sign", N_("Earliest trace of the intruder, where it is known"), metavar="TIME"),
                Option("--tlp", N_("Who may read it (TLP 2.0)"), kind="choice", choices=_TLP, default="AMBER"),
                Option("--drill", N_("Mark it as an exercise"), kind="flag", default=False),
                Option("--scenario", N_("Scenario of the exercise, in place of a title"), metavar="NAME"),
                *_FACTS,
            ),
            steps=(N_("Take the next case number and write the first record of its journal"),),
            examples=(
                'ungcuu case open web01 --title "Gambling links on the home page" --detected-at 2026-11-22T09:30',
                'ungcuu case open web01 --title "…" --detected-by "call of a citizen" --way notice-from-others '
                "--personal-data no",
                "ungcuu case open web01 --finding 3f0a91bc",
            ),
        ),
        _sub(
            "update",
            N_("Record facts that became known: severity, system, personal data; needs --reason"),
            reporting.update,
            phase=Phase.DETECT,
            arguments=(_CASE,),
            options=(
                Option("--severity", N_("How bad it is"), kind="choice", choices=intake.SEVERITIES),
                Option("--detected-at", N_("When it was noticed, ISO 8601"), metavar="TIME"),
                *_FACTS,
            ),
            steps=(N_("Record the change and its reason; the deadlines follow it"),),
            examples=('ungcuu case update UC-20261122-001 --personal-data yes --reason "table of members was read"',),
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
            "lessons",
            N_("Record the root cause, what worked, and follow-ups with owner and day"),
            lessons.lessons,
            arguments=(_CASE,),
            options=(
                Option("--root-cause", N_("What let it happen"), kind="choice", choices=_ROOT_CAUSES, required=True),
                Option("--detail", N_("The root cause in words, with what proves it"), required=True),
                Option("--worked", N_("What worked")),
                Option("--failed", N_("What did not work")),
                Option(
                    "--follow-up",
                    N_("What somebody has to do; may be given again"),
                    multiple=True,
                    metavar="OWNER|DAY|TEXT",
                ),
            ),
            steps=(
                N_("Check every follow-up"),
                N_("Record the lessons; the follow-ups stand in 'register due' until they are done"),
                N_("Name earlier cases with the same root cause"),
            ),
            examples=(
                "ungcuu case lessons UC-20261122-001 --root-cause upload --detail 'form of the Q&A page took PHP' "
                "--follow-up 'Lê Bình|2026-12-15|remove the form'",
            ),
        ),
        _sub(
            "sent",
            N_("File the proof that a report was sent; its deadline stops when all recipients have it"),
            reporting.sent,
            arguments=(_CASE, Argument("stage"), Argument("file")),
            options=(
                Option("--to", N_("To which recipient, else to all; may be given again"), multiple=True),
                Option("--channel", N_("How it was sent: post, e-mail, document system"), required=True),
                Option("--at", N_("When it was sent, ISO 8601; else now"), metavar="TIME"),
            ),
            steps=(
                N_("Keep a copy of the file in the case's folder"),
                N_("Record its hash, the recipients, the channel and the time"),
            ),
            examples=(
                "ungcuu case sent UC-20261122-001 notify-24h 812-SCT-VP.pdf --channel "
                '"document system" --at 2026-11-22T15:05',
            ),
        ),
        _sub(
            "ack",
            N_("Acknowledge a deadline: reminders stop, the deadline runs on"),
            reporting.ack,
            arguments=(_CASE, Argument("stage")),
            examples=("ungcuu case ack UC-20261122-001 report-72h",),
        ),
        _sub(
            "remind",
            N_("Give each reminder of a deadline that is due; what is overdue again every four hours"),
            reminding.remind,
            arguments=(_ANY_CASE,),
            options=(
                Option(
                    "--send",
                    N_("Send them to watch_targets, and what is overdue to the deputies"),
                    kind="flag",
                    default=False,
                ),
                Option(
                    "--schedule",
                    N_("do not remind now but on this controller's schedule: a time of systemd's OnCalendar, or never"),
                    metavar="WHEN",
                ),
            ),
            steps=(
                N_("Record each reminder; what is overdue and not acknowledged goes to the deputies"),
                N_("What no address took stays due and is sent again"),
            ),
            examples=("ungcuu case remind", "ungcuu case remind --schedule '*:0/10'"),
        ),
        _sub(
            "deadlines",
            N_("Show the deadlines of all cases, or write them as a calendar; drills are left out"),
            reporting.deadlines,
            arguments=(_ANY_CASE,),
            options=(Option("--ics", N_("File of the calendar (iCalendar)"), kind="path"),),
            examples=("ungcuu case deadlines --ics deadlines.ics",),
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
            N_("Draft a letter to the authorities: initial, progress or closing report, breach of personal data"),
            documents.form,
            arguments=(_CASE, Argument("form", choices=("initial", "progress", "closing", "personal-data"))),
            options=(
                Option("--format", N_("What to write"), kind="choice", choices=("docx", "pdf", "html"), default="docx"),
                Option("--language", N_("The letter's language"), kind="choice", choices=("vi", "en"), default="vi"),
                Option("--output", N_("File to write, else one in the case's folder"), kind="path"),
            ),
            steps=(
                N_("Fill in what the journal and the site's own file prove; the rest stays a marked blank"),
                N_("Name the mandatory blanks, then write the letter for a person to complete, sign and send"),
            ),
            examples=(
                "ungcuu case form UC-20261122-001 initial",
                "ungcuu case form UC-20261122-001 closing --format pdf --language en",
            ),
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
            "sweep",
            N_("Judge the files of every restore point by today's detectors, and date the break-in"),
            sweep.sweep,
            phase=Phase.DETECT,
            arguments=(_ANY_CASE,),
            steps=(
                N_("Have the vault stream the website's files out of each restore point, each content once"),
                N_("Judge them here, as they come; nothing is unpacked"),
                N_("Record since when each detected file was there, and the last clean point before"),
            ),
            examples=("ungcuu case sweep UC-20261122-001",),
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
