"""What harden and audit share: the roles that harden, and their tests."""

from __future__ import annotations

from ungcuu.core.settings import Settings
from ungcuu.run.plan import playbook_roles

PLAYBOOK = "harden"


def tested_roles(settings: Settings) -> tuple[str, ...]:
    """Return the roles of the harden playbook that bring tests."""
    roles = dict.fromkeys(role for _, role in playbook_roles(settings.content, PLAYBOOK))
    return tuple(role for role in roles if any((settings.roles / role / "tests").glob("test_*.py")))
