"""`restore`: bring the website back from the vault, staged, checked and swapped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import Change
from ungcuu.run.verb import Context, Option, Phase, Result, Verb, Websites

_PARTS = ("files", "database", "config")
_OF_ONE_WEBSITE = ("files", "database")
_CHECKS = ("links", "programs", "modes", "syntax")


def _variables(options: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "website_restore_at": options["at"],
        "website_restore_clean": bool(options["clean"]),
        "website_restore_before": options["first_sign"] or "",
        "website_restore_only": ["files"] if options["path"] else list(options["only"] or _PARTS),
        "website_restore_path": options["path"] or "",
    }


def _check(context: Context) -> None:
    """Refuse a point, a date or a machine that means nothing."""
    import re

    from ungcuu.case.case import parse_when
    from ungcuu.core.errors import UsageFault

    if context.website and not (context.options["only"] or context.options["path"]):
        # What a restore point holds of /etc is the host's: put back, it would undo what a neighbour changed since.
        context.options = {**context.options, "only": _OF_ONE_WEBSITE}
    point = str(context.options["at"])
    if point != "latest" and not re.fullmatch(r"[0-9a-f]{8,64}", point):
        parse_when(point, "--at 2026-01-31T08:00Z, --at 4e3a0bd1")
    if context.options["first_sign"]:
        parse_when(context.options["first_sign"], "--first-sign 2026-01-31T08:00Z")
    if context.options["allow_suspect"] and not context.reason.strip():
        raise UsageFault(
            _("--allow-suspect needs a reason."),
            _("Nothing was changed."),
            f"ungcuu restore {context.names[0]} --allow-suspect --reason '…'",
        )
    if context.options["accept"] and not context.reason.strip():
        raise UsageFault(
            _("--accept needs a reason."),
            _("Nothing was changed."),
            f"ungcuu restore {context.names[0]} --accept {context.options['accept'][0]} --reason '…'",
        )
    if context.options["path"]:
        _check_path(context, str(context.options["path"]))
    if context.options["to"]:
        _check_machine(context, str(context.options["to"]))


def _preflight(context: Context) -> None:
    """Refuse a clean point where nobody said since when it is not, and a database that is stopped."""
    from ungcuu.contain.isolation_state import refuse_in_maintenance
    from ungcuu.core.errors import UsageFault

    if context.options["clean"] and not _first_sign(context):
        raise UsageFault(
            _("--clean needs to know since when the host is compromised."),
            _("Nothing was changed."),
            f"ungcuu restore {context.names[0]} --clean --first-sign 2026-01-31T08:00Z",
        )
    if not context.options["to"] and "database" in _variables(context.options)["website_restore_only"]:
        for host in context.hosts:
            refuse_in_maintenance(context.settings.host_dir(host), host, "restore")


def _check_path(context: Context, path: str) -> None:
    """Refuse what is no path below the web root, or is asked for together with other parts."""
    from ungcuu.core.errors import UsageFault

    wrong = ""
    if path.startswith("/") or any(piece in ("", ".", "..") for piece in path.split("/")):
        wrong = _("--path takes a file or folder below the web root, not {path}.").format(path=ascii(path))
    elif context.options["only"] or context.options["to"]:
        wrong = _("--path restores only that file or folder: it can't be combined with --only or --to.")
    if wrong:
        example = f"ungcuu restore {context.names[0]} --path wp-content/uploads/2026/07/bao-cao.pdf"
        raise UsageFault(wrong, _("Nothing was changed."), example)


def _check_machine(context: Context, machine: str) -> None:
    """Refuse a machine that is not in the inventory, or is a website itself: what stands there is replaced."""
    from ungcuu.core.errors import Refused, UsageFault

    if len(context.hosts) != 1:
        raise UsageFault(
            _("--to takes one website at a time."), _("Nothing was changed."), f"ungcuu restore WEB01 --to {machine}"
        )
    if context.website:
        raise Refused(
            _("--to can't take one of several websites of a host yet."),
            _("Nothing was changed."),
            f"ungcuu restore {context.names[0]}",
        )
    context.site.variables(machine)  # an unknown host is reported, with those that are known
    if machine in context.site.groups.get("website", ()):
        raise Refused(
            _("{host} is a website host: its website would be replaced.").format(host=machine),
            _("Nothing was changed."),
            f"ungcuu restore {context.names[0]} --to SPARE",
        )


def _first_sign(context: Context) -> str:
    """The time that was given, else the one that the host's open case knows."""
    from ungcuu.case.case import current

    if context.options["first_sign"]:
        return str(context.options["first_sign"])
    case = current(context.settings, context.host)
    return case.facts.first_sign if case else ""


def _of_run(context: Context) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the playbook's variables, and the clean machine where one is named."""
    variables, machine = dict(_variables(context.options)), context.options["to"]
    if context.options["clean"]:
        variables["website_restore_before"] = _first_sign(context)
    if context.options["allow_suspect"]:
        variables["website_restore_allow_suspect"] = context.reason
    if context.options["accept"]:
        variables["website_restore_accept"] = dict.fromkeys(context.options["accept"], context.reason)
    if machine:
        variables["restore_to"] = machine
    return variables, (str(machine),) if machine else ()


