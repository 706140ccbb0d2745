"""CONTRIBUTING.md says where a change goes: each path that it names is there, and ten tasks of a stranger are found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ")]
PATH = re.compile(r"`((?:wrapper|roles|playbooks|docs|inventory|molecule)/[^`\s]*)")

# What a stranger looks for, and a file that they must be led to.
TASKS = {
    "detector": "wrapper/ungcuu/detect/",
    "allow-list": "allowlist.py",
    "column of the report": "timeline.py",
    "option of a verb": "wrapper/ungcuu/cli/commands/<verb>.py",
    "backup holds or excludes": "roles/website_backup/files/ungcuu_site/save.py",
    "setting of sshd": "roles/<noun>_hardening/",
    "message in Vietnamese": "wrapper/ungcuu/locales/vi/LC_MESSAGES/ungcuu.po",
    "host or image of the lab": "hosts.py",
    "is resumed": "resume.py",
    "a form": "forms.py",
}


def test_every_path_that_it_names_is_there() -> None:
    """Seen failing with a module renamed."""
    named = sorted(set(PATH.findall(TEXT)))
    assert len(named) > 60, "the table has another form"
    assert [path for path in named if not list(ROOT.glob(re.sub(r"<[^>]+>", "*", path)))] == []


@pytest.mark.parametrize("words", TASKS)
def test_a_task_of_a_stranger_is_placed_by_one_row(words: str) -> None:
    first = next((row for row in ROWS if words in row.split("|")[1]), "")
    assert TASKS[words] in first, f"no row of CONTRIBUTING.md leads from “{words}” to {TASKS[words]}"


def test_readme_and_index_lead_there() -> None:
    for page in ("README.md", "docs/README.md"):
        assert "CONTRIBUTING.md)" in (ROOT / page).read_text("utf-8"), page
