"""What harden and audit share: the roles that harden, and their tests."""

from __future__ import annotations

from collections.abc import Iterable

from ungcuu.core.settings import Settings
from ungcuu.run.plan import playbook_roles

PLAYBOOK = "harden"
WEBSITE_PLAYBOOK = "harden_website"  # of one of several websites of a host
# Their tests ask about the host, and for what one website's application or code needs of it.
_OF_BOTH = frozenset({"audit_logging", "login_guard", "web_application_firewall"})


def tested_roles(settings: Settings, playbook: str = PLAYBOOK) -> tuple[str, ...]:
    """Return the roles of a playbook that hardens which bring tests."""
    roles = dict.fromkeys(role for _, role in playbook_roles(settings.content, playbook))
    return tuple(role for role in roles if any((settings.roles / role / "tests").glob("test_*.py")))


def of_host_alone(settings: Settings, roles: Iterable[str]) -> tuple[str, ...]:
    """Return those of the roles whose tests say the same for each website of a host."""
    of_website = {role for _, role in playbook_roles(settings.content, WEBSITE_PLAYBOOK)} | _OF_BOTH
    return tuple(role for role in roles if role not in of_website)
