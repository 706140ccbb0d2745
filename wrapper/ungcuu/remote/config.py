"""What the controller asks of a program; set again for each run by :mod:`ungcuu.sent`."""

from typing import Any

CONFIG: dict[str, Any] = {}
