"""Writes docs/explanation/modules.md from the modules' own first lines.

Run: ``python wrapper/tests/tools/modules.py update``. Every module of the package stands on the page; a test compares
the two, so that none can be left out.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "wrapper" / "ungcuu"
PAGE = ROOT / "docs" / "explanation" / "modules.md"

# From the ground up: a room imports from the rooms before it only. The contract stands in pyproject.toml.
LAYERS = ("core", "hosts", "detect", "contain", "case", "run", "prepare", "recover", "watch", "report", "cli")
BESIDE = ("remote", "plugins", "lab", "drill")

_HEAD = """# Modules of the wrapper

Written by `python wrapper/tests/tools/modules.py update` from the modules' own first lines; do not edit.

`wrapper/ungcuu` has one folder, a room, for each phase that `ungcuu --help` names, and for what the phases stand on. A
room imports only from the rooms below it. `lint-imports` enforces that, also for imports inside functions; the
contracts stand in `pyproject.toml`.

```text
            +----------------------------------------------+
 you type   | cli      verbs, options, what is shown       |
            +----------------------------------------------+
            | report   documents made from the records     |
            | watch    alerts, notification, rounds        |
            | recover  quarantine, re-assessment, points   |
            | prepare  controls, audit, the roles' tests   |
            +----------------------------------------------+   playbooks/
            | run      one command from plan to outcome    |-> roles/
            +----------------------------------------------+      |  ^
            | case     signed journal, evidence            |      |  | plugins
            | contain  the cut off the network, its proofs |      |  | (action/)
            | detect   baseline, scan, rules, findings     |      v  |
            +----------------------------------------------+   website host,
            | hosts    inventory, SSH, enrolment           |-> vault
            | core     errors, settings, signing, texts    |   (remote: our
            +----------------------------------------------+    programs there)

 lab: disposable hosts in containers      drill: plays an incident in a lab
```

Four rooms stand beside the pile. `remote` imports only itself and the standard library: it runs on a host. `plugins`
is what Ansible loads; it reaches up to `recover`. `lab` imports `core` alone. `drill` imports `core`, `hosts`
and `lab`: it types the commands that people type.

An import stands inside a function for one of three reasons: a command's file is loaded for `--help`, which must be
there at once; the cut of a host must begin before anything large is read; or a large library (Ansible, cryptography,
Jinja, YAML) serves few of the runs. No import is late to hide a circle: there is none, late imports counted.
"""


def page() -> str:
    """Return docs/explanation/modules.md."""
    return _HEAD + "\n" + "\n".join(_rooms()).rstrip("\n") + "\n"


def _rooms() -> Iterator[str]:
    yield from _table("ungcuu (the package)", PACKAGE, PACKAGE.glob("*.py"))
    for room in (*LAYERS, *BESIDE):
        folder = PACKAGE / room
        yield from _table(room, folder, folder.rglob("*.py"))


def _table(title: str, folder: Path, paths: Iterator[Path]) -> Iterator[str]:
    """Yield the section of one room: what it is, then its modules."""
    yield f"## {title}\n"
    yield first_line(folder / "__init__.py") + "\n"
    yield "| module | what it is |"
    yield "| --- | --- |"
    for path in sorted(paths):
        name = path.relative_to(folder).with_suffix("").as_posix().removesuffix("/__init__")
        if name != "__init__":
            yield f"| `{name}` | {first_line(path).replace('|', chr(92) + '|')} |"
    yield ""


def first_line(path: Path) -> str:
    """Return the first paragraph of a module's docstring, on one line, as Markdown; empty where there is none."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].replace(":mod:", "").replace("``", "`").split())


if __name__ == "__main__":
    if sys.argv[1:] != ["update"]:
        sys.exit(__doc__)
    PAGE.write_text(page(), encoding="utf-8")
