"""Where the type checker or the formatter is silenced, a reason stands there. Better: change the code's shape."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
TYPES = re.compile(r"#\s*type:\s*ignore")
SHAPE = re.compile(r"#\s*fmt:\s*(skip|off)(.*)")
MOST_TABLES = 35  # laid out by hand, each far longer where the formatter lays it out


def lines_with(pattern: re.Pattern[str]) -> list[tuple[Path, str, str]]:
    """Each line of Python that the pattern is found in: file, line, and the line above it."""
    found = []
    for path in sorted([*(ROOT / "wrapper").rglob("*.py"), *(ROOT / "roles").rglob("*.py")]):
        if path == Path(__file__):
            continue
        lines = path.read_text("utf-8").splitlines()
        found += [
            (path.relative_to(ROOT), line, lines[number - 1].strip() if number else "")
            for number, line in enumerate(lines)
            if pattern.search(line)
        ]
    return found


def test_each_one_has_its_reason() -> None:
    """A silenced error hides the next one too. Seen failing with a reason taken away."""
    bare = [f"{path}: {line.strip()}" for path, line, above in lines_with(TYPES) if above[:1] != "#"]
    assert bare == [], "change the code's shape, or say why on the line above"


def test_they_stand_in_checked_code_alone() -> None:
    """mypy reads the package, not the tests or the roles: there a mark does nothing."""
    assert [path for path, _line, _above in lines_with(TYPES) if path.parts[:2] != ("wrapper", "ungcuu")] == []


def test_what_is_laid_out_by_hand_has_its_reason() -> None:
    """Seen failing with a reason taken away, and with the limit one lower than what there is."""
    marks = [(path, SHAPE.search(line)) for path, line, _above in lines_with(SHAPE)]
    bare = [str(path) for path, mark in marks if mark and not mark[2].strip(" #")]
    assert bare == [], "let the formatter lay it out, or say why behind the mark"
    assert len(marks) <= MOST_TABLES, "let the formatter lay this one out"
