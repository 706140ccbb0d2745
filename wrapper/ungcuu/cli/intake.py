"""A case that is opened by what somebody does: cutting a host off, confirming an alert, naming a finding.

Nothing is asked: what nobody stated stays unknown, which counts as the stricter for every deadline, and the commands
that say what was learnt later are named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.core.errors import UngcuuError, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from ungcuu.case.case import Case
    from ungcuu.core.phrases import Coded
    from ungcuu.core.settings import Settings
    from ungcuu.run.verb import Context

SEVERITIES = ("low", "medium", "high", "critical")
WAYS = ("detection-system", "stored-data", "notice-from-others", "other")
# Of a verb that opens a case by itself; `case open` and `case update` take them too.
DETECTED = (
    Option("--detected-by", N_("Who or what noticed it")),
    Option("--way", N_("How it was noticed"), kind="choice", choices=WAYS),
)
PERSONAL_DATA = Option(
    "--personal-data",
    N_("Whether personal data leaked; while that is not known, its deadline runs"),
    kind="choice",
    choices=("yes", "no", "unknown"),
)
OPTIONS = (
    Option("--title", N_("What happened, in one line, for the case that is opened where none is open")),
    Option("--severity", N_("How bad it is; else by the last scan"), kind="choice", choices=SEVERITIES),
    Option("--detected-at", N_("When it was noticed, ISO 8601; else now"), metavar="TIME"),
    *DETECTED,
    PERSONAL_DATA,
)


def without_case(settings: Settings, hosts: Sequence[str]) -> tuple[str, ...]:
    """Return those of the hosts that have no open case."""
    from ungcuu.case.case import list_cases
    from ungcuu.core.settings import machine_of

    taken = {
        machine_of(host) for case in list_cases(settings) if case.facts.phase != "closed" for host in case.facts.hosts
    }
    return tuple(host for host in hosts if machine_of(host) not in taken)


def open_for(
    context: Context,
    hosts: Sequence[str],
    title: str | Coded,
    severity: str,
    *,
    detected: datetime | None,
    by: str,
    way: str,
) -> Case:
    """Open a case with what the options state, else with what is given here; say what is still to be stated.

    Raises:
        UsageFault: A value is not one of those allowed.
        JournalError: The journal can't be written.
    """
    from ungcuu.case.case import open_case
    from ungcuu.cli.deadlines_view import site_of, stated
    from ungcuu.run.failures import as_typed

    options = context.options
    facts = stated(context, hosts)
    facts |= {"reporting": list(site_of(context).profiles)} | ({"detected_way": way} if way else {})
    case = open_case(
        context.settings,
        hosts,
        options.get("title") or title,
        context.reason,
        options.get("severity") or severity,
        detected_at=detected,
        detected_by=options.get("detected_by") or by,
        facts=facts | ({"detected_way": options["way"]} if options.get("way") else {}),
    )
    message = _("Case {case} is opened for {hosts}; its deadlines run: ungcuu case status {case}")
    text = message.format(case=case.id, hosts=" ".join(hosts))
    context.out.line(as_typed(text, context.settings.typed_inventory), "strong")
    if case.facts.personal_data == "unknown" or not case.facts.detected_way:
        text = _("Record what becomes known: ungcuu case update {case} --personal-data … --way … --reason TEXT")
        context.out.line("  " + as_typed(text.format(case=case.id), context.settings.typed_inventory))
    return case


def at_isolation(context: Context) -> None:
    """Open a case for hosts that are being cut off and have none. Whatever fails here is said and holds nothing up."""
    from ungcuu.core.phrases import CaseTitle, phrase
    from ungcuu.core.terminal import clean

    if context.options["no_case"] or context.case:
        return
    try:
        hosts = without_case(context.settings, context.hosts)
        if hosts:
            # Opened before the cut has ended: "was cut off" would be false of one that failed.
            title = context.reason or phrase(CaseTitle.ISOLATED)
            severity = severity_by_scan(context.settings, hosts)
            open_for(context, hosts, title, severity, detected=_detected(context), by="", way="")
    except (UngcuuError, OSError, ValueError) as error:
        why = error.what if isinstance(error, UngcuuError) else str(error)
        if isinstance(error, OSError) and error.filename:
            why = f"{error.filename}: {error.strerror}"
        message = _("No case could be opened: {why}").format(why=clean(why, 300))
        context.out.line(message, "bad")
        context.out.line("  ungcuu case open " + " ".join(context.hosts) + " --title TEXT")


def _detected(context: Context) -> datetime | None:
    from ungcuu.case.case import parse_when

    typed = context.options.get("detected_at")
    return parse_when(str(typed)) if typed else None


def severity_by_scan(settings: Settings, hosts: Sequence[str]) -> str:
    """Return critical where the last scan of one of the hosts says so; else high: nobody cuts off a host for less."""
    from ungcuu.core.errors import Refused
    from ungcuu.recover.quarantine import last_scan

    for host in hosts:
        try:
            counts = last_scan(settings.state, host).get("counts")
        except Refused:
            continue
        if isinstance(counts, dict) and counts.get("critical"):
            return "critical"
    return "high"


def finding_of(settings: Settings, host: str, wanted: str) -> tuple[Mapping[str, Any], str]:
    """Return a finding of the last scan by the beginning of its id, and when the host was scanned.

    Raises:
        UsageFault: There is none, or more than one.
        Refused: The host was never scanned.
    """
    from ungcuu.recover.quarantine import last_scan

    document = last_scan(settings.state, host)
    rows = [row for row in document.get("findings") or () if str(row.get("id")).startswith(wanted)]
    if len(rows) != 1:
        raise UsageFault(
            _("{count} findings of {host} begin with {id}.").format(count=len(rows), host=host, id=wanted),
            _("Nothing was changed."),
            f"ungcuu scan {host}",
        )
    return rows[0], str(document.get("time") or "")
