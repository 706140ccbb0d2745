"""What a run would do, step by step, read from the playbook; pure.

A step is what an operator sees: an entry of a role's ``tasks/main.yml``, an ``import_role`` with
``tasks_from``, or a task of the playbook itself. Each knows the task files below it, so that an event of the runner
can be shown as "step 4 of 11".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ungcuu.core.errors import ControllerFault

HIDDEN = "(hidden)"

_TASKS_KEYWORDS = ("import_tasks", "include_tasks")
_ROLE_KEYWORDS = ("import_role", "include_role")
_SECTIONS = ("pre_tasks", "roles", "tasks", "post_tasks")
_LINE = "__line__"


@dataclass(frozen=True)
class Step:
    """One step. ``files`` are task files below the content folder, or ``playbooks/x.yml:LINE`` for a single task."""

    name: str
    play: str = ""
    role: str = ""
    files: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Plan:
    """What one run would do, on which hosts, with which variables; secrets are already hidden."""

    verb: str
    phase: str
    hosts: tuple[str, ...]
    steps: tuple[Step, ...]
    playbook: str | None = None
    variables: Mapping[str, object] = field(default_factory=dict)
    read_only: bool = False
    dangerous: bool = False
    inverse: str = ""
    reason: str = ""

    def locate(self, place: str, current: int = 0) -> int:
        """Return the index of the step that ``place`` (``roles/x/tasks/y.yml:12``) belongs to.

        The search goes forward from ``current``: a file that two steps share belongs to the one under way, else to the
        next one. An unknown place belongs to the step under way.
        """
        path = place.rsplit(":", 1)[0]
        for index in range(current, len(self.steps)):
            files = self.steps[index].files
            if place in files or path in files:
                return index
        return current

    def as_data(self, changed: Mapping[int, int] | None = None) -> dict[str, object]:
        """Return the plan for ``--json``; ``changed``: foretold changes of the steps, by their index."""
        return {
            "verb": self.verb,
            "phase": self.phase,
            "hosts": list(self.hosts),
            "playbook": self.playbook,
            "read_only": self.read_only,
            "dangerous": self.dangerous,
            "inverse": self.inverse,
            "reason": self.reason,
            "variables": dict(self.variables),
            "steps": [
                {"number": number, "name": step.name, "play": step.play, "role": step.role}
                | ({"changed": changed.get(number - 1, 0)} if changed else {})
                for number, step in enumerate(self.steps, 1)
            ],
        }


def hide(values: Mapping[str, object], secrets: Sequence[str], texts: Sequence[object] = ()) -> dict[str, object]:
    """Return options or variables as they may be shown: without those of a secret name or with a secret's text."""
    return {name: HIDDEN if value and (name in secrets or value in texts) else value for name, value in values.items()}


def playbook_steps(content: Path, playbook: str) -> tuple[Step, ...]:
    """Return the steps of ``playbooks/<playbook>.yml``.

    Raises:
        ControllerFault: There is no such playbook, or a file of it is not readable YAML.
    """
    return tuple(_Reader(content).playbook(content / "playbooks" / f"{playbook}.yml"))


def playbook_roles(content: Path, playbook: str) -> tuple[tuple[str, str], ...]:
    """Return every (host pattern, role) pair of a playbook, in order.

    Raises:
        ControllerFault: As :func:`playbook_steps`.
    """
    return tuple(dict.fromkeys(_Reader(content).roles(content / "playbooks" / f"{playbook}.yml")))


def playbook_patterns(content: Path, playbook: str) -> tuple[str, ...]:
    """Return the host pattern of every play of a playbook, each once, in order.

    Raises:
        ControllerFault: As :func:`playbook_steps`.
    """
    return tuple(dict.fromkeys(_Reader(content).patterns(content / "playbooks" / f"{playbook}.yml")))


