"""What a task changes, in the form in which ``ansible-playbook --diff`` shows it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def difference(header: str, before: Iterable[str], after: Iterable[str]) -> dict[str, Any]:
    """Return a result's ``diff``, a line each; nothing where both are the same."""
    old, new = ("".join(f"{line}\n" for line in lines) for lines in (before, after))
    if old == new:
        return {}
    return {"diff": {"before": old, "after": new, "before_header": header, "after_header": header}}
