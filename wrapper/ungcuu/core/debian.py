"""The releases of Debian that ungcuu knows: number → name, as in `/etc/os-release` and in the archive."""

from __future__ import annotations

from collections.abc import Mapping

SUPPORTED = ("12", "13")
DEFAULT = SUPPORTED[0]  # of the lab
CODENAMES: Mapping[str, str] = {"12": "bookworm", "13": "trixie", "14": "forky"}
