"""What people do with a case: open it, follow it, note, judge, close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ungcuu.core.errors import UsageFault
from ungcuu.core.i18n import _
from ungcuu.run.verb import Context, Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ungcuu.case.case import Case
    from ungcuu.case.clocks import Book
    from ungcuu.case.facts import Facts, Run
    from ungcuu.case.index import Lost
    from ungcuu.run.isolation_watch import Watched


def chosen(context: Context) -> Case:
    """The case that was named, else the only one that is open, else the newest."""
    from ungcuu.case.case import find, list_cases

    named = context.options.get("case_id") or context.case
    if named:
        return find(context.settings, str(named))
    cases = list_cases(context.settings)
    still_open = [case for case in cases if case.facts.phase != "closed"]
    if len(still_open) == 1 or (cases and not still_open):
        return still_open[0] if still_open else cases[-1]
    if not cases:
        if missing := _missing(context):
            raise missing[0].error()
        raise UsageFault(
            _("There is no case yet."), _("Nothing was changed."), _("ungcuu case open HOST --title 'what happened'")
        )
    raise UsageFault(
        _("Which case? Open are {cases}.").format(cases=", ".join(case.id for case in still_open)),
        _("Nothing was changed."),
        "ungcuu case list",
    )


def _missing(context: Context) -> list[Lost]:
    """Return the cases whose folders are gone or were emptied."""
    from ungcuu.case.index import OPERATIONS, lost

    return [one for one in lost(context.settings) if one.id != OPERATIONS]


def warn_of_missing(context: Context) -> list[dict[str, object]]:
    """Name the journals that are gone and the cases that can't be read; return them for ``--json``."""
    from ungcuu.case.case import unreadable
    from ungcuu.case.index import lost

    gone = lost(context.settings)
    for one in gone:
        context.out.item("! " + one.text, "bad")
        context.out.block("  " + one.next_command)
    for case in unreadable(context.settings):
        message = _("case {case} can't be read: ungcuu case verify {case}").format(case=case.id)
        context.out.item("! " + message, "bad")
    return [one.as_data() for one in gone]


def forget(context: Context) -> Result:
    """Record that the folder of a case was removed on purpose."""
    from ungcuu.case.index import forget

    gone = forget(context.settings, str(context.options["case_id"]), context.reason)
    message = _("Recorded: the folder of case {case} was removed on purpose. Its number is not given again.")
    return Result(message=message.format(case=gone.id), data=gone.as_data())


def status(context: Context) -> Result:
    """Show phase, clocks, deadlines, obstacles, and what is wrong with the backups as the vault last reported them."""
    from datetime import UTC, datetime

    from ungcuu.cli.deadlines_view import as_data
    from ungcuu.report.measures import in_force
    from ungcuu.report.overview import root_lost
    from ungcuu.run import isolation_watch

    case, watched = _seen_from_outside(context, chosen(context))
    facts, present = case.facts, datetime.now(UTC)
    _show_facts(context, case)
    held = in_force(context.settings, facts, present)
    for one in held:
        context.out.item(_("in force, as recorded: {measure}").format(measure=one.line), "warn" if one.doubt else "")
    isolation_watch.report(context, watched, "! ")
    for row in root_lost(facts):
        context.out.item("! " + row["text"], row["tone"])
    clocks, owed = _show_duties(context, case, present)
    missing = warn_of_missing(context)
    return Result(
        data=summary(case)
        | _show_troubles(context, facts)
        | {
            "in_force": [vars(one) for one in held],
            "deadlines": owed,
            "clocks": [as_data(clock) for clock in clocks.clocks],
            "profile_doubts": list(clocks.doubts),
            "missing": missing,
            "outside": {one.host: one.look.as_data() for one in watched},
        }
    )


