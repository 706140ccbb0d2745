"""The conformance suite: each site, really installed, taken from `init` to its return to service after an incident.

One site a day in the ordinary run, all of them in the night and by `./check conformance`. Each leaves its row of
docs/reference/conformance.md as JSON in `.check/conformance`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from conformance.course import Course, Ungcuu
from conformance.site import stacks

from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
STACKS = stacks()
TODAY = sorted(STACKS)[date.today().toordinal() % len(STACKS)]
SITES = [pytest.param(name, marks=[] if name == TODAY else [pytest.mark.nightly]) for name in sorted(STACKS)]


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("name", SITES)
def test_a_site_is_protected_attacked_and_returned(
    name: str,
    fresh: Callable[..., Lab],
    ungcuu_on: Callable[[str | Path], Ungcuu],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every step ends well, nothing on a stock site has to be accepted, every plant is found, every row comes back."""
    stack = STACKS[name]
    lab = fresh(stack.host, "vault01")
    monkeypatch.setenv("UNGCUU_STATE", str(tmp_path / "state"))  # another site was on this host before
    (tmp_path / "state").mkdir(mode=0o700)
    record = Course(lab, stack, tmp_path / "inventory", ungcuu_on).play()
    record.write(Path(os.environ.get("UNGCUU_CONFORMANCE", ROOT / ".check" / "conformance")))
    assert record.failed == []
