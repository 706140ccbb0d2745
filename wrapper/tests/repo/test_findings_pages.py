"""The pages on findings and implants say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import implants_page

from ungcuu.detect.advice import ADVICE
from ungcuu.detect.findings import RULES

ROOT = Path(__file__).parents[3]


def test_the_page_of_implants_is_in_step() -> None:
    """Who reads that an implant is found must be able to find the test that plants it."""
    there = implants_page.PAGE.read_text("utf-8")
    assert there == implants_page.page(), "run: python wrapper/tests/tools/implants_page.py update"
    assert sum(len(rows) for rows in implants_page.GROUPS.values()) == len(implants_page.implants.IMPLANTS) >= 40


def test_every_rule_stands_on_the_page_of_findings() -> None:
    """A rule without a line there is a finding that nobody can look up; a line without a rule promises too much."""
    text = (ROOT / "docs/reference/findings.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z]+\.[a-z-]+)` \|", text, re.MULTILINE)) == set(RULES)


def test_every_advice_stands_on_the_page_of_findings() -> None:
    """What helps is looked up there when the screen is gone."""
    text = (ROOT / "docs/reference/findings.md").read_text("utf-8")
    assert [advice.text for advice in ADVICE.values() if advice.text not in text] == []