def _show_facts(context: Context, case: Case) -> None:
    from ungcuu.report.format import shown_seconds, shown_time, word, zone_name

    facts = case.facts
    context.out.item(f"{case.id}  {facts.title}", "strong")
    context.out.table(
        [
            (_("phase"), _(_phase_title(facts.phase))),
            (_("hosts"), ", ".join(facts.hosts)),
            (_("severity"), word(facts.severity)),
            (_("system"), _system(facts)),
            (_("personal data leaked"), word(facts.personal_data)),
            (_("isolated"), ", ".join(facts.isolated) or "–"),
            *_progress(context, facts),
            (_("times in"), zone_name()),
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


def _show_duties(context: Context, case: Case, present: datetime) -> tuple[Book, list[dict[str, Any]]]:
    """Show what is due, and what stands against closing the case; return the deadlines and what is owed."""
    from ungcuu.case.reporting import book_of
    from ungcuu.cli.deadlines_view import show, site_of
    from ungcuu.report.people import people, pressing

    clocks = book_of(case, present)
    show(context, clocks, site_of(context), present)
    owed = pressing(people(case.records(), present, clocks))
    for row in (row for row in owed if clocks.clock(row["key"]) is None):
        line = f"! {row['left']} ({row['due']})  {row['text']} ({row['state']})"
        context.out.item(line, "bad" if row["tone"] == "bad" else "warn")
    for text in clocks.doubts:
        context.out.item("  " + text, "quiet")
    for obstacle in case.obstacles() if case.facts.phase != "closed" else ():
        context.out.item("! " + obstacle, "warn")
    return clocks, owed


def _show_troubles(context: Context, facts: Facts) -> dict[str, Any]:
    """Show what is wrong with backups and with the watch; return both."""
    from ungcuu.recover.restore_points import alerts
    from ungcuu.watch import health

    backups = {host: [row.text for row in alerts(context.settings.host_dir(host))] for host in facts.backed_up}
    for host, texts in backups.items():
        for text in texts:
            context.out.item(f"! {host}: {text}", "warn")
    watch = {host: health.troubles(context.settings, host) for host in facts.hosts}
    for host, rows in watch.items():
        for trouble in rows:
            context.out.item(f"! {host}: {trouble.text} → {trouble.command}", trouble.level)
    return {"backup_alerts": backups, "watch": {host: [vars(row) for row in rows] for host, rows in watch.items()}}


def _seen_from_outside(context: Context, case: Case) -> tuple[Case, list[Watched]]:
    """Look at the hosts that should be isolated, record what is new, and return the case as it is now."""
    from ungcuu.case.case import find
    from ungcuu.run import isolation_watch

    facts = case.facts
    if facts.phase == "closed":
        return case, []
    cut = {*facts.isolated, *facts.lost}
    watched = isolation_watch.check_all(context, facts.hosts, lambda host: host in cut)
    news = [isolation_watch.record_change(context.settings, one.host, one.look) for one in watched]
    return (find(context.settings, case.id) if any(news) else case), watched


def _system(facts: Facts) -> str:
    level = _("level {level}").format(level=facts.system_level) if facts.system_level else ""
    return ", ".join(text for text in (facts.system, level) if text) or "–"


def _progress(context: Context, facts: Facts) -> list[tuple[str, str]]:
    """What was done, whose outcome nobody knows, who works on a host now, and what may safely be typed next."""
    from ungcuu.case.next_step import next_command
    from ungcuu.run.failures import as_typed
    from ungcuu.run.locks import holder

    done = dict.fromkeys(run.verb for run in facts.runs if run.outcome == "DONE")
    held = {host: found for host in facts.hosts if (found := holder(context.settings, host))}
    still = [run for run in facts.runs if not run.finished and any(_works(run, held.get(host)) for host in run.hosts)]
    unknown = [
        f"{run.verb} {' '.join(run.hosts)}"
        for run in facts.runs
        if run.outcome in ("UNKNOWN", "") and run not in still[-1:]
    ]
    return [
        (_("done"), ", ".join(done) or "–"),
        (_("UNKNOWN"), ", ".join(unknown) or "–"),
        (_("at work now"), ", ".join(f"{host}: {_worker(found)}" for host, found in held.items()) or "–"),
        (
            _("next"),
            _("wait until it has ended") if still else as_typed(next_command(facts), context.settings.typed_inventory),
        ),
    ]


def _works(run: Run, found: Mapping[str, object] | None) -> bool:
    """Whether a run that has no end is the one that holds its host now."""
    return found is not None and found.get("verb") == run.verb


def _worker(found: dict[str, object]) -> str:
    return " ".join(str(found[name]) for name in ("user", "verb") if found.get(name)) or "?"


def _phase_title(phase: str) -> str:
    from ungcuu.case.facts import TITLES

    return TITLES[phase]


def list_(context: Context) -> Result:
    """Show all cases."""
    from ungcuu.case.case import list_cases

    cases = list_cases(context.settings)
    facts = {case.id: case.facts for case in cases}
    context.out.table(
        (name, _(_phase_title(fact.phase)), ", ".join(fact.hosts), fact.title) for name, fact in facts.items()
    )
    missing = warn_of_missing(context)
    return Result(
        message="" if cases or missing else _("There is no case yet."),
        data={"cases": [summary(case) for case in cases], "missing": missing},
    )


def summary(case: Case) -> dict[str, object]:
    """A case as the ``--json`` document shows it."""
    facts = case.facts
    return {
        "case": case.id,
        "title": facts.title,
        "case_hosts": list(facts.hosts),
        "isolated": list(facts.isolated),
        "unsure": list(facts.unsure),
        "lost": list(facts.lost),
        "phase": facts.phase,
        "severity": facts.severity,
        "system": facts.system,
        "system_level": facts.system_level,
        "personal_data": facts.personal_data,
        "personal_data_at": facts.personal_data_at,
        "reporting": list(facts.reporting),
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
        "root_lost": [vars(one) | {"findings": list(one.findings)} for one in facts.root_lost],
        "obstacles": case.obstacles() if facts.phase != "closed" else [],
    }


def note(context: Context) -> Result:
    """Write a person's note."""
    text = " ".join(context.options["text"])
    if not text.strip():
        raise UsageFault(_("A note needs a text."), _("Nothing was changed."), "ungcuu case note CASE-ID TEXT")
    case = chosen(context)
    record = case.note(text)
    return Result(message=_("Noted as record {seq}.").format(seq=record.seq), data={"case": case.id, "seq": record.seq})


def task(context: Context) -> Result:
    """Put a task on the list."""
    from ungcuu.case.case import parse_when

    due = parse_when(context.options["due"]) if context.options["due"] else None
    record = chosen(context).add_task(" ".join(context.options["text"]), due)
    return Result(message=_("Task {task} is on the list.").format(task=record.data["task"]), data=dict(record.data))


def done(context: Context) -> Result:
    """Record a task as done, with its proof."""
    from ungcuu.case.reporting import book_of
    from ungcuu.report.labels import TASKS

    case = chosen(context)
    known = [key for key, _text in TASKS] + [clock.key for clock in book_of(case).clocks]
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


def verdict(context: Context) -> Result:
    """Record a verdict on a finding."""
    options = context.options
    record = chosen(context).judge(options["finding"], options["verdict"].replace("-", " "), context.reason)
    return Result(message=_("Verdict recorded as record {seq}.").format(seq=record.seq), data=dict(record.data))


def close(context: Context) -> Result:
    """Close a case for good."""
    from datetime import UTC, datetime

    from ungcuu.case.reporting import book_of
    from ungcuu.cli.deadlines_view import show, site_of

    case, present = chosen(context).close(context.reason, force=bool(context.options["force"])), datetime.now(UTC)
    clocks = book_of(case, present)
    if clocks.pressing:
        context.out.line(_("Not sent yet; closing the case does not stop these deadlines:"), "warn")
        show(context, clocks, site_of(context), present)
    return Result(message=_("Case {case} is closed.").format(case=case.id), data=summary(case))
