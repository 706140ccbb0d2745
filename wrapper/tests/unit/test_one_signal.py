"""The website is tried again after any change, whichever module made it; the role's own condition is tested here.

Seen failing with the callback plugin counting nothing but our own plugins, and with ``default(false)`` in the role.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import content
import pytest
import yaml
from ansible_runs import go, play

ROOT = Path(__file__).resolve().parents[3]
AGAIN = yaml.safe_load((ROOT / "roles/website_probe/tasks/again.yml").read_text("utf-8"))
WHEN = next(task["when"] for task in AGAIN if "ungcuu_website_probe" in task)


def tried_again(tmp_path: Path, *tasks: dict[str, Any], **settings: str) -> bool:
    """Return whether plain ansible-playbook would try the website again after these tasks."""
    trial = {"ansible.builtin.debug": {"msg": "tried again"}, "when": WHEN, "vars": {"website_probe_enabled": True}}
    row = {"hosts": "all", "gather_facts": False, "connection": "local", "tasks": [*tasks, trial]}
    path = tmp_path / "play.yml"
    path.write_text(yaml.safe_dump([row]))
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")} | settings
    interpreter = ("-e", f"ansible_python_interpreter={sys.executable}")
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "web01,", *interpreter, str(path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return "tried again" in done.stdout


def copy(tmp_path: Path) -> dict[str, Any]:
    return {"ansible.builtin.copy": {"content": "x", "dest": str(tmp_path / "copied"), "mode": "0644"}}


READ: dict[str, Any] = {"ansible.builtin.command": {"argv": ["true"]}, "changed_when": False}


def test_a_builtin_module_counts_as_a_change_and_only_once(tmp_path: Path) -> None:
    assert tried_again(tmp_path, READ, copy(tmp_path), READ)
    assert not tried_again(tmp_path, READ, copy(tmp_path)), "the second copy finds its file"


def test_our_own_plugin_counts_as_much_and_a_report_alone_does_not(tmp_path: Path) -> None:
    folder = {"folder": str(tmp_path), "add": ["203.0.113.9"], "reason": "brute force"}
    assert tried_again(tmp_path, {"ungcuu_blocks": folder})
    assert not tried_again(tmp_path, {"ungcuu_report": {"kind": "change", "data": {"what": "x"}}})


def test_a_task_that_failed_may_have_changed_something(tmp_path: Path) -> None:
    rescued = {"block": [{"ansible.builtin.command": {"argv": ["false"]}}], "rescue": [READ]}
    assert tried_again(tmp_path, rescued)


def test_where_nobody_counts_the_website_is_tried_again(tmp_path: Path) -> None:
    assert tried_again(tmp_path, READ, ANSIBLE_CALLBACK_PLUGINS=str(tmp_path))


@pytest.mark.parametrize("dest", ["copied", ""])
def test_a_run_of_the_wrapper_counts_too(tmp_path: Path, dest: str) -> None:
    """It names the folder of callback plugins itself: ansible-runner puts its own beside it."""
    tasks = f"""
    - name: Look
      ansible.builtin.command:
        argv: ["true"]
      changed_when: {bool(dest)}
    - name: Try the website again
      ansible.builtin.file:
        path: {tmp_path}/again
        state: touch
        mode: "0644"
      when: {WHEN}
      vars: {{website_probe_enabled: true}}
    """
    go(content.make(tmp_path, look=play(tasks)), "look")
    assert (tmp_path / "again").exists() is bool(dest)
