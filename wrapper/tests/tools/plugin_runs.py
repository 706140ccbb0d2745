"""Run one of our action plugins as Ansible does, on a host that answers from a table or that is this machine.

The plugin is found by Ansible's own loader, below ``wrapper/ungcuu/plugins/action``.
"""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import action_loader, connection_loader, init_plugin_loader
from ansible.template import Templar

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "wrapper" / "ungcuu" / "plugins"
NAMES = sorted(path.stem for path in (PLUGINS / "action").glob("[!_]*.py"))

_VALUES = {"str": "x", "path": "/x", "int": 1, "float": 1.5, "bool": True, "dict": {"x": 1}, "raw": "x", "list": ["x"]}
Host = Callable[[str, bytes], Mapping[str, Any]]


def no_host(command: str, _sent: bytes) -> Mapping[str, Any]:
    """Stand for a host that must not be asked."""
    raise AssertionError(f"the host was asked to run: {command}")


def this_machine(command: str, sent: bytes) -> Mapping[str, Any]:
    """Run the command here, as the host would."""
    done = subprocess.run(["sh", "-c", command], input=sent, capture_output=True, check=False)
    return {"rc": done.returncode, "stdout": done.stdout.decode(), "stderr": done.stderr.decode()}


def order_of(program: bytes) -> dict[str, Any]:
    """Return what a program that goes to the host is asked for."""
    (line,) = [row for row in program.decode().splitlines() if row.startswith("ORDER = json.loads(")]
    order: dict[str, Any] = json.loads(ast.literal_eval(line.removeprefix("ORDER = json.loads(").removesuffix(")")))
    return order


def answering(answer: Callable[[dict[str, Any]], Mapping[str, Any]]) -> Host:
    """Return a host whose program answers so."""
    return lambda _command, program: {"stdout": "UNGCUU-RESULT " + json.dumps(answer(order_of(program)))}


def load(name: str, arguments: Mapping[str, Any], host: Host = no_host, *, check: bool = False) -> Any:
    """Return the plugin, ready to run."""
    if not action_loader.has_plugin(name):
        init_plugin_loader([])
        action_loader.add_directory(str(PLUGINS / "action"))
    task = Task()
    task.action, task.args, task.check_mode, task.diff = name, dict(arguments), check, True
    loader, play = DataLoader(), PlayContext()
    action = action_loader.get(
        name,
        task=task,
        connection=connection_loader.get("local", play),
        play_context=play,
        loader=loader,
        templar=Templar(loader=loader),
        shared_loader_obj=None,
    )

    def asked(command: str, *_rest: Any, in_data: Any = None, **_more: Any) -> dict[str, Any]:
        sent = in_data.encode() if isinstance(in_data, str) else in_data or b""
        return {"rc": 0, "stdout": "", "stderr": ""} | dict(host(command, sent))

    action._low_level_execute_command = asked
    return action


def run(
    name: str, arguments: Mapping[str, Any], host: Host = no_host, *, check: bool = False, **variables: Any
) -> dict[str, Any]:
    """Return the result of one task with this plugin."""
    known = {"inventory_hostname": "web01", **variables}
    result: dict[str, Any] = load(name, arguments, host, check=check).run(task_vars=known)
    return result


def specified(option: Mapping[str, Any]) -> Any:
    """Return a value that the option takes."""
    if "choices" in option:
        return option["choices"][0]
    if "suboptions" in option:
        row = required(option["suboptions"])
        return [row] if option["type"] == "list" else row
    if option["type"] == "list":
        return [specified({"type": option.get("elements", "str")})]
    return {"str": "x", "path": "/x", "int": 1, "float": 1.5, "bool": True, "dict": {"x": 1}, "raw": "x"}[
        option["type"]
    ]


def required(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with every required option, and nothing else."""
    return {name: specified(option) for name, option in options.items() if option.get("required")}


def untemplated(options: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a task as written, each template replaced by a value that its option takes."""
    return {
        key: specified(options[key]) if "{{" in str(value) and key in options else value
        for key, value in arguments.items()
    }


def uses(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each use of one of our plugins in a list of tasks or plays, blocks and plays opened."""

    def walk(entries: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        for entry in entries if isinstance(entries, list) else []:
            for name in NAMES:
                if name in entry:
                    yield name, entry[name] or {}
            for section in ("block", "rescue", "always", "pre_tasks", "tasks", "post_tasks", "handlers"):
                yield from walk(entry.get(section))

    yield from walk(yaml.safe_load(text))
