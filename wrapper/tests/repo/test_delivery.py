"""Three ways by which a program of ours reaches a host, and a table that leaves no program out.

Seen failing with a row taken out, with a role's task that used ``ansible.builtin.shell``, with one that gave a program
to ``python3 -``, and with a module that called ``ssh.run`` and stood in no row.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from plugin_runs import ROOT, uses

PACKAGE, ROLES = ROOT / "wrapper" / "ungcuu", ROOT / "roles"
PAGE = ROOT / "docs" / "explanation" / "delivery.md"
TASK, SSH, INSTALLED = "task", "SSH", "installed"
# By the function that sends a program of ungcuu.remote: its way, and which argument names it.
SENDERS = {
    "run_on_host": (TASK, 1),
    "run_program": (SSH, 1),
    "stream_program": (SSH, 1),
    "answer_of": (SSH, 1),
    "question": (SSH, 0),
    "program": (SSH, 0),
}
# These send no program of their own: the helper itself, `true`, the vault's installed program, and a node's own ungcuu.
NO_PROGRAM = {"hosts/remote_program", "prepare/verify", "hosts/vault", "run/node_runner"}
Found = set[tuple[str, str]]


def rows() -> Found:
    """Return program and way, a pair each, as the page has them."""
    found = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len({name for name, _ways in found}) == len(found), "a program has one row"
    return {(name, way.strip()) for name, ways in found for way in ways.split(",")}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call of a file with the name that is called, as it is written: ``ssh.run``."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def sent_by_python() -> Found:
    """Return what the wrapper, its plugins and the roles' tests send."""
    found: Found = set()
    for path in [*PACKAGE.rglob("*.py"), *ROLES.glob("conftest.py"), *ROLES.glob("*/tests/*.py")]:
        module = path.relative_to(PACKAGE).with_suffix("").as_posix() if path.is_relative_to(PACKAGE) else ""
        for name, call in calls(path):
            way, place = SENDERS.get(name.rpartition(".")[2], ("", 0))
            named = call.args[place] if way and len(call.args) > place else None
            if isinstance(named, ast.Constant):
                found.add((f"remote/{named.value}", way))
            elif name in ("ssh.run", "ssh.stream") and module not in {*NO_PROGRAM, "contain/outside"}:
                found.add((module, SSH))
            elif name == "login_keys.question":
                found.add(("contain/login_keys", TASK))
    return found


def task_files() -> list[Path]:
    return sorted(
        path for folder in ("tasks", "handlers", "vars", "defaults") for path in ROLES.glob(f"*/{folder}/*.yml")
    )


def brought_by_roles() -> Found:
    """Return what the roles send or install."""
    found: Found = set()
    for path in task_files():
        text, role = path.read_text("utf-8"), path.parents[1]
        for name in re.findall(
            r"lookup\('ansible\.builtin\.(?:file|template)', '([\w.]+\.(?:sh|py)(?:\.j2)?)'\)", text
        ):
            (file,) = role.glob(f"*/{name}")
            found.add((file.relative_to(ROOT).as_posix(), TASK))
        for plugin, arguments in uses(text) if path.parent.name == "tasks" else ():
            if plugin in ("ungcuu_program", "ungcuu_ask"):
                way = TASK if plugin == "ungcuu_ask" else INSTALLED
                found.add((f"{role.relative_to(ROOT)}/files/{arguments['package']}", way))
        for name in re.findall(r"\bsrc\"?: \"?([\w.]+\.(?:sh|py)\.j2)", text):
            found.add(((role / "templates" / name).relative_to(ROOT).as_posix(), INSTALLED))
    return found


def test_every_program_stands_in_the_table_with_its_ways() -> None:
    found = sent_by_python() | brought_by_roles()
    assert sorted(rows() - found) == [], "nobody brings these to a host so"
    assert sorted(found - rows()) == [], "these have no row"


def test_no_program_of_the_tree_is_left_out() -> None:
    """A script that the search above does not see would come by a way of its own."""
    files = {*ROLES.glob("*/files/*.*"), *ROLES.glob("*/templates/*.sh.j2"), *ROLES.glob("*/templates/*.py.j2")}
    packages = {path.parent for path in ROLES.glob("*/files/*/*.py")}
    named = {name for name, _way in rows()}
    assert sorted({path.relative_to(ROOT).as_posix() for path in files | packages} - named) == []
    shells = {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob("remote/*") if path.suffix not in ("", ".py")
    }
    assert shells == {"remote/second_reader.sh", "remote/tree_marks.sh"}


def tasks(entries: Any) -> Iterator[dict[str, Any]]:
    """Yield each task of a list, blocks opened."""
    for entry in entries if isinstance(entries, list) else []:
        yield entry
        for section in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks"):
            yield from tasks(entry.get(section))


def test_there_is_no_fourth_way() -> None:
    """No module that runs a text of its own, no Python on standard input, no executable by copy or template."""
    for path in [*ROLES.glob("*/tasks/*.yml"), *ROLES.glob("*/handlers/*.yml"), *(ROOT / "playbooks").glob("*.yml")]:
        for task in tasks(yaml.safe_load(path.read_text("utf-8"))):
            where = f"{path.relative_to(ROOT)}: {task.get('name')}"
            for module, arguments in task.items():
                short = module.rpartition(".")[2]
                assert short not in ("shell", "script", "raw"), where
                assert short != "command" or "python" not in str(arguments), where
                if short in ("copy", "template") and isinstance(arguments, dict):
                    assert int(str(arguments.get("mode", "0644")), 8) & 0o111 == 0, where
