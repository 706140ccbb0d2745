"""`accept-point`: a person's word, with a reason, that a restore point is right as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ungcuu.core.errors import Outcome
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Argument, Context, Hosts, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


def _variables(options: Mapping[str, Any]) -> Mapping[str, object]:
    return {"website_backup_accept_point": options["point"], "website_backup_accept_path": options["path"] or ""}


def _check(context: Context) -> None:
    """Refuse what names no point, or gives no reason."""
    import re

    from ungcuu.core.errors import UsageFault

    again = f"ungcuu accept-point {context.names[0]} 4e3a0bd1 --reason '…'"
    if not re.fullmatch(r"[0-9a-f]{8,64}", str(context.options["point"])):
        raise UsageFault(
            _("A restore point is named by its id, eight characters or more."), _("Nothing was changed."), again
        )
    if not context.reason.strip():
        raise UsageFault(_("A reason is needed to accept a restore point."), _("Nothing was changed."), again)


def _before(context: Context) -> Mapping[str, object]:
    return {
        "website_backup_accept_reason": context.reason,
        "website_backup_accept_by": context.settings.operator,
    }


def _after(context: Context, result: RunResult) -> Result | None:
    """Show how the point is judged now."""
    from ungcuu.recover.restore_points import load

    if result.outcome is not Outcome.DONE:
        return None
    wanted = str(context.options["point"])
    known = [point for point in load(context.settings.host_dir(context.names[0])) if point.id.startswith(wanted)]
    lines = [f"{context.names[0]}: {point.short}: {text}" for point in known for text in point.judged()]
    return Result(message="\n".join(lines), data={"restore_points": [point.as_data() for point in known]})


VERB = Verb(
    name="accept-point",
    phase=Phase.PREPARE,
    websites=Websites.ONE,
    summary=N_("Accept a restore point that is smaller than before, or whose code is suspect, with a reason"),
    description=N_(
        "For a clean-up or an update that a person knows of. The vault keeps who, when and why; later points are "
        "measured by this one, and the accepted files, exactly as they are, are not called suspect again. After an "
        "update a new baseline does the same. Nothing is changed on the host."
    ),
    playbook="accept_point",
    hosts=Hosts.ONE,
    arguments=(Argument("point"),),
    options=(
        Option("--path", N_("accept this one suspect file below the web root, and nothing else"), metavar="PATH"),
    ),
    variables=_variables,
    check=_check,
    before=_before,
    after=_after,
    examples=(
        "ungcuu accept-point web01 4e3a0bd1 --reason 'old uploads were archived'",
        "ungcuu accept-point web01 4e3a0bd1 --path wp-content/mu-plugins/seo.php --reason 'our own plugin'",
    ),
)
