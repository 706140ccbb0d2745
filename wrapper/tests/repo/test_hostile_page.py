"""The page of hostile replies says what was measured, and the suite leaves no verb and no playbook out."""

from __future__ import annotations

import hostile_page


def test_the_page_of_what_was_measured_is_in_step() -> None:
    """A cell that nobody measured would be a false word about a verb."""
    there = hostile_page.PAGE.read_text("utf-8")
    assert there == hostile_page.page(hostile_page.measured()), "run: python wrapper/tests/tools/hostile_page.py update"


def test_there_are_enough_liars() -> None:
    assert len(hostile_page.REPLIES) >= 40
    assert len(hostile_page.ACTIONS) >= 30
