"""`patch`: security updates with a plan before, the packages before kept, and a rollback when the website fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ungcuu.core.errors import Outcome
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.run.runner import RunResult


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    """Return the role's variables for these options; the inventory and the role's defaults stand for the rest."""
    given: dict[str, object] = {}
    for option, variable in (
        ("all", "patching_all"),
        ("urgent", "patching_urgent"),
        ("rollback", "patching_rollback"),
        ("debsecan", "patching_debsecan_file"),
        ("backup_hours", "patching_backup_max_age_hours"),
    ):
        value = options.get(option)
        if value is not None and value is not False and value != "":  # 0 hours is an answer
            given[variable] = str(value) if option == "debsecan" else value
    return given


def _plan_details(context: Context) -> Mapping[str, object]:
    """Ask each host what would change. The look is read-only: package lists go to a folder that is removed again."""
    from ungcuu.prepare import patch_view
    from ungcuu.run import foretold

    asked = foretold.ask(context, _variables(context.options))
    found: dict[str, object] = {}
    for host in context.hosts:
        plan = patch_view.find(_records(asked.result, host), "patch_plan")
        if plan is not None:
            found |= patch_view.details(host, plan)
    for host in context.hosts:
        if host in context.site.groups.get("website", ()):
            found |= _parts(context, host)
    return found | asked.details(whole=bool(context.settings.verbosity))


def _parts(context: Context, host: str) -> dict[str, object]:
    """Return the parts of the website's application, as rows; a silent host says why it gives none."""
    from ungcuu.core.errors import Unreachable
    from ungcuu.prepare import components

    title = _("{host}: parts of the application").format(host=host)
    try:
        parts = components.read(context.target(host), context.site.variables(host), context.site.inventory)
    except Unreachable as error:
        return {title: [error.what]}
    about = _("{host}: known vulnerabilities of the application").format(host=host)
    lines = [parts.advisories, *(_("not looked at: {what}").format(what=text) for text in parts.left)]
    return ({title: [part.row() for part in parts.parts]} if parts.parts else {}) | {about: lines}


def _records(result: RunResult, host: str) -> list[Mapping[str, Any]]:
    return [dict(record) for record in result.data_of("snapshot", host)]


def _after(context: Context, result: RunResult) -> Result | None:
    """Sum up what was closed and what is still open; a run that stopped is reported by its own error."""
    from ungcuu.prepare import patch_view
    from ungcuu.recover.restore_points import newest, proven
    from ungcuu.report.backups import drill

    if result.outcome is not Outcome.DONE:
        return None
    lines: list[str] = []
    patched: dict[str, object] = {}
    for host in context.hosts:
        found = patch_view.find(_records(result, host), "patch_result")
        if found is not None:
            restore = drill(proven(context.settings.host_dir(host)))
            patched[host] = {**found, "restore_drill": restore}
            lines += [*patch_view.summary(host, found), f"  {restore}"]
            point = newest(context.settings.host_dir(host))
            if point is not None and point.doubtful:
                lines += [f"  ! {point.short}: {text}" for text in point.judged()]
    if context.options.get("rollback"):
        lines.append(_("The earlier packages are back."))
    return Result(Outcome.DONE, "\n".join(lines), {"patched": patched})


VERB = Verb(
    name="patch",
    phase=Phase.PREPARE,
    summary=N_("Apply security updates; keep the earlier packages, and roll back if the website fails"),
    description=N_(
        "--plan asks the hosts and shows packages, versions, the CVEs that each closes, restarts, reboot and download. "
        "The upgrade runs on the host as its own unit: a lost connection neither stops it nor starts it twice, and "
        "the same command follows it to its end. Several hosts: the first alone, then in batches; one that fails "
        "stops the rest."
    ),
    playbook="patch",
    options=(
        Option("--all", N_("Everything that apt offers, not security updates alone"), kind="flag", default=False),
        Option("--urgent", N_("Upgrade now, regardless of maintenance window and freeze"), kind="flag", default=False),
        Option("--rollback", N_("Roll back to the packages before this run (its id, or: last)"), metavar="RUN"),
        Option("--debsecan", N_("debsecan's data for the release: report what is still open"), kind="path"),
        Option(
            "--backup-hours",
            N_("Maximum age of the backup; an older one is renewed first"),
            kind="int",
            metavar="HOURS",
        ),
    ),
    variables=_variables,
    plan_details=_plan_details,
    after=_after,
    inverse="ungcuu patch {host} --rollback last",
    deadline=4 * 3600.0,
    unit="ungcuu-patch.service",
    examples=(
        "ungcuu patch web01 --plan",
        "ungcuu patch website",
        "ungcuu patch web01 --urgent --reason 'CVE in nginx, exploited'",
        "ungcuu patch web01 --rollback last",
    ),
)
