"""The site's wishes are understood."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testinfra.host import Host

from ungcuu.prepare import controls

ROLES = Path(__file__).resolve().parents[2]


def test_every_override_names_a_control(host: Host, site: Mapping[str, Any]) -> None:
    """A misspelt control would be enforced although the site said audit."""
    states = controls.wanted(controls.load(ROLES), site)
    assert set(states.values()) <= set(controls.STATES)
