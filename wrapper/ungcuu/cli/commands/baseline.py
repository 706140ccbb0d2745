"""``ungcuu baseline HOST``: sign the known-good state of a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ungcuu.core.errors import Outcome
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.run.runner import RunResult


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    """Return the role's variables for these options."""
    return {"host_state_accept_findings": True} if options["accept_findings"] else {}


def _preflight(ctx: Context) -> None:
    """Refuse a baseline that somebody changed before the host is touched."""
    from ungcuu.detect.baseline import check_signature

    check_signature(ctx.settings.state, ctx.hosts)


def _after(ctx: Context, result: RunResult) -> Result | None:
    """Say whether the host's state is a new one, and what of the application it does not hold."""
    from ungcuu.cli.commands.scan import show_unread

    if result.outcome is not Outcome.DONE:
        return None
    signed = [row for row in result.data_of("change") if row.get("what") == "baseline"]
    for row in signed:
        show_unread(ctx, row.get("host"), row)
    changed = any(row.get("changed") for row in signed)
    text = _("The baseline was signed.") if changed else _("The host is as the signed baseline says.")
    return Result(message=text, data={"baseline_changed": changed})


VERB = Verb(
    name="baseline",
    phase=Phase.PREPARE,
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
