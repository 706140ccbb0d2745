"""``ungcuu baseline HOST``: sign the known-good state of a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ungcuu.core.errors import Outcome, Refused
from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import Change
from ungcuu.run.verb import Context, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.run.runner import RunResult


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    """Return the role's variables for these options."""
    return {"host_state_accept_findings": True} if options["accept_findings"] else {}


def _preflight(ctx: Context) -> None:
    """Refuse a baseline that somebody changed before the host is touched."""
    from ungcuu.detect.baseline import check_signature

    check_signature(ctx.settings.state, ctx.names)


def _after(ctx: Context, result: RunResult) -> Result | None:
    """Say whether the host's state is a new one, and what of the application it does not hold.

    Raises:
        Refused: A host shows signs of an intruder; says how a person who has checked them signs all the same.
    """
    from ungcuu.cli.commands.scan import show_unread

    if result.outcome is not Outcome.DONE:
        _refuse_doubts(ctx, result)
        return None
    signed = [row for row in result.data_of("change") if row.get("what") == Change.BASELINE]
    for row in signed:
        show_unread(ctx, row.get("host"), row)
    changed = any(row.get("changed") for row in signed)
    text = _("The baseline was signed.") if changed else _("The host is as the signed baseline says.")
    return Result(message=text, data={"baseline_changed": changed})


def _refuse_doubts(ctx: Context, result: RunResult) -> None:
    """Name the signs of an intruder, and the option for those that a person has found to be legitimate."""
    for host in ctx.hosts:
        found = result.data_of("finding", host)
        if not found or ctx.options["accept_findings"]:
            continue
        shown = "; ".join(" ".join(str(row.get(name)) for name in ("severity", "rule", "path")) for row in found[:5])
        more = f" (+{len(found) - 5})" if len(found) > 5 else ""
        raise Refused(
            _("No baseline was signed: {host} shows signs of an intruder: {found}").format(
                host=host, found=shown + more
            ),
            _("Nothing was changed."),
            _(
                "Answer them (scan shows all). If a person has found every one to be legitimate: "
                "ungcuu baseline {host} --accept-findings --reason TEXT"
            ).format(host=host),
        )


VERB = Verb(
    name="baseline",
    phase=Phase.PREPARE,
    websites=Websites.EACH,
    summary=N_("Record and sign the known-good state of a host"),
    description=N_(
        "Files of the website, configuration, programs, packages, accounts, SSH keys, units, scheduled work, "
        "listeners, setuid files, and the application's administrators. Nothing is written on the host. A host that "
        "shows signs of an intruder is refused. Take a new one after harden, patch and each approved change."
    ),
    playbook="baseline",
    options=(
        Option(
            "--accept-findings",
            N_("Sign although the host shows signs of an intruder: a person checked that they are legitimate"),
            kind="flag",
            default=False,
        ),
    ),
    variables=_variables,
    preflight=_preflight,
    after=_after,
    deadline=600.0,
    examples=("ungcuu baseline web01",),
)
