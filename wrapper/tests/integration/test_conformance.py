"""The conformance suite: each site, really installed, taken from `init` to its return to service after an incident.

One site a day in the ordinary run, of those that passed when they were last measured; all of them in the night and by
`./check conformance`. Each leaves its row of docs/reference/conformance.md as JSON in `.check/conformance`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from conformance.course import NOT_OFFERED, PASSED, Course, Ungcuu
from conformance.site import stacks

from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
STACKS = stacks()
MEASURED = Path(__file__).parent / "conformance" / "measured.json"


def chosen(today: date) -> str:
    """Return the site of the day; none where no site has passed yet, in one go."""
    measured = json.loads(MEASURED.read_text("utf-8"))
    passed = sorted(
        name
        for name, record in measured.items()
        if name in STACKS
        and not record.get("in_parts")
        and all(step["outcome"] in (PASSED, NOT_OFFERED) for step in record["steps"])
    )
    return passed[today.toordinal() % len(passed)] if passed else ""


SITES = [pytest.param(name, marks=[] if name == chosen(date.today()) else [pytest.mark.nightly]) for name in STACKS]


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
    if stack.missing:
        pytest.skip(stack.missing)
    lab = fresh(stack.host, "vault01")
    monkeypatch.setenv("UNGCUU_STATE", str(tmp_path / "state"))  # another site was on this host before
    (tmp_path / "state").mkdir(mode=0o700)
    record = Course(lab, stack, tmp_path / "inventory", ungcuu_on).play()
    record.write(Path(os.environ.get("UNGCUU_CONFORMANCE", ROOT / ".check" / "conformance")))
    assert record.failed == []
