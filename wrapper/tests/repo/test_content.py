"""The shape of playbooks and roles: what keeps them readable, safe and free of this machine's traces."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ungcuu.run.plan import playbook_roles

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir() and not path.name.startswith((".", "_")))
TOC = {"import_tasks", "include_tasks"}
KEYWORDS = {
    "name",
    "when",
    "tags",
    "vars",
    "loop",
    "loop_control",
    "become",
    "block",
    "always",
    "rescue",
    "register",
    "notify",
}


class _Loader(yaml.SafeLoader):
    """Reads Ansible's tags as plain values."""


_Loader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))


def load(path: Path) -> Any:
    return yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader, see above


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def tasks_of(path: Path) -> list[dict[str, Any]]:
    """Return every task of a playbook or tasks file, blocks opened."""
    found: list[dict[str, Any]] = []

    def walk(entries: Any) -> None:
        for entry in entries or []:
            if isinstance(entry, dict):
                found.append(entry)
                for section in ("block", "rescue", "always", "pre_tasks", "tasks", "post_tasks", "handlers"):
                    walk(entry.get(section))

    walk(load(path))
    return found


def task_files() -> list[Path]:
    return (
        PLAYBOOKS + sorted((ROOT / "roles").glob("*/tasks/*.yml")) + sorted((ROOT / "roles").glob("*/handlers/*.yml"))
    )


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda p: p.name)
def test_a_playbook_reads_as_a_story(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 60
    for play in load(path):
        if not any(key.endswith("import_playbook") for key in play):
            assert play.get("name"), "every play has a name"
            assert play.get("any_errors_fatal") is True


@pytest.mark.parametrize("role", ROLES, ids=lambda p: p.name)
def test_a_role_is_whole(role: Path) -> None:
    for part in ("README.md", "meta/main.yml", "meta/argument_specs.yml", "defaults/main.yml", "tasks/main.yml"):
        assert (role / part).is_file(), f"{role.name}: {part} is missing"
    assert list((role / "tests").glob("test_*.py")), f"{role.name} has no tests"


@pytest.mark.parametrize("role", ROLES, ids=lambda p: p.name)
def test_main_is_a_table_of_contents(role: Path) -> None:
    """Its entries are the steps that an operator is shown."""
    for entry in load(role / "tasks" / "main.yml") or []:
        used = {key.rpartition(".")[2] for key in entry} - KEYWORDS
        assert used <= TOC, f"{role.name}: {entry.get('name')}"
        assert entry.get("name"), f"{role.name}: an entry without a name"


@pytest.mark.parametrize("role", ROLES, ids=lambda p: p.name)
def test_defaults_and_argument_specs_name_the_same_variables(role: Path) -> None:
    specs = load(role / "meta" / "argument_specs.yml")["argument_specs"]
    documented = {name: spec for entry in specs.values() for name, spec in (entry.get("options") or {}).items()}
    defaults = load(role / "defaults" / "main.yml") or {}
    own = {name for name in documented if name.startswith(f"{role.name}_")}
    given = {name for name in own if not documented[name].get("required")}
    assert set(defaults) - set(documented) == set(), "a default that is not documented"
    assert given - set(defaults) == set(), "a variable of the role without its default"
    for name in defaults:
        assert name.startswith((f"{role.name}_", f"__{role.name}_")), f"{name} does not say whose it is"


def shell_text(task: dict[str, Any]) -> str:
    """Return what a task gives to a shell, or as one line of words; an argv keeps its words apart and is no line."""
    for key, value in task.items():
        if key.rpartition(".")[2] in ("shell", "command", "raw", "script"):
            return "" if isinstance(value, dict) and "argv" in value else str(value)
    return ""


@pytest.mark.parametrize("path", task_files(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_task_hides_a_failure_or_hands_a_host_s_words_to_a_local_shell(path: Path) -> None:
    for task in tasks_of(path):
        assert "ignore_errors" not in task, task.get("name")
        local = task.get("delegate_to") in ("localhost", "127.0.0.1") or task.get("connection") == "local"
        assert not (local and "{{" in shell_text(task)), f"{task.get('name')}: a shell of the controller (T9)"
        assert not any(key.rpartition(".")[2] == "local_action" for key in task), task.get("name")


# The place that this tree happens to lie in; a short one ("/src") is a word like others.
MACHINE = re.compile(rf"{re.escape(str(ROOT))}\b|/tmp/state\d" if len(ROOT.parts) > 3 else r"/tmp/state\d")
REGISTRY = re.compile(
    r"https?://[^\s\"'<>)]*(?:index|simple|registry|mirror|pypi|proxy|artifactory|nexus)[^\s\"'<>)]*", re.I
)


@pytest.mark.parametrize("path", task_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_what_runs_on_the_controller_runs_as_its_operator(path: Path) -> None:
    """An inventory's `ansible_become: true` wins over `become: false`: the operator's files would become root's."""
    for task in tasks_of(path):
        if task.get("delegate_to") == "localhost":
            assert (task.get("become"), task.get("vars", {}).get("ansible_become")) == (False, False), task["name"]


def test_nothing_in_the_tree_names_this_machine_or_a_registry() -> None:
    bad = []
    for path in tracked():
        if path.suffix in (".mo", ".png") or path.is_relative_to(ROOT / "wrapper" / "tests" / "repo"):
            continue
        text = path.read_text("utf-8", "replace")
        bad += [f"{path.relative_to(ROOT)}: {hit}" for hit in MACHINE.findall(text) + REGISTRY.findall(text)]
    assert bad == []


def test_every_playbook_belongs_to_a_verb() -> None:
    from ungcuu.cli import registry
    from ungcuu.run.verb import Verb

    def playbooks(verb: Verb) -> set[str]:
        return {verb.playbook or ""} | {name for inner in verb.verbs for name in playbooks(inner)}

    used = set().union(*(playbooks(registry.load(name)) for name in registry.names()))
    source = "".join(path.read_text("utf-8") for path in (ROOT / "wrapper" / "ungcuu").rglob("*.py"))
    for path in PLAYBOOKS:
        if not path.stem.startswith("_"):
            assert path.stem in used or f'"{path.stem}"' in source, f"{path.name} is nobody's"


READS_ONLY = {
    "assert",
    "fail",
    "debug",
    "set_fact",
    "meta",
    "import_tasks",
    "include_tasks",
    "import_role",
    "include_role",
}


def says_that_it_changed(task: dict[str, Any], others: list[dict[str, Any]]) -> bool:
    """Whether a record says it when this task changes something."""
    module = next(key.rpartition(".")[2] for key in task if "." in key or key.startswith("ungcuu_"))
    if module in READS_ONLY or module.startswith("ungcuu_") or task.get("changed_when") is False:
        return True
    told = [other.get("when") for other in others if other.get("ungcuu_report", {}).get("kind") == "change"]
    return f"{task.get('register')} is changed" in told or ("when" in task and task["when"] in told)


@pytest.mark.parametrize("role", [role for _, role in playbook_roles(ROOT, "harden")])
def test_hardening_says_what_it_changes(role: str) -> None:
    """A change of a builtin module that no task reports is missing in the journal and in the plan."""
    for path in sorted((ROOT / "roles" / role).glob("*/*.yml")):
        if path.parent.name in ("tasks", "handlers"):
            tasks = [task for task in tasks_of(path) if any("." in key or key.startswith("ungcuu_") for key in task)]
            silent = [task["name"] for task in tasks if not says_that_it_changed(task, tasks)]
            assert silent == [], path
