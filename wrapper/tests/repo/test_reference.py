"""What is written down about the verbs and exit codes is what the program does."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import reference

from ungcuu.cli import registry
from ungcuu.core import errors
from ungcuu.core.errors import Exit

ROOT = Path(__file__).resolve().parents[3]

UPDATE = "run: python wrapper/tests/tools/reference.py update"


def test_every_verb_is_documented() -> None:
    assert reference.VERBS.read_text("utf-8") == reference.verbs_page(), UPDATE


def test_the_top_level_help_is_the_agreed_one() -> None:
    assert reference.HELP.read_text("utf-8") == reference.help_text(), UPDATE


@pytest.mark.parametrize("name", registry.names())
def test_each_help_shows_what_the_verb_does(name: str) -> None:
    command = [sys.executable, "-m", "ungcuu", name, "--help"]
    text = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin", "LANG": "C"}
    ).stdout
    verb = registry.load(name)
    assert "Usage: ungcuu" in text
    if verb.playbook or verb.steps_before:
        assert "Steps:" in text


def test_the_attacks_on_the_isolation_are_those_that_are_tested() -> None:
    """A row that no test runs would be a promise."""
    path = ROOT / "wrapper/tests/integration/isolation_attacks.py"
    attacks = runpy.run_path(str(path), run_name="attacks")
    assert attacks["PAGE"].read_text("utf-8") == attacks["page"](), f"run: python {path.relative_to(ROOT)} update"


def test_exit_codes_are_documented() -> None:
    table = (ROOT / "docs/reference/exit-codes.md").read_text("utf-8")
    rows = {
        (int(code), name, text)
        for code, name, text in re.findall(r"^\| (\d+) \| (\w+) \| [\w ]+ \| (.+) \|$", table, re.M)
    }
    source = Path(errors.__file__).read_text("utf-8")
    found = {(int(code), name, text) for name, code, text in re.findall(r"^    (\w+) = (\d+)  # (.+)$", source, re.M)}
    assert {(code.value, code.name) for code in Exit} == {(code, name) for code, name, _text in found}
    assert rows == found


def test_each_class_of_failure_has_its_own_code() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.UngcuuError)]
    codes = [c.code for c in classes]
    assert len(set(codes)) == len(codes)


def test_help_starts_fast_and_imports_nothing_heavy() -> None:
    """Every verb's file is read for --help; one import of Ansible there would cost half a second."""
    script = (
        "import sys; from ungcuu.cli import main; main.run(['--help']); "
        "heavy = {'ansible', 'ansible_runner', 'apprise', 'cryptography', 'jinja2', 'paramiko', 'pytest', "
        "'selectolax', 'testinfra'}; "
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stderr.strip() == "[]"
    fastest = min(_seconds() for _ in range(3))
    assert fastest < 0.4, f"{fastest:.2f} s"


def _seconds() -> float:
    """Return the processor time of one ``--help``: wall time would blame it for whatever else the machine does."""
    before = os.times()
    subprocess.run([sys.executable, "-m", "ungcuu", "--help"], capture_output=True, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system
