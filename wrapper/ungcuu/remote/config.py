"""What the controller asks of a program; set again for each run by :mod:`ungcuu.hosts.remote_program`."""

from typing import Any

CONFIG: dict[str, Any] = {}
