"""Where a restore stands: one small file a restore, replaced after each step, so that a second request can go on."""

from __future__ import annotations

import json
from typing import Any

from ungcuu_site.common import RESTORE_AREA, RefusedError


def load(identity: str) -> dict[str, Any]:
    """The restore's state.

    Raises:
        RefusedError: this host knows no such restore.
    """
    try:
        document: dict[str, Any] = json.loads((RESTORE_AREA / identity / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RefusedError(f"this host knows no restore {identity}") from None
    return document
