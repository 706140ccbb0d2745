"""Records hold codes with values: no program of ours writes a sentence where a report would have to read it back.

`wrapper/tests/unit/conftest.py` looks at what the unit tests record; this file reads the sources, also those of
programs that run on hosts and of playbooks, which no unit test runs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ungcuu.core.sentences import templates

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "wrapper" / "ungcuu"
# Who hands records on, or writes what they hold.
ROOMS = ("plugins", "remote", "detect", "contain", "case", "recover", "run", "cli/commands")
FILES = sorted(
    [
        *(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py")),
        *(path for path in ROOT.glob("roles/*/f*/**/*.py") if "tests" not in path.parts),
    ]
)
FIELDS = {"name", "detail", "reason", "why", "expected", "seen", "what", "problems"}
# The same name for something else than a field of a record.
ELSEWHERE = {
    ("case/export.py", "what"),  # the name of a file
    (
        "roles/backup_vault/files/ungcuu_vault/__main__.py",
        "reason",
    ),  # the end of a run that failed
    ("remote/host_state/postgresql.py", "name"),  # the name of a cluster
    (
        "roles/backup_vault/files/ungcuu_vault/judge.py",
        "why",
    ),  # a code of the ledger, with a space
    ("run/cut_snapshot.py", "why"),  # what a profile says of an item of evidence
}
_WORDS = re.compile(r"[a-z]{2,} [a-z]{2,}|[a-z]{2,} \{\}|\{\} [a-z]{2,}\b(?!=)")
_FAULTS = {"no_answer"}  # codes of what a patch run ends with: no phrases
_CODE = re.compile(r"""["']?code["']?: ?["']([a-z_-]+)["']|(?:Broken|Remade|kind)\(\s*["']([a-z_]+)["']""")


def text_of(node: ast.expr) -> str:
    """The text of an expression, a value in it as ``{}``; empty where it is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.BoolOp):
        return " | ".join(filter(None, map(text_of, node.values)))
    if isinstance(node, ast.IfExp):
        return " | ".join(filter(None, (text_of(node.body), text_of(node.orelse))))
    return ""


def sentences(source: str) -> Iterator[tuple[int, str, str]]:
    """Each field of a record that gets a sentence: its line, its name and the sentence."""
    for node in ast.walk(ast.parse(source)):
        rows: list[tuple[Any, ast.expr]] = []
        if isinstance(node, ast.Dict):
            rows = [
                (key.value, value)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            ]
        elif isinstance(node, ast.Call):
            rows = [(keyword.arg, keyword.value) for keyword in node.keywords]
        for name, value in rows:
            if name in FIELDS and _WORDS.search(text := text_of(value)):
                yield value.lineno, str(name), text


def test_no_program_writes_a_sentence_into_a_record() -> None:
    """Seen failing with ``"detail": f"status {status}"`` in a program of a host."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}: {text}"
        for path in FILES
        for line, name, text in sentences(path.read_text("utf-8"))
        if not any(str(path).endswith(place) and name == field for place, field in ELSEWHERE)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    ["x(seen='the file is gone')", "{'detail': f'status {code} came'}", "{'why': said or 'no answer'}"],
)
def test_the_reader_of_this_file_finds_a_sentence(source: str) -> None:
    assert list(sentences(source))


def tasks() -> Iterator[tuple[Path, Any]]:
    """What each playbook and role hands to the journal."""
    for path in sorted([*ROOT.glob("roles/*/tasks/**/*.yml"), *ROOT.glob("playbooks/*.yml")]):
        for node in walk(yaml.safe_load(path.read_text("utf-8"))):
            if "ungcuu_report" in node:
                yield path, node["ungcuu_report"]["data"]


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping below a node."""
    if isinstance(node, dict):
        yield node
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(one)


def test_no_playbook_writes_a_sentence_into_a_record() -> None:
    """Seen failing with ``reason: not applicable to this host`` in a role."""
    found = [
        f"{path.relative_to(ROOT)}: {name}: {value}"
        for path, data in tasks()
        for row in walk(data)
        for name, value in row.items()
        if name in FIELDS and isinstance(value, str) and _WORDS.search(re.sub(r"\{\{.*?\}\}", "{}", value, flags=re.S))
    ]
    assert len(list(tasks())) > 20
    assert found == []


def test_every_code_that_is_written_without_its_class_has_words() -> None:
    """Programs of hosts and playbooks write codes as texts: a misspelt one would be shown as it is, in no language."""
    places = [*FILES, *ROOT.glob("roles/*/*/*.yml"), *ROOT.glob("roles/*/filter_plugins/*.py")]
    found = {
        code: path.relative_to(ROOT)
        for path in places
        for match in _CODE.finditer(path.read_text("utf-8"))
        if (code := match[1] or match[2])
    }
    assert len(found) > 40
    assert {code: str(path) for code, path in found.items() if code not in templates().keys() | _FAULTS} == {}


def test_the_vault_s_own_words_are_those_of_the_catalogue() -> None:
    source = (ROOT / "roles/backup_vault/files/ungcuu_vault/points.py").read_text("utf-8")
    values = {
        target.id: node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name)
    }
    unknown = ast.literal_eval(values["_UNKNOWN_CODE"])
    words = values["_WORDS"]
    assert isinstance(words, ast.Dict)
    known = {
        ast.literal_eval(key) if isinstance(key, ast.Constant) else unknown: ast.literal_eval(value)
        for key, value in zip(words.keys, words.values, strict=True)
    }
    assert known == {code: templates()[code] for code in known}
