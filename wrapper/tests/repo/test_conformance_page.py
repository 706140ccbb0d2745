"""The page of the conformance suite says what was measured, and every recipe can be read."""

from __future__ import annotations

import conformance_page


def test_the_page_of_what_was_measured_is_in_step() -> None:
    """A row that nobody measured would be a false word about an application."""
    there = conformance_page.PAGE.read_text("utf-8")
    wanted = conformance_page.page(conformance_page.measured())
    assert there == wanted, "run: python wrapper/tests/tools/conformance_page.py update"


def test_every_recipe_can_be_read_and_names_every_plant() -> None:
    """A recipe that says nothing of a plant would leave it out in silence."""
    for stack in conformance_page.stacks().values():
        assert set(stack.plants) | set(stack.impossible) == set(conformance_page.PLANTS), stack.name
