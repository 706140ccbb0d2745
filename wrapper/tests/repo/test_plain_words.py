"""Texts that people read use the field's words, so that a reader whose English is a second language can follow.

Read here: every message and step name, string literals of programs, playbooks, roles, templates and documentation.
Decisions and released sections of the CHANGELOG are history, and stay as they were written.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import catalogue
import pytest
import reference

ROOT = Path(__file__).resolve().parents[3]

INSTEAD = {
    r"mend(s|ed|ing)?": "fix, repair",
    r"tells?|told|telling": "report, show, say, state",
    r"of ours": "of ungcuu",
    r"for ever": "permanently",
    r"anew": "again",
}
BANNED = re.compile(rf"\b({'|'.join(INSTEAD)})\b", re.IGNORECASE)


def found_in(place: str, text: str) -> list[str]:
    lines = [(line, found[0]) for line in text.splitlines() if (found := BANNED.search(line))]
    return [f"{place}: “{word}” in: {line.strip()[:120]}" for line, word in lines]


def documents() -> Iterator[Path]:
    """Pages, role READMEs, YAML (names, messages, descriptions, comments) and templates."""
    yield from ROOT.glob("*.md")
    yield from (page for page in (ROOT / "docs").rglob("*.md") if "decisions" not in page.parts)
    yield from (ROOT / "playbooks").glob("*.yml")
    yield from (ROOT / "inventory").rglob("*.yml")
    for pattern in ("*.md", "*.yml", "*.j2", "*.sh"):
        yield from (ROOT / "roles").rglob(pattern)
    yield from (path for path in (catalogue.PACKAGE / "templates").iterdir() if path.suffix != ".docx")


def read(path: Path) -> str:
    """The text; of the CHANGELOG only what is not released yet."""
    text = path.read_text("utf-8")
    return text.partition("\n## ")[2].partition("\n## ")[0] if path.name == "CHANGELOG.md" else text


def literals(source: str) -> Iterator[str]:
    """Yield string literals of more than one word that are no docstring: what a program says to a person."""
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in documentation else None
        if isinstance(text, str) and " " in text.strip():
            yield text


def test_documents_and_roles_use_plain_words() -> None:
    paths = sorted(documents())
    assert len(paths) > 200, "the documents have moved"
    bad = [where for path in paths for where in found_in(path.relative_to(ROOT).as_posix(), read(path))]
    assert bad == [], f"write instead: {INSTEAD}"


def test_messages_and_help_use_plain_words() -> None:
    texts = [text for message in catalogue.messages() if message.id for text in _texts(message.id)]
    assert [bad for text in texts for bad in found_in("message", text)] == [], f"write instead: {INSTEAD}"
    assert found_in("--help", reference.HELP.read_text("utf-8")) == []


def test_what_programs_say_is_in_plain_words() -> None:
    programs = [*(ROOT / "wrapper/ungcuu").rglob("*.py"), *(ROOT / "roles").rglob("*.py")]
    assert len(programs) > 100, "the programs have moved"
    bad = [
        where
        for path in programs
        for text in literals(path.read_text("utf-8"))
        for where in found_in(path.relative_to(ROOT).as_posix(), text)
    ]
    assert bad == [], f"write instead: {INSTEAD}"


@pytest.mark.parametrize("text", ["Mend the cause", "it was told", "a file of ours", "make it anew"])
def test_a_banned_word_is_found(text: str) -> None:
    assert found_in("here", text)


@pytest.mark.parametrize("text", ["amend, recommend", "intolerable", "retell"])
def test_a_word_that_only_contains_one_is_not(text: str) -> None:
    assert found_in("here", text) == []


def _texts(value: object) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
