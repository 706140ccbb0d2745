"""The website, asked on the host the way a visitor asks."""

from __future__ import annotations

import pytest


def test_health_page_answers(site, request):
    """A score or a green run means nothing while the site is dead: the site's own answer comes first."""
    if "website_name" not in site:
        pytest.skip("this host has no website")
    answer = request.getfixturevalue("visitor").page(tries=3, pause=2)
    assert answer["passed"], answer
