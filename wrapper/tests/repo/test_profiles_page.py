"""The page of profiles says what the profiles say."""

from __future__ import annotations

import profiles_page


def test_the_page_of_profiles_is_in_step() -> None:
    """Who reads there what ungcuu knows of an application relies on it in an incident."""
    there = profiles_page.PAGE.read_text("utf-8")
    assert there == profiles_page.page(), "run: python wrapper/tests/tools/profiles_page.py update"