# The base is what this machine's PyYAML has: the faster loader in C, or else the one in Python.
class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML as Ansible writes it: unknown tags are read as plain values; a mapping knows its line."""


def _mapping(loader: Any, node: Any) -> dict[Any, Any]:
    data = yaml.SafeLoader.construct_mapping(loader, node, deep=True)
    return {**data, _LINE: node.start_mark.line + 1}


def _tagged(loader: Any, _suffix: str, node: Any) -> object:
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_multi_constructor("!", _tagged)


class _Reader:
    """Reads playbooks and roles below one content folder."""

    def __init__(self, content: Path) -> None:
        self.content = content

    def playbook(self, path: Path) -> Iterator[Step]:
        for play in self._load(path):
            if not isinstance(play, dict):
                continue
            if imported := _keyword(play, ("import_playbook",)):
                yield from self.playbook(path.parent / _file(imported))
                continue
            name = str(play.get("name", ""))
            for section in _SECTIONS:
                for entry in play.get(section) or []:
                    yield from self._role(entry, name) if section == "roles" else self._entry(entry, name, path)

    def roles(self, path: Path) -> Iterator[tuple[str, str]]:
        """Yield (host pattern, role) for each use of a role."""
        for play in self._load(path):
            if not isinstance(play, dict):
                continue
            if imported := _keyword(play, ("import_playbook",)):
                yield from self.roles(path.parent / _file(imported))
                continue
            pattern = _pattern(play)
            for section in _SECTIONS:
                for entry in play.get(section) or []:
                    for role in self._used(entry, section == "roles"):
                        yield pattern, role

    def patterns(self, path: Path) -> Iterator[str]:
        """Yield the host pattern of each play."""
        for play in self._load(path):
            if isinstance(play, dict) and (imported := _keyword(play, ("import_playbook",))):
                yield from self.patterns(path.parent / _file(imported))
            elif isinstance(play, dict):
                yield _pattern(play)

    def _used(self, entry: Any, is_role: bool) -> Iterator[str]:
        if is_role:
            yield str(entry.get("role") or entry.get("name")) if isinstance(entry, dict) else str(entry)
        elif isinstance(entry, dict):
            for task in entry.get("block") or []:
                yield from self._used(task, False)
            used = _keyword(entry, _ROLE_KEYWORDS)
            if isinstance(used, dict):
                yield str(used.get("name"))

    def _role(self, entry: object, play: str) -> Iterator[Step]:
        role = str(entry.get("role") or entry.get("name")) if isinstance(entry, dict) else str(entry)
        yield from self._role_entries(role, "main", play)

    def _role_entries(self, role: str, tasks_from: str, play: str) -> Iterator[Step]:
        main = self._tasks_file(role, tasks_from)
        for entry in self._load(main):
            yield from self._entry(entry, play, main, role)

    def _entry(self, entry: Any, play: str, path: Path, role: str = "") -> Iterator[Step]:
        """Yield the steps of one task of a playbook or of a role's table of contents."""
        if not isinstance(entry, dict):
            return
        for section in ("block", "rescue", "always"):
            if section in entry:
                for task in entry[section] or []:
                    yield from self._entry(task, play, path, role) if section == "block" else ()
        if "block" in entry:
            return
        used = _keyword(entry, _ROLE_KEYWORDS)
        if isinstance(used, dict) and "tasks_from" not in used and "{{" not in str(used.get("name")):
            yield from self._role_entries(str(used.get("name")), "main", play)
            return
        name = str(
            entry.get("name") or (used or {}).get("name", "") if isinstance(used, dict) else entry.get("name", "")
        )
        if name:
            yield Step(name, play, str(used.get("name")) if isinstance(used, dict) else role, self._files(entry, path))

    def _files(self, entry: Mapping[str, Any], path: Path) -> frozenset[str]:
        """Return every task file that an entry leads to, or its own line."""
        place = f"{self._relative(path)}:{entry.get(_LINE, 0)}"
        found: set[Path] = set()
        self._follow(entry, path, found)
        return frozenset({place, *(self._relative(file) for file in found)})

    def _follow(self, entry: Any, path: Path, found: set[Path]) -> None:
        if not isinstance(entry, dict):
            return
        for section in ("block", "rescue", "always"):
            for task in entry.get(section) or []:
                self._follow(task, path, found)
        for file in self._leads_to(entry, path):
            if file not in found and file.is_file():
                found.add(file)
                for task in self._load(file):
                    self._follow(task, file, found)

    def _leads_to(self, entry: Mapping[str, Any], path: Path) -> Iterator[Path]:
        if (tasks := _keyword(entry, _TASKS_KEYWORDS)) and "{{" not in (name := _file(tasks)):
            yield path.parent / name
        used = _keyword(entry, _ROLE_KEYWORDS)
        if isinstance(used, dict) and "{{" not in str(used):
            yield self._tasks_file(str(used.get("name")), str(used.get("tasks_from", "main")))

    def _tasks_file(self, role: str, tasks_from: str) -> Path:
        name = tasks_from if tasks_from.endswith((".yml", ".yaml")) else f"{tasks_from}.yml"
        return self.content / "roles" / role / "tasks" / name

    def _relative(self, path: Path) -> str:
        return path.resolve().relative_to(self.content.resolve()).as_posix()

    def _load(self, path: Path) -> list[Any]:
        try:
            data = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506  (a safe loader, see above)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ControllerFault(f"{path}: {error}") from error
        return data if isinstance(data, list) else []


def _pattern(play: Mapping[str, Any]) -> str:
    hosts = play.get("hosts", "all")
    return ":".join(map(str, hosts)) if isinstance(hosts, list) else str(hosts)


def _keyword(entry: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Return the value of the first of these keywords, with or without ``ansible.builtin.``."""
    for name in names:
        for full in (name, f"ansible.builtin.{name}"):
            if full in entry:
                return entry[full]
    return None


def _file(value: object) -> str:
    return str(value.get("file", "")) if isinstance(value, dict) else str(value)
