"""`status`: all hosts in one table, and what is due next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.core.errors import UngcuuError
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Hosts, Phase, Result, Verb

if TYPE_CHECKING:
    from datetime import datetime

    from ungcuu.prepare.kit.standing import Standing
    from ungcuu.report.hosts_table import HostRow

_MOST = 20


def _run(context: Context) -> Result:
    """Show the table; nothing is asked of a host."""
    from dataclasses import asdict
    from datetime import UTC, datetime

    from ungcuu.case.index import lost
    from ungcuu.cli.deadlines_view import as_data
    from ungcuu.prepare.kit.standing import standing
    from ungcuu.report.format import word
    from ungcuu.report.hosts_table import overview
    from ungcuu.report.people import remaining

    present = datetime.now(UTC)
    found = overview(context.settings, present)
    gone = lost(context.settings)
    if found.hosts:
        heads = [_("host"), _("audit"), _("patched"), _("backup"), _("restore proven"), _("exercise"), _("findings")]
        context.out.table([[*heads, _("open cases")], *(_row(row, present) for row in found.hosts)])
        context.out.prose(_("As this controller last recorded it; a host that was never enrolled is not in the table."))
    if found.drill:
        when, scenario, outcome = found.drill
        message = _("Last drill on disposable hosts: {scenario}, {outcome}, {age}")
        text = message.format(scenario=scenario, outcome=word(outcome), age=_age(when, present))
        context.out.prose(text, "" if outcome == "DONE" else "warn")
    kit = standing(context.settings)
    if found.hosts:
        context.out.line(*_kit(kit, present))
    for case, clock in found.clocks[:_MOST]:
        assert clock.due is not None  # noqa: S101  (it is pressing)
        style = "bad" if clock.due < present else "warn"
        context.out.item(f"! {case}  {remaining(clock.due, present)}  {clock.key}: {clock.stage.title}", style)
    if len(found.clocks) > _MOST:
        context.out.line(_("… and {count} more: ungcuu case deadlines").format(count=len(found.clocks) - _MOST))
    for one in gone:
        context.out.item("! " + one.text, "bad")
        context.out.block("  " + one.next_command)
    for case in found.unreadable:
        message = _("case {case} can't be read: ungcuu case verify {case}").format(case=case)
        context.out.line("! " + message, "bad")
    return Result(
        message="" if found.hosts else _first(context),
        data={
            "overview": [asdict(row) for row in found.hosts],
            "drill": dict(zip(("time", "scenario", "outcome"), found.drill, strict=True)) if found.drill else None,
            "kit": {"time": kit.time.isoformat(), "file": kit.file, "changed": list(kit.changed)} if kit else None,
            "deadlines": [{"case": case} | as_data(clock) for case, clock in found.clocks],
            "missing": [one.as_data() for one in gone],
            "unreadable": list(found.unreadable),
        },
    )


def _first(context: Context) -> str:
    """Say what makes the first host known: where there is an inventory, its hosts are enrolled."""
    from ungcuu.hosts.site import inventory_of

    try:
        inventory_of(context.settings)
    except UngcuuError:
        return _("No host is known yet: ungcuu init")
    return _("No host is known yet: ungcuu enrol HOST")


def _kit(kit: Standing | None, present: datetime) -> tuple[str, str]:
    """A line on the controller-loss kit, with its style."""
    if kit is None:
        return _("No controller-loss kit was made: ungcuu kit make --out FILE"), "warn"
    doubt = kit.doubt(present)
    text = _("Controller-loss kit: {file}, {age}").format(file=kit.file, age=_age(kit.time.isoformat(), present))
    return (f"{text}; {doubt}", "warn") if doubt else (text, "")


def _row(row: HostRow, present: datetime) -> list[str]:
    score = f"{row.score} % ({_age(row.audited, present)})" if row.score is not None else "–"
    findings = str(row.findings) if row.scanned else _("never scanned")
    if row.scanned and not row.complete:
        findings += " " + _("(incomplete)")
    ages = [_age(text, present) for text in (row.patched, row.backup, row.proven, row.drilled)]
    return [row.host, score, *ages, findings, ", ".join(row.cases) or "–"]


def _age(text: str, present: datetime) -> str:
    """How long ago something was, or a dash where it is not known."""
    from datetime import datetime

    try:
        seconds = (present - datetime.fromisoformat(text)).total_seconds()
    except (ValueError, TypeError):
        return "–"
    hours = int(seconds // 3600)
    return _("{count} h ago").format(count=hours) if hours < 48 else _("{count} days ago").format(count=hours // 24)


VERB = Verb(
    name="status",
    phase=Phase.REVIEW,
    summary=N_("Show all hosts in one table: audit, patches, backups, exercises, findings, cases, deadlines"),
    hosts=Hosts.NONE,
    run=_run,
    read_only=True,
    takes_lock=False,
    journaled=False,
    steps_before=(N_("Read what this controller recorded of its hosts and cases; no host is asked"),),
    examples=("ungcuu status",),
)
