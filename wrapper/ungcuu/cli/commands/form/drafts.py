"""`form plan`, `annual`, `drill`, `patch`, `audit`: letters on preparedness, drafted from what the records prove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.cli import papers
from ungcuu.core.errors import UsageFault
from ungcuu.core.i18n import _
from ungcuu.run.verb import Context, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from ungcuu.hosts.reporting_site import ReportingSite
    from ungcuu.report.forms import Form


def check_period(context: Context) -> None:
    """Refuse a year that no register has."""
    from ungcuu.cli.commands.register.reading import check_period

    check_period(context)


def plan(context: Context) -> Result:
    """Draft the report on how the plan is carried out; it counts as the summary that the plan asks for."""
    import hashlib
    from pathlib import Path

    from ungcuu.cli.commands.register.reading import operations, quarter_of, view_of
    from ungcuu.report.preparedness import plan_letters

    journal, quarter, view = operations(context), quarter_of(context), view_of(context)
    kept = _draft(
        context,
        lambda site: plan_letters.plan(site, view, quarter),
        quarter.name,
        lambda: plan_letters.warnings(view),
    )
    path = Path(str(kept.data["file"]))
    about = {"period": quarter.name, "file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    journal.append("register_report", {**about, "operator": context.settings.operator})
    return kept


def annual(context: Context) -> Result:
    """Draft the annual summary."""
    from ungcuu.cli.commands.register.reading import today, view_of
    from ungcuu.report.preparedness import plan_letters
    from ungcuu.report.preparedness.period import ReportingYear

    now = today()
    year = ReportingYear(context.options["year"] or now.year)
    if year.first > now:
        raise UsageFault(
            _("The reporting year {name} has not begun.").format(name=year.name),
            _("Nothing was written."),
            f"ungcuu form annual --year {now.year}",
        )
    view = view_of(context)
    return _draft(
        context,
        lambda site: plan_letters.annual(site, view, year),
        year.name,
        lambda: (plan_letters.annual_doubt(), *plan_letters.warnings(view)),
    )


def drill(context: Context) -> Result:
    """Draft the record of a drill."""
    from ungcuu.drill.simulation import described
    from ungcuu.report.preparedness import drill_letter

    played = drill_letter.find(context.settings, context.options["case_id"])
    variant = played.result.get("variant")
    names = variant if isinstance(variant, dict) else None
    return _draft(
        context,
        lambda site: drill_letter.drill(site, played, described(played.scenario, names)),
        played.case.replace("/", "-") or played.scenario,
        lambda: drill_letter.doubts(played),
        practice=True,
    )


def scenario(context: Context) -> Result:
    """Draft the response plan of a scenario."""
    from ungcuu.cli.deadlines_view import profiles_of
    from ungcuu.drill.scenario import load
    from ungcuu.report import response_plan

    known, profiles = load(context.options["scenario"]), profiles_of(context)
    return _draft(
        context,
        lambda site: response_plan.letter(known, site, profiles),
        known.id,
        lambda: response_plan.doubts(profiles),
    )


def patch(context: Context) -> Result:
    """Draft the report on security updates."""
    from ungcuu.cli.commands.register.reading import quarter_of, view_of
    from ungcuu.report.preparedness import work_letters

    quarter, view = quarter_of(context), view_of(context)
    hosts = tuple(dict.fromkeys(context.options["names"])) or view.scope.hosts
    if unknown := [host for host in hosts if host not in view.scope.hosts]:
        raise UsageFault(
            _("There is no website host {name}; there are: {known}").format(
                name=", ".join(unknown), known=", ".join(view.scope.hosts) or "–"
            ),
            _("Nothing was written."),
            "ungcuu form patch",
        )
    done = work_letters.patches(context.settings, view, hosts, quarter)
    return _draft(
        context,
        lambda site: work_letters.patch(site, view, quarter, hosts, done),
        quarter.name,
        lambda: work_letters.patch_doubts(view),
    )


def audit(context: Context) -> Result:
    """Draft the report on the newest audit of a host."""
    from ungcuu.cli.commands.register.reading import view_of
    from ungcuu.prepare import controls
    from ungcuu.recover.restore_points import known_backups
    from ungcuu.report import backups
    from ungcuu.report.preparedness import work_letters

    host, settings = context.options["name"], context.settings
    document = work_letters.load_audit(settings, host)
    place = work_letters.last_audit(view_of(context), host)
    catalogue = controls.load(settings.roles)

    def draft(site: ReportingSite) -> Form:
        held = backups.section([known_backups(host, settings.host_dir(host))])[0]
        return work_letters.audit(site, document, held, place, catalogue)

    return _draft(context, draft, host.replace("/", "-"), tuple)


def _draft(
    context: Context,
    draft: Callable[[ReportingSite], Form],
    about: str,
    doubts: Callable[[], tuple[str, ...]],
    *,
    practice: bool = False,
) -> Result:
    """Fill in a letter in its own language, whatever the screen speaks, and write it."""
    from ungcuu.cli.deadlines_view import site_of
    from ungcuu.core.i18n import in_language
    from ungcuu.report.letter import Frame, filled
    from ungcuu.report.preparedness.letters import recipient

    site, options = site_of(context), context.options
    with in_language(options["language"]):
        made = draft(site)
        to = (recipient(site, options["to"]),)
        frame = Frame(site, to, case=about, drill=practice, warnings=doubts())
        values = filled(made, frame)
    data = papers.letter(context, made.name, values)
    folder = context.settings.state / "documents"
    target = papers.target(context, folder, f"{made.name}-{about}.{options['format']}")
    return papers.letter_kept(context, made, target, data)
