"""`patch`: security updates with a plan before, the packages before kept, and a rollback when the website fails."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ungcuu.cli.options import VIA
from ungcuu.core.errors import Outcome
from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import Change
from ungcuu.run.verb import Context, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


_APPLICATION = "patch_application"
_UPDATE = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")  # an update of the application; a run of packages has no digest


def _playbook(options: Mapping[str, object]) -> str:
    """Return the playbook that is meant: the application's, or that of Debian's packages."""
    application = options.get("application") or _UPDATE.fullmatch(str(options.get("rollback") or ""))
    return _APPLICATION if application else "patch"


def _websites(options: Mapping[str, object]) -> Websites:
    """Return what is meant where a host has several websites: packages are the host's, an application one website's."""
    return Websites.ONE if _playbook(options) == _APPLICATION else Websites.WHOLE


def _check(context: Context) -> None:
    """Refuse options that belong to the other kind of patch, and an archive that is not there.

    Raises:
        UsageFault: They mean nothing together.
    """
    from pathlib import Path

    from ungcuu.core.errors import UsageFault

    options, wrong = context.options, ""
    packages = [name for name in ("all", "debsecan", "backup_hours") if options[name] not in (None, False, "")]
    application = [name for name in ("sha256", "accept_failing") if options[name]]
    if _playbook(options) == "patch" and application:
        wrong = _("--{option} is for --application.").format(option=application[0].replace("_", "-"))
    elif _playbook(options) != "patch" and packages:
        wrong = _("--{option} is for packages, not for the application.").format(option=packages[0].replace("_", "-"))
    elif options["application"] and options["rollback"]:
        wrong = _("--application and --rollback exclude each other.")
    elif options["sha256"] and not re.fullmatch(r"[0-9a-fA-F]{64}", str(options["sha256"])):
        wrong = _("--sha256 takes 64 hexadecimal digits.")
    elif options["application"] and not Path(str(options["application"])).is_file():
        wrong = _("There is no archive {path}.").format(path=options["application"])
    if wrong:
        example = f"ungcuu patch {context.host} --application wordpress-6.8.3.zip"
        raise UsageFault(wrong, _("Nothing was changed."), example)


def _preflight(context: Context) -> None:
    """Refuse an update of an application whose inventory lacks what a restore point of it needs."""
    from ungcuu.hosts import website_facts

    if _playbook(context.options) == _APPLICATION:
        website_facts.require(context.site, context.hosts, "restore")


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    """Return the role's variables for these options; the inventory and the role's defaults stand for the rest."""
    if _playbook(options) == _APPLICATION:
        return _of_application(options)
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


def _of_application(options: Mapping[str, object]) -> Mapping[str, object]:
    from pathlib import Path

    given: dict[str, object] = {}
    if options.get("application"):
        given["application_update_archive"] = str(Path(str(options["application"])).absolute())
    for option, variable in (
        ("sha256", "application_update_sha256"),
        ("rollback", "application_update_rollback"),
        ("urgent", "patching_urgent"),
        ("accept_failing", "website_probe_accept_failing"),
    ):
        if value := options.get(option):
            given[variable] = list(value) if isinstance(value, (list, tuple)) else value
    return given


def _plan_details(context: Context) -> Mapping[str, object]:
    """Ask each host what would change. The look is read-only: package lists go to a folder that is removed again."""
    from ungcuu.prepare import patch_view
    from ungcuu.run import foretold, website_runs

    asked = foretold.ask(context, _variables(context.options))
    found: dict[str, object] = {}
    for host in context.hosts:
        plan = patch_view.find(_records(asked.result, host), "patch_plan")
        if plan is not None:
            found |= patch_view.details(host, plan)
    for host in context.hosts:
        if host in context.site.groups.get("website", ()):
            with ExitStack() as stack:
                for one in website_runs.each_of(context, host, stack):
                    found |= _parts(one, host)
    return found | asked.details(whole=bool(context.settings.verbosity))


def _parts(context: Context, host: str) -> dict[str, object]:
    """Return the parts of the website's application, as rows; a silent host says why it gives none."""
    from ungcuu.core.errors import Unreachable
    from ungcuu.prepare import components

    name = context.name_of(host)
    title = _("{host}: parts of the application").format(host=name)
    try:
        parts = components.read(context.target(host), context.site.variables(host), context.site.inventory)
    except Unreachable as error:
        return {title: [error.what]}
    about = _("{host}: known vulnerabilities of the application").format(host=name)
    lines = [parts.advisories, *(_("not looked at: {what}").format(what=text) for text in parts.left)]
    return ({title: [part.row() for part in parts.parts]} if parts.parts else {}) | {about: lines}


def _records(result: RunResult, host: str) -> list[Mapping[str, Any]]:
    return [dict(record) for record in result.data_of("snapshot", host)]


