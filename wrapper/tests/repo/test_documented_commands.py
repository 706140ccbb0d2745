"""Every command that a page or a verb's help shows can be typed: the verb, its options and their values exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from ungcuu.cli import registry
from ungcuu.cli.parser import Root
from ungcuu.run.verb import Verb

ROOT = Path(__file__).resolve().parents[3]
NO_COMMAND = {"ungcuu journal v1"}  # what is hashed before the first record
GENERATED = {"verbs.md", "modules.md", "glossary.md"}  # held by tests of their own; their placeholders are no words
PAGES = [*sorted(ROOT.glob("*.md")), *(p for p in sorted((ROOT / "docs").rglob("*.md")) if p.name not in GENERATED)]
COMMAND = re.compile(r"(?:^|(?<=[\s`(]))(?:\./)?ungcuu (?=[a-z-])[^`\n|]*")
ENDS = re.compile(r"\s(?:#|\||>|&&|;|→)|[;)](?:\s|$)|\\$")  # where a comment, another command or prose begins


def lines(page: Path) -> Iterator[str]:
    """Each command of a page: on an indented or fenced line, or set in code within a sentence."""
    fenced = False
    text = page.read_text("utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield from (found[0] for found in COMMAND.finditer(line) if line[: found.start()].strip() in ("", "$"))
        else:
            yield from (code for code in re.findall(r"`([^`]+)`", line) if COMMAND.match(code))


def words(line: str) -> list[str]:
    """The words to type, without the program's name; empty where the line is no whole command."""
    short = ENDS.split(line, maxsplit=1)[0].replace("…", "X").strip()
    try:
        return shlex.split(short)[1:]
    except ValueError:
        return []


@cache
def documented() -> list[tuple[str, list[str]]]:
    found = [(f"{page.relative_to(ROOT)}: {line}", words(line)) for page in PAGES for line in lines(page)]
    for name in registry.names():
        verb = registry.load(name)
        examples = [(one.name, line) for one in (verb, *verb.verbs) for line in one.examples if COMMAND.match(line)]
        found += [(f"{owner}: {line}", words(line)) for owner, line in examples]
    return [(place, typed) for place, typed in found if typed and shlex.join(["ungcuu", *typed]) not in NO_COMMAND]


def fault(typed: list[str], *, whole: bool = False) -> str:
    """What click says against a command; empty where it can be typed. ``whole``: nothing may be missing from it."""

    def parsed(_verb: Verb, _context: click.Context, _values: dict[str, Any]) -> int:
        return 0

    try:
        Root(parsed).main(typed, prog_name="ungcuu", standalone_mode=False)
    except (click.exceptions.Exit, click.MissingParameter, click.exceptions.NoArgsIsHelpError) as error:
        # Within a sentence a verb may stand without what it is about.
        return str(error) or type(error).__name__ if whole else ""
    except click.UsageError as error:
        return error.format_message()
    return ""


def test_there_are_many() -> None:
    assert len(documented()) > 200


def test_each_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    """Seen failing with an option misspelt in a guide, and with a verb that there is not."""
    wrong = [f"{place}   ({why})" for place, typed in documented() if (why := fault(typed))]
    capsys.readouterr()
    assert wrong == []
