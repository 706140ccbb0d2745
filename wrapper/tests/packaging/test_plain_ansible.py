"""Playbooks run where nobody has installed ungcuu: with ansible-core and what it brings, as in AWX or a container.

The environment is a virtual one that holds links to those packages alone. Seen failing with the line that finds the
package beside a plugin taken out of ``compare_baseline``, and while reading a journal asked for ``filelock``.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ACTIONS = ROOT / "wrapper" / "ungcuu" / "plugins" / "action"
PLUGINS = sorted(path.stem for path in ACTIONS.glob("[!_]*.py"))
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))


def ansible(python: Path, where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook from a folder, with this tree's ansible.cfg and an empty environment."""
    environment = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "LC_ALL", "TMPDIR")}
    environment |= {"PATH": f"{python.parent}:/usr/bin:/bin", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    command = [str(python), "-m", "ansible", "playbook", *words]
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)


def test_the_environment_holds_nothing_of_ours(python: Path) -> None:
    script = "import importlib.util as i; print([i.find_spec(n) for n in ('ungcuu', 'click', 'ansible_runner')])"
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "[None, None, None]"


def test_every_playbook_is_understood(python: Path, tmp_path: Path) -> None:
    done = ansible(python, tmp_path, "--syntax-check", "-i", "localhost,", *map(str, PLAYBOOKS))
    assert done.returncode == 0, done.stderr[-2000:]


def play(tmp_path: Path, *tasks: dict[str, Any]) -> Path:
    path = tmp_path / "play.yml"
    row = {"hosts": "all", "gather_facts": False, "connection": "local", "tasks": list(tasks)}
    path.write_text(yaml.safe_dump([row]))
    return path


@pytest.mark.parametrize("name", PLUGINS)
def test_every_plugin_finds_its_package_by_itself(python: Path, name: str) -> None:
    """Alone: in a run of a playbook another plugin may have found the package before it."""
    done = subprocess.run([python, "-I", ACTIONS / f"{name}.py"], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr


def test_every_plugin_refuses_what_it_does_not_know(python: Path, tmp_path: Path) -> None:
    """By its own documentation: so it was loaded whole, as a playbook loads it."""
    tasks = [{name: {"unknown": 1}, "ignore_errors": True, "name": name} for name in PLUGINS]
    done = ansible(python, tmp_path, "-i", "web01,", str(play(tmp_path, *tasks)))
    missing = [name for name in PLUGINS if f"{name}: unknown key" not in done.stdout + done.stderr]
    assert missing == [], (done.stdout + done.stderr)[-4000:]


def test_a_drop_in_is_written(python: Path, tmp_path: Path) -> None:
    """In check mode: the host's program runs, and nothing is written."""
    wanted = tmp_path / "wanted.conf"
    (tmp_path / "wanted.conf.j2").write_text("a = 1\n")
    task = {"ungcuu_dropins": {"files": [{"src": str(tmp_path / "wanted.conf.j2"), "dest": str(wanted)}]}}
    done = ansible(python, tmp_path, "-i", "web01,", "--check", "--diff", str(play(tmp_path, task)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=1" in done.stdout
    assert "+a = 1" in done.stdout
    assert not wanted.exists()
