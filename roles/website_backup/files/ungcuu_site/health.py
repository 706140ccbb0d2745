"""Ask the website as a visitor would, until its page is healthy: see ungcuu/remote/page.py for what that means."""

from __future__ import annotations

import time
from typing import Any

from ungcuu.remote import page
from ungcuu_site.common import RefusedError

# The first page after a restore or a restart fills caches, and takes longer than any page afterwards: what has not
# answered yet is given more time than what answers wrongly.
_ASK_SECONDS = 30
_SLOW_SECONDS = 60


def works(site: dict[str, Any]) -> bool:
    """Whether the page is right now; asked once."""
    return page.healthy(page.look(_question(site)))


def wait_for(site: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Ask until the page is right.

    Raises:
        RefusedError: it was not right within `seconds`, or did not answer within a minute more; with the last answer.
    """
    asked = _question(site)
    begun = time.monotonic()
    while True:
        seen = page.look(asked)
        if page.healthy(seen):
            return {"status": seen["status"], "text": True, "secure": seen["scheme"] == "https"}
        late = seen["error"] == "timeout"
        if time.monotonic() - begun > seconds + (_SLOW_SECONDS if late else 0):
            said = "does not answer in time" if late else f"answers {seen['status']}"
            raise RefusedError(f"{site['health_path']} {said}, its text {'is' if seen['found'] else 'is not'} there")
        time.sleep(0.5)


def _question(site: dict[str, Any]) -> dict[str, Any]:
    asked = {"name": site["name"], "path": site["health_path"], "text": site["health_text"], "timeout": _ASK_SECONDS}
    return asked | {"ports": site.get("ports") or []}
