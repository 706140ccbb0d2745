"""``ungcuu eradicate HOST``: findings to quarantine, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ungcuu.core.errors import Outcome, Refused
from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import Change
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    """Return the role's variables for these options."""
    given: dict[str, object] = {}
    for option, variable in (
        ("finding", "quarantine_findings"),
        ("path", "quarantine_paths"),
        ("put_back", "quarantine_put_back"),
    ):
        value = options.get(option)
        if isinstance(value, tuple | list) and value:
            given[variable] = list(value)
    if options.get("kill_processes"):
        given["quarantine_kill_processes"] = True
    return given


def _preflight(ctx: Context) -> None:
    """Refuse what cannot work before the host is touched."""
    from ungcuu.detect.baseline import check_signature
    from ungcuu.recover.quarantine import last_scan, remembered

    check_signature(ctx.settings.state, ctx.names)
    remembered(ctx.settings.state, ctx.names[0])
    if ctx.options.get("put_back") and (ctx.options.get("finding") or ctx.options.get("path")):
        raise Refused(
            _("--put-back can't be combined with these options."),
            _("Nothing was touched."),
            f"ungcuu eradicate {ctx.names[0]} --put-back ID",
        )
    if not ctx.options.get("put_back") and not ctx.options.get("path"):
        last_scan(ctx.settings.state, ctx.names[0])


def _details(ctx: Context) -> Mapping[str, object]:
    """What --plan shows: each order, what is left for others, what is in quarantine, and what the host says to it."""
    from ungcuu.detect import baseline
    from ungcuu.hosts import profiles
    from ungcuu.recover import quarantine
    from ungcuu.recover.own_files import OwnFiles
    from ungcuu.run import foretold

    changes = foretold.changes(ctx, _variables(ctx.options))

    state, host = ctx.settings.state, ctx.names[0]
    kept = [
        {"id": row["id"], "do": row["do"], "path": row["path"], "time": row["time"], "put_back": row["put_back"]}
        for row in quarantine.remembered(state, host)
    ]
    if ctx.options.get("put_back"):
        return {"in_quarantine": kept, **changes}
    good = baseline.load(state, host)
    choice = quarantine.Choice(
        tuple(ctx.options.get("finding") or ()),
        tuple(ctx.options.get("path") or ()),
        bool(ctx.options.get("kill_processes")),
    )
    document = {} if choice.paths and not choice.findings else quarantine.last_scan(state, host)
    facts = ctx.site.variables(ctx.host)
    own = OwnFiles.of(
        str(facts.get("website_root", "")),
        tuple(map(str, facts.get("website_writable_paths") or ())),
        profiles.of_site(str(facts.get("website_application", "")), facts.get("website_profile_facts")),
    )
    planned = quarantine.plan(document, choice, good.snapshot if good else None, own=own)
    orders = [
        {"do": order.do.value, "path": order.path, "rule": order.rule, "finding": order.finding}
        for order in planned.orders
    ]
    return {"orders": orders, "left": [_left(row) for row in planned.left], "in_quarantine": kept, **changes}


def _left(row: Mapping[str, object]) -> dict[str, object]:
    """A finding that is left, for a person: the reason in words."""
    from ungcuu.recover.quarantine import why_left

    return {**{name: row.get(name) for name in ("id", "rule", "severity", "path")}, "why": why_left(row)}


def _after(ctx: Context, result: RunResult) -> Result | None:
    """Show what was taken and how to put it back, and what is left for restore or a person."""
    from ungcuu.recover.quarantine import why_left

    if result.outcome is not Outcome.DONE:
        return None
    taken, left = result.data_of("quarantine"), result.data_of("left")
    back = [row for row in result.data_of("change") if row.get("what") == Change.PUT_BACK]
    for row in taken:
        ctx.out.line(f"{row.get('do')}: {row.get('path')}", "good")
        ctx.out.line(f"         {row.get('inverse') or '–'}", "quiet")
    for row in left:
        ctx.out.line(_("left: {path}: {why}").format(path=row.get("path"), why=why_left(row)), "warn")
    data = {
        "taken": [dict(row) for row in taken],
        "left": [dict(row) for row in left],
        "put_back": [row.get("item") for row in back],
    }
    if ctx.options.get("put_back"):
        return Result(message=_("Put back: {count}").format(count=len(back)), data=data)
    message = _("Taken out of use: {taken}; left for restore or a person: {left}")
    return Result(message=message.format(taken=len(taken), left=len(left)), data=data)


VERB = Verb(
    name="eradicate",
    phase=Phase.RECOVER,
    websites=Websites.ONE,
    summary=N_("Take an intruder's files, keys, jobs, units and accounts out of use; each can be put back"),
    description=N_(
        "Takes every critical and high finding of the last scan, or those that are named. Files go to quarantine on "
        "the host, lines leave shared files, units are stopped and masked, accounts are locked. Nothing is deleted, "
        "and what the signed baseline knows as good is never touched. Changed files of the website are left to restore."
    ),
    playbook="eradicate",
    hosts=Hosts.ONE,
    dangerous=True,
    options=(
        Option("--finding", N_("Only this finding of the last scan; may be given again"), multiple=True, metavar="ID"),
        Option("--path", N_("Move this file, too; may be given again"), multiple=True, metavar="PATH"),
        Option(
            "--kill-processes",
            N_("End the processes of the findings; what they hold in memory is lost, so collect first"),
            kind="flag",
            default=False,
        ),
        Option("--put-back", N_("Put back what was taken; may be given again"), multiple=True, metavar="ID"),
    ),
    variables=_variables,
    preflight=_preflight,
    plan_details=_details,
    after=_after,
    inverse="ungcuu eradicate {host} --put-back ID",
    deadline=900.0,
    examples=(
        "ungcuu eradicate web01 --plan",
        "ungcuu eradicate web01 --confirm-host web01",
        "ungcuu eradicate web01 --put-back 20260101T000000Z-0123456789abcdef",
    ),
)
