"""Which room may import which (contracts in pyproject.toml), and what stands on the page of modules."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import modules

PACKAGE = modules.PACKAGE


def test_the_rooms_keep_their_direction() -> None:
    """Imports inside functions and for type checkers count too.

    Seen failing with an import of ``ungcuu.cli`` inside a function of ``ungcuu.run.flow``, and with one of the card
    inside a function of ``ungcuu.contain.allowlist``.
    """
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    this_tree = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(command, cwd=modules.ROOT, env=this_tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_stands_in_a_room() -> None:
    """A module beside the rooms is found by nobody. Seen failing with a file beside ``__main__.py``."""
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}
    rooms = {path.name for path in PACKAGE.iterdir() if list(path.rglob("*.py"))}
    assert rooms == {*modules.LAYERS, *modules.BESIDE}


def test_every_module_stands_on_the_page() -> None:
    """Update: python wrapper/tests/tools/modules.py update. Seen failing with a new file in a room."""
    assert modules.PAGE.read_text("utf-8") == modules.page()
    assert max(map(len, modules._HEAD.split("```")[1].splitlines())) <= 80


def test_every_module_says_what_it_is() -> None:
    """The page is made of these lines."""
    assert [str(path) for path in PACKAGE.rglob("*.py") if not modules.first_line(path)] == []


def test_only_the_runner_imports_ansible_runner() -> None:
    """Everything that a run prints passes one place, where it is made safe; what a node sends goes there too."""
    users = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "import ansible_runner" in path.read_text("utf-8") or "from ansible_runner" in path.read_text("utf-8")
    ]
    assert sorted(users) == ["run/remote_job.py", "run/runner.py"]


SHARED = ("deadlines_view", "intake", "papers")  # of several commands: as light as these are


def test_a_command_imports_late() -> None:
    """Every command's file is imported for --help: only light modules at its top."""
    light = {f"ungcuu.core.{name}" for name in ("debian", "errors", "i18n", "phrases", "settings")} | {
        "ungcuu.run.verb",
        "ungcuu.cli.options",
        *(f"ungcuu.cli.{name}" for name in SHARED),
    }
    shared = [PACKAGE / "cli" / f"{name}.py" for name in SHARED]
    for path in sorted([*(PACKAGE / "cli" / "commands").rglob("*.py"), *shared]):
        for node in ast.parse(path.read_text("utf-8")).body:
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("ungcuu"):
                continue
            module = str(node.module)
            names = {module} if module in light else {f"{module}.{alias.name}" for alias in node.names}
            assert names <= light or module.startswith("ungcuu.cli.commands"), f"{path.name}: {sorted(names)}"
