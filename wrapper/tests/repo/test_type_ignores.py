"""Where the type checker is silenced, the line above says why."""

from __future__ import annotations

import re
from pathlib import Path

WRAPPER = Path(__file__).parents[2]
SILENCED = re.compile(r"#\s*type:\s*ignore")


def silenced() -> list[tuple[Path, str, str]]:
    """Each line of Python that silences mypy: file, line, and the line above it."""
    found = []
    for path in sorted(WRAPPER.rglob("*.py")):
        if path == Path(__file__):
            continue
        lines = path.read_text("utf-8").splitlines()
        found += [
            (path, line, lines[number - 1].strip() if number else "")
            for number, line in enumerate(lines)
            if SILENCED.search(line)
        ]
    return found


def test_each_one_has_its_reason() -> None:
    """A silenced error hides the next one too. Seen failing with a reason taken away."""
    bare = [f"{path.relative_to(WRAPPER)}: {line.strip()}" for path, line, above in silenced() if above[:1] != "#"]
    assert bare == [], "change the code's shape, or say why on the line above"


def test_they_stand_in_checked_code_alone() -> None:
    """mypy reads the package, not the tests: there a mark does nothing."""
    places = {path.relative_to(WRAPPER) for path, _line, _above in silenced()}
    assert {place for place in places if place.parts[0] != "ungcuu"} == set()
