"""What harden and audit share: the roles that harden, their tests, and what a run would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ungcuu.core.errors import Outcome, UngcuuError
from ungcuu.core.settings import Settings
from ungcuu.run.plan import playbook_roles

if TYPE_CHECKING:
    from ungcuu.run.events import Report
    from ungcuu.run.verb import Context

PLAYBOOK = "harden"


def tested_roles(settings: Settings) -> tuple[str, ...]:
    """Return the roles of the harden playbook that bring tests."""
    roles = dict.fromkeys(role for _, role in playbook_roles(settings.content, PLAYBOOK))
    return tuple(role for role in roles if any((settings.roles / role / "tests").glob("test_*.py")))


def planned(ctx: Context, variables: Mapping[str, object]) -> Sequence[Report]:
    """Ask the hosts, in check mode, what a run would change and what it would leave alone. Nothing is changed.

    Raises:
        UngcuuError: The check could not be carried out, as a run would fail.
    """
    from ungcuu.run import runner
    from ungcuu.run.failures import problem_of

    result = runner.run(
        ctx.settings, ctx.site.inventory, PLAYBOOK, ctx.hosts, variables, deadline=ctx.verb.deadline, check=True
    )
    if result.outcome is not Outcome.DONE:
        raise problem_of(ctx.verb.name, True, result) or UngcuuError(f"{PLAYBOOK}: {result.message}")
    return result.reports
