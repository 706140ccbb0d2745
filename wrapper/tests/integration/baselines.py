"""Sign the state of a host that has findings of its own, each accepted by its id, as a person would."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]


def signed(ungcuu: Ungcuu, host: str) -> None:
    """Take a baseline; what stands in its way is accepted until tomorrow."""
    code, document, said = ungcuu("baseline", host, "--reason", "test")
    if ids := re.findall(r": ([0-9a-f]{16}) · ", said):
        until = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
        words = [word for one in ids for word in ("--accept", one)]
        code, document, said = ungcuu(
            "baseline", host, *words, "--owner", "test", "--until", until, "--reason", "the panel's own"
        )
    assert code == 0, json.dumps(document) + said[-2000:]
