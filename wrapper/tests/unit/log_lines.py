"""Lines of an access log, as nginx writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC).timestamp()


BROWSER = "Mozilla/5.0"


HOME = "203.0.113.7"


EVIL = "198.51.100.66"


def line(target: str = "/", method: str = "GET", status: int = 200, size: int = 20_000, **more: Any) -> str:
    """A line as nginx writes it; ``at``: seconds after noon."""
    when = datetime.fromtimestamp(NOON + float(more.get("at", 0)), UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    agent = more.get("agent", BROWSER)
    return f'{more.get("who", EVIL)} - - [{when}] "{method} {target} HTTP/1.1" {status} {size} "-" "{agent}"'