def _plan_details(context: Context) -> Mapping[str, object]:
    """Ask vault and host what a run would change, and with which restore point; nothing is changed."""
    from ungcuu.run import foretold

    variables, others = _of_run(context)
    return foretold.changes(context, variables, with_hosts=others)


def _run(context: Context) -> Result:
    """Run the playbook, on the clean machine too where one is named, and show what came of it."""
    from ungcuu.recover.restore_points import drill_data
    from ungcuu.run import locks
    from ungcuu.run.failures import problem_of

    variables, others = _of_run(context)
    for host in context.hosts:
        context.record("change", drill_data(context.settings.host_dir(context.name_of(host))), host)
    with locks.hold(context.settings, others, context.verb.name, context.reason):
        result = context.run_playbook("restore", variables, (*context.hosts, *others))
    _show_passed_over(context)
    _show_judged(context)
    problem = problem_of(context.verb.name, False, result)
    if problem is not None:
        raise problem
    return _summary(context)


def _show_passed_over(context: Context) -> None:
    """Say why each newer point was not taken."""
    from ungcuu.core.sentences import shown

    for data in _changes(context, Change.CHOOSE_POINT):
        rows = data.get("passed_over")
        for row in rows if isinstance(rows, list) else ():
            point, time, reason = str(row.get("id", "")), row.get("time", ""), shown(row.get("reason") or "")
            context.out.line(
                _("passed over: {point} of {time}: {reason}").format(point=point[:8], time=time, reason=reason)
            )


def _show_judged(context: Context) -> None:
    """Say how the point was judged that was taken, or refused."""
    from ungcuu.recover.point_verdict import code_verdict, completeness

    for data in _changes(context, Change.CHOOSE_POINT):
        try:
            verdict, whole = code_verdict(data), completeness(data)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        for text in filter(None, (whole.words(), whole.acceptance(), verdict.words())):
            words = _("restore point {point} of {time}: {text}")
            message = words.format(point=str(data.get("point"))[:8], time=data.get("time"), text=text)
            context.out.line(message, "" if verdict.clean else "warn")
        for one in verdict.suspects[3:]:
            context.out.line(f"  {one.words()}", "warn")


def _summary(context: Context) -> Result:
    """Report what came back, what was kept, and what was written since."""
    lines, done = [], _changes(context, "restore")
    for data in done:
        since, kept = _mapping(data.get("written_since")), _mapping(data.get("kept"))
        words = _(
            "{host}: as it was at {time}; what was live is kept in {kept}; written since: {files} files, {rows} rows"
        )
        rows = since.get("rows") if isinstance(since.get("rows"), list) else []
        lines.append(
            words.format(
                host=data.get("host"),
                time=_mapping(data.get("point")).get("time"),
                kept=kept.get("folder"),
                files=since.get("files_total", 0),
                rows=sum(int(row.get("lost") or 0) for row in rows or ()),
            )
        )
        if data.get("as_before"):
            words = _("{host}: the page fails as it did before the restore: {why}. Restore what else is missing.")
            lines.append(words.format(host=data.get("host"), why=data.get("as_before")))
    return Result(message="\n".join(lines), data={"restores": done})


def _changes(context: Context, action: str) -> list[Mapping[str, Any]]:
    known = [_mapping(record["data"]) for record in context.records if record["kind"] == "change"]
    return [data for data in known if data.get("action") == action]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


VERB = Verb(
    name="restore",
    phase=Phase.RECOVER,
    websites=Websites.ONE,
    summary=N_("Restore the website from the vault; the live version is kept"),
    description=N_(
        "The restore point is staged beside the live website, checked (nothing missing, no link out of the web root, "
        "no program among uploads, PHP syntax, the database in a scratch schema), swapped in, and swapped back if the "
        "page then fails. A point whose code is suspect is refused. Works while the host is isolated."
    ),
    playbook="restore",
    dangerous=True,
    options=(
        Option("--at", N_("restore point: id, time in UTC, or latest"), default="latest", metavar="ID|TIME"),
        Option(
            "--clean",
            N_("newest point older than the first sign that is whole and whose code is clean"),
            kind="flag",
        ),
        Option(
            "--allow-suspect",
            N_("restore a point although its code is suspect; needs --reason, which is recorded"),
            kind="flag",
        ),
        Option(
            "--accept",
            N_("restore although this check of what is staged fails (repeatable); needs --reason, which is recorded"),
            kind="choice",
            choices=_CHECKS,
            multiple=True,
        ),
        Option("--first-sign", N_("first sign of compromise, in UTC; the open case's by default"), metavar="TIME"),
        Option("--to", N_("restore on this clean machine instead; the host itself stays as it is"), metavar="HOST"),
        Option("--path", N_("restore this file or folder below the web root, and nothing else"), metavar="PATH"),
        Option("--only", N_("restore this part only (repeatable)"), kind="choice", choices=_PARTS, multiple=True),
    ),
    variables=_variables,
    check=_check,
    preflight=_preflight,
    plan_details=_plan_details,
    run=_run,
    inverse="ungcuu-site undo (on {host}, with the id that the run reports)",
    deadline=6 * 3600.0,
    examples=(
        "ungcuu restore web01",
        "ungcuu restore web01 --clean",
        "ungcuu restore web01 --at 4e3a0bd1 --only database",
        "ungcuu restore web01 --path wp-content/uploads/2026/07/bao-cao.pdf",
        "ungcuu restore web01 --to spare01",
    ),
)
