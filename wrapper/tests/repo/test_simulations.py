"""What drills play is inert: nothing in a scenario's folder does harm, or anything at all, outside of the lab."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from ungcuu.drill.simulation import FOLDER, load, playable
from ungcuu.drill.stage import FURTHER

PLANS = {"scenario.yml", "simulation.yml"}
PLAYED = sorted(
    path for name in playable() for path in (FOLDER / name).iterdir() if path.is_file() and path.name not in PLANS
)
MARKS = ("UNGCUU-DRILL-MARKER", "DELIBERATELY WEAK, for drills in the lab only", "of the drill", "the drill's own")
GUARDS = {".py": " 198.51.100.", ".sh": r"' 198\.51\.100\.' || exit 1"}
NEVER = re.compile(
    r"\b(curl|wget|nc|ncat|socat|telnet|system|passthru|shell_exec|popen|proc_open|eval|assert|urlopen"
    r"|requests|(?<!reload )ssh|scp|mkfs|dd|shred)\b(?=\s*[(\s])|/dev/tcp|rm -r|base64 -d|\|\s*(ba)?sh\b"
)
HOSTS = re.compile(r"https?://([\w.@-]+)|\b(\d{1,3}(?:\.\d{1,3}){3})\b")


def names(paths: list[Path]) -> list[str]:
    return [f"{path.parent.name}/{path.name}" for path in paths]


@pytest.mark.parametrize("path", PLAYED, ids=names(PLAYED))
def test_what_is_planted_says_what_it_is_and_does_nothing(path: Path) -> None:
    """Seen failing with a marker left out, and with a `curl` in a cron entry."""
    text = path.read_text("utf-8")
    assert any(mark in text for mark in MARKS), "whoever finds it outside of a drill must know what it is"
    assert not NEVER.search(text), NEVER.search(text)
    for name, number in HOSTS.findall(text):
        assert name.endswith((".invalid", ".test")) or number.startswith("198.51.100"), name or number


@pytest.mark.parametrize("path", PLAYED, ids=names(PLAYED))
def test_a_program_ends_at_once_outside_of_the_lab(path: Path) -> None:
    """Whoever runs the repository's own file by mistake must lose nothing. Seen failing without the guard."""
    text = path.read_text("utf-8")
    acts = path.name != "miner.py"  # wastes time, and changes nothing
    if path.suffix in GUARDS and acts:
        assert GUARDS[path.suffix] in text
    if "$_GET" in text or "$_POST" in text:
        assert "'198.51.100.', 11)" in text


def test_a_program_imports_little() -> None:
    """No scenario that is played has one in Python yet; the first is held to it too."""
    known = {"json", "pathlib", "socket", "subprocess", "sys", "time"}
    for path in PLAYED:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))) if path.suffix == ".py" else ():
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= known, path
            assert not isinstance(node, ast.ImportFrom) or node.module in known, path


@pytest.mark.parametrize("name", playable())
def test_each_simulation_is_whole(name: str) -> None:
    """Each file that is named is there, each file there is named, and each name that is used was chosen."""
    one = load(name)
    assert one.id == name
    text = (FOLDER / name / "simulation.yml").read_text("utf-8")
    here = {path.name for path in PLAYED if path.parent.name == name}
    assert [file for file in sorted(here) if file not in text] == []
    for step in (*one.prepare, *one.attack, *one.console, *one.repair, *one.update):
        assert not {step.source, step.run} - {""} - here
    known = {choice.name for choice in one.names} | {"address", "site", "marker", "intruder", "vault", *FURTHER}
    words = str(yaml.safe_load(text))
    assert set(re.findall(r"\{(\w+)\}", words)) <= known
    assert set(re.findall(r"@(\w+)@", "".join((FOLDER / name / file).read_text() for file in here))) <= known
    assert one.notice and one.effects and one.contain
