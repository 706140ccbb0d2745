"""Which module may import which, as in the table of docs/explanation/modules.md."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "wrapper" / "ungcuu"

# What every module may use: they know nothing of the others.
BASE = {"errors", "settings", "screen", "i18n", "files"}

ALLOWED = {
    "errors": set(),
    "settings": set(),
    "screen": set(),
    "i18n": set(),
    "files": set(),
    "ssh": {"settings"},
    "watchdog": set(),
    "verb": {"errors", "context", "runner"},
    "sent": BASE | {"ssh"},
    "sitefiles": BASE,
    "site": BASE | {"sitefiles", "ssh"},
    "outside": BASE | {"card", "isolation", "probe", "proofs", "report", "site", "ssh"},
    "isolation_verdict": BASE | {"isolation", "outside"},
    "isolation_watch": BASE | {"card", "case", "containment", "context", "isolation", "outside", "problems", "proofs"},
    "facts": BASE | {"site", "sitefiles"},
    "plan": {"errors"},
    "variables": BASE | {"facts", "sitefiles"},
    "targets": BASE | {"plan", "site", "sitefiles"},
    "events": {"screen"},
    "sealing": BASE,
    "journal": BASE | {"sealing"},
    "casefacts": BASE | {"sealing"},
    "case": BASE | {"casefacts", "journal", "sealing"},
    "locks": BASE,
    "live": BASE,
    "scratch": {"watchdog"},
    "runner": BASE | {"plan", "events", "scratch", "watchdog"},
    "verify": BASE | {"plan", "runner", "scratch", "site", "ssh", "watchdog"},
    "journaling": BASE | {"journal", "case", "context"},
    "resuming": {"errors", "settings", "journal", "sealing"},
    "problems": BASE | {"runner", "ssh"},
    "registry": BASE | {"verb", "commands"},
    "render": BASE | {"flow"},
    "completing": BASE | {"site"},
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def imported(path: Path) -> set[str]:
    """Return the names of our modules that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "ungcuu":
            found |= {alias.name for alias in node.names if not alias.name.startswith("__")}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ungcuu."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("ungcuu.")}
    return found


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_a_module_imports_only_what_it_may(name: str) -> None:
    assert imported(PACKAGE / f"{name}.py") <= ALLOWED[name]


def test_only_the_runner_imports_ansible_runner() -> None:
    users = [
        path.stem
        for path in PACKAGE.rglob("*.py")
        if "import ansible_runner" in _code(path) or "from ansible_runner" in _code(path)
    ]
    assert users == ["runner"]


def test_nothing_below_the_commands_imports_them_or_the_command_line() -> None:
    above = {"cli", "commands", "render"}
    guests = {"cli", "registry", "render", "__main__"}
    for path in modules():
        if path.stem not in guests:
            assert not imported(path) & above, path.name


def test_a_command_imports_late() -> None:
    """Every command's file is imported for --help: only light modules at its top."""
    light = {"verb", "errors", "i18n", "settings"}
    for path in sorted((PACKAGE / "commands").glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        top = [
            node for node in tree.body if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ungcuu")
        ]
        for node in top:
            names = [a.name for a in node.names] if node.module == "ungcuu" else [str(node.module).split(".")[1]]
            assert set(names) <= light | {"commands"}, f"{path.name}: {names}"


def _code(path: Path) -> str:
    return path.read_text("utf-8")