def _after(context: Context, result: RunResult) -> Result | None:
    """Sum up what was closed and what is still open; a run that stopped is reported by its own error."""
    from ungcuu.hosts import websites
    from ungcuu.prepare import patch_view
    from ungcuu.recover.restore_points import newest, proven
    from ungcuu.report.backups import drill

    if result.outcome is not Outcome.DONE:
        return None
    if _playbook(context.options) == _APPLICATION:
        return _application_result(context, result)
    lines: list[str] = []
    patched: dict[str, object] = {}
    for host in context.hosts:
        found = patch_view.find(_records(result, host), "patch_result")
        if found is None:
            continue
        lines += patch_view.summary(host, found)
        names = [f"{host}/{website.name}" for website in websites.of_host(context.site, host)] or [host]
        restores = {name: drill(proven(context.settings.host_dir(name))) for name in names}
        patched[host] = {**found, "restore_drill": restores.get(host, restores)}
        for name in names:
            lines.append(f"  {restores[name]}" if name == host else f"  {name}: {restores[name]}")
            point = newest(context.settings.host_dir(name))
            if point is not None and point.doubtful:
                lines += [f"  ! {point.short}: {text}" for text in point.judged()]
    if context.options.get("rollback"):
        lines.append(_("The earlier packages are back."))
    return Result(Outcome.DONE, "\n".join(lines), {"patched": patched})


def _application_result(context: Context, result: RunResult) -> Result:
    """Say which versions stand there now, what the baseline knows of them, and what a way back left aside."""
    done: list[dict[str, object]] = []
    lines: list[str] = []
    for host in context.hosts:
        rows = [dict(row) for row in result.data_of("change", host)]
        done += rows
        for row in rows:
            if row.get("action") == Change.APPLICATION_UPDATE:
                words = _("{host}: the application was updated from {before} to {after}; undo: {command}")
                undo = f"ungcuu patch {host} --rollback {row['update']}"
                before = row.get("from") or "?"
                lines.append(words.format(host=host, before=before, after=row.get("to"), command=undo))
            elif row.get("action") == Change.APPLICATION_ROLLBACK:
                lines += _went_back(host, row)
        lines += renewal_lines(host, rows)
    return Result(Outcome.DONE, "\n".join(lines), {"application": done})


def _went_back(host: str, row: Mapping[str, Any]) -> list[str]:
    lines = [_("{host}: files and database are those from before the update.").format(host=host)]
    if row.get("kept_database"):
        words = _(
            "  the database as it was until now is kept as {name}; rows that are no longer live: {rows} tables differ"
        )
        lines.append(words.format(name=row["kept_database"], rows=len(row.get("rows") or ())))
    lines.append(_("  the baseline still knows the update's files: ungcuu baseline {host}").format(host=host))
    return lines


def renewal_lines(host: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what a renewed baseline took over, and what it did not."""
    lines = []
    for row in rows:
        if row.get("what") == Change.BASELINE_RENEWED:
            words = _("  baseline: {files} files of the release taken over, {removed} that are gone dropped")
            lines.append(words.format(files=row.get("files"), removed=row.get("removed")))
            if row.get("left"):
                names = ", ".join(map(str, row.get("differ") or ()))
                words = _("  not as the archive has them, so not taken over: {count} ({names})")
                lines.append(words.format(count=row["left"], names=names))
        elif row.get("what") == Change.BASELINE_NOT_RENEWED:
            known = _("there is none yet") if row.get("why") == "no-baseline" else row.get("why")
            lines.append(
                _("  the baseline was not renewed: {why}. Next: ungcuu baseline {host}").format(why=known, host=host)
            )
    return lines


VERB = Verb(
    name="patch",
    phase=Phase.PREPARE,
    websites=Websites.WHOLE,
    websites_for=_websites,
    summary=N_("Apply security updates; keep the earlier packages, and roll back if the website fails"),
    description=N_(
        "--plan asks the hosts and shows packages, versions, the CVEs that each closes, restarts, reboot and download. "
        "The upgrade runs on the host as its own unit: a lost connection neither stops it nor starts it twice, and "
        "the same command follows it to its end. Several hosts: the first alone, then in batches; one that fails "
        "stops the rest. With --application a release of the website's application is put in place: the archive is "
        "checked, the website is tried before and after, files and database go back where it gets worse, and the "
        "baseline is renewed for exactly the files of the archive."
    ),
    playbook="patch",
    playbook_for=_playbook,
    check=_check,
    preflight=_preflight,
    options=(
        Option("--all", N_("Everything that apt offers, not security updates alone"), kind="flag", default=False),
        Option("--urgent", N_("Upgrade now, regardless of maintenance window and freeze"), kind="flag", default=False),
        Option(
            "--rollback",
            N_("Roll back to the packages before this run (its id, or: last), or to before an application's update"),
            metavar="RUN",
        ),
        Option(
            "--application",
            N_("Put this release of the website's application in place (zip or tar), instead of packages"),
            kind="path",
            metavar="ARCHIVE",
        ),
        Option("--sha256", N_("SHA-256 that the archive must have, as its publisher states it"), metavar="HEX"),
        Option(
            "--accept-failing",
            N_("Update although this trial fails already (repeatable)"),
            multiple=True,
            metavar="TRIAL",
        ),
        Option("--debsecan", N_("debsecan's data for the release: report what is still open"), kind="path"),
        Option(
            "--backup-hours",
            N_("Maximum age of the backup; an older one is renewed first"),
            kind="int",
            metavar="HOURS",
        ),
        VIA,
    ),
    variables=_variables,
    plan_details=_plan_details,
    after=_after,
    inverse="ungcuu patch {host} --rollback last (of an application: the id that the run reports)",
    deadline=4 * 3600.0,
    unit="ungcuu-patch.service",
    examples=(
        "ungcuu patch web01 --plan",
        "ungcuu patch website",
        "ungcuu patch web01 --urgent --reason 'CVE in nginx, exploited'",
        "ungcuu patch web01 --rollback last",
        "ungcuu patch web01 --application wordpress-6.8.3.zip --sha256 HEX",
    ),
)
