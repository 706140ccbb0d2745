"""``ungcuu reassess HOST``: the gate before the return to service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ungcuu.core.errors import NotVerified, Outcome
from ungcuu.core.i18n import N_, _, ngettext
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    """Return the role's variables for these options."""
    given: dict[str, object] = {"reassessment_entry_closed": str(options["entry_closed"])}
    if looked := options.get("application_checked"):
        given["reassessment_application_checked"] = str(looked)
    roles = options.get("role")
    if isinstance(roles, tuple | list) and roles:
        given["reassessment_roles"] = list(roles)
    return given


def _before(ctx: Context) -> Mapping[str, object]:
    """Name the person who says that the way in is closed."""
    return {"reassessment_by": ctx.settings.operator}


def _preflight(ctx: Context) -> None:
    """Refuse a baseline that somebody changed before the host is touched."""
    from ungcuu.detect.baseline import check_signature

    check_signature(ctx.settings.state, ctx.names)


def _after(ctx: Context, result: RunResult) -> Result | None:
    """Report what is left.

    Raises:
        NotVerified: The host is not clean.
    """
    from ungcuu.contain.endings import Reassessed
    from ungcuu.core.sentences import shown

    records = result.data_of("reassessment")
    if not records:
        return None
    record = records[-1]
    left = record.get("left")
    left = left if isinstance(left, list | tuple) else []
    data = {"reassessment": dict(record)}
    excused = _show_excused(ctx, record)
    if record.get("outcome") == Reassessed.CLEAN and result.outcome is Outcome.DONE:
        message = _("The host is clean and may be released.")
        if excused:
            message = ngettext(
                "{count} finding did not count, because a person called it a false alarm; nothing else is left. "
                "The host may be released.",
                "{count} findings did not count, because a person called them false alarms; nothing else is left. "
                "The host may be released.",
                excused,
            ).format(count=excused)
        return Result(message=message, data=data)
    if not left and record.get("root_lost"):
        raise _root_lost(ctx, record)
    for item in left:
        ctx.out.line(_("left: {what}").format(what=shown(item)), "bad")
    total = record.get("left_total")
    count = total if isinstance(total, int) else len(left)
    if count > len(left):
        ctx.out.line(_("… and {count} more in {file}").format(count=count - len(left), file="reassessment.json"))
    raise NotVerified(
        ngettext(
            "{host} is not clean: {count} thing is left.", "{host} is not clean: {count} things are left.", count
        ).format(host=ctx.names[0], count=count),
        _("It stays as it is; release refuses it."),
        _("Fix what is left, then: ungcuu reassess {host} --entry-closed TEXT").format(host=ctx.names[0]),
    )


def _show_excused(ctx: Context, record: Mapping[str, object]) -> int:
    """Show each finding that did not count, with who said so and why; return how many there are."""
    rows = record.get("excused")
    known = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list | tuple) else []
    for row in known:
        words = _("did not count: {severity} {rule}: {path}; {by} called it a false alarm: {reason}")
        names = ("severity", "rule", "path", "by", "reason")
        shown = words.format(**{name: str(row.get(name) or "–") for name in names})
        ctx.out.line(shown, "bad" if row.get("severity") == "critical" else "warn")
    return len(known)


def _root_lost(ctx: Context, record: Mapping[str, object]) -> NotVerified:
    """Nothing more was found, and that proves nothing."""
    lost = record.get("root_lost")
    found = lost.get("findings") if isinstance(lost, Mapping) else None
    for item in found if isinstance(found, list | tuple) else ():
        ctx.out.line(_("root was lost: {what}").format(what=item), "bad")
    return NotVerified(
        _("Nothing more was found on {host}, but root was lost: a scan can't prove that nothing is hidden.").format(
            host=ctx.host
        ),
        _("It stays as it is; release refuses it."),
        _("Reinstall {host} from clean media, then: ungcuu enrol {host}, ungcuu rebuild {host}").format(
            host=ctx.names[0]
        ),
    )


VERB = Verb(
    name="reassess",
    phase=Phase.RECOVER,
    websites=Websites.EACH,
    summary=N_("Check whether a host may return to service: scan clean, checks passed, the way in closed"),
    description=N_(
        "A new scan must find nothing of severity medium or above, but for what a person called a false alarm in the "
        "case and that has not changed since (each is shown, with who and why); the tests of the roles must pass, and "
        "a person must say what the way in was and how it was closed. The signed record is what release demands; it is "
        "valid for 24 hours. Where root was lost only a rebuild makes the host fit. Nothing is changed on the host."
    ),
    playbook="reassess",
    hosts=Hosts.ONE,
    options=(
        Option(
            "--entry-closed",
            N_("What the way in was and how it was closed, in a person's words"),
            required=True,
            metavar="TEXT",
        ),
        Option(
            "--application-checked",
            N_("What you saw in the application's data that no scan reads; needed where a scan names such data"),
            metavar="TEXT",
        ),
        Option("--role", N_("Only this role's tests; may be given again"), metavar="ROLE", multiple=True),
    ),
    variables=_variables,
    before=_before,
    preflight=_preflight,
    after=_after,
    deadline=1800.0,
    examples=('ungcuu reassess web01 --entry-closed "The upload form without login was removed"',),
)
