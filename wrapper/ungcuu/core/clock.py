"""Times as records and signed documents carry them: UTC, ISO 8601 with milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

TIME_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")


def now() -> str:
    """The present in the form that records carry."""
    return format_time(datetime.now(UTC))


def format_time(moment: datetime) -> str:
    """An aware datetime as UTC, ISO 8601, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Inverse of :func:`format_time`.

    Raises:
        ValueError: not such a time.
    """
    if not TIME_FORM.match(text):
        raise ValueError(text)
    return datetime.fromisoformat(text)
