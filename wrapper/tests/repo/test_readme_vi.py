"""README.vi.md is kept in step with README.md: the same sections, commands, code blocks and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ENGLISH = (ROOT / "README.md").read_text("utf-8")
VIETNAMESE = (ROOT / "README.vi.md").read_text("utf-8")


def blocks(text: str) -> list[str]:
    return re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """What the table of verbs says to type, row by row."""
    rows = [line.split("|") for line in text.splitlines() if line.startswith("|") and "`ungcuu " in line]
    return [row[2].strip() for row in rows]


def names(text: str) -> set[str]:
    """Everything set in code, outside of the blocks: options, files, variables."""
    return set(re.findall(r"`([^`\n]+)`", prose(text)))


def test_the_code_blocks_are_the_same() -> None:
    assert blocks(VIETNAMESE) == blocks(ENGLISH)


def test_the_table_says_the_same_commands_in_the_same_order() -> None:
    assert commands(VIETNAMESE) == commands(ENGLISH)
    assert len(commands(ENGLISH)) > 20


def test_both_have_as_many_sections() -> None:
    count = [len(re.findall(r"^##? ", prose(text), re.MULTILINE)) for text in (ENGLISH, VIETNAMESE)]
    assert count[0] == count[1]


def test_every_name_of_the_english_text_stands_in_the_vietnamese_one() -> None:
    assert names(ENGLISH) - names(VIETNAMESE) == set()


@pytest.mark.parametrize("name", ["README.md", "README.vi.md", "SECURITY.md", "CONTRIBUTING.md"])
def test_every_link_leads_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)\)", (ROOT / name).read_text("utf-8"))
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
