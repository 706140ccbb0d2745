"""`pip install .` in a clean environment gives a working `ungcuu`: playbooks, roles and plugins travel in the wheel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run outside the source tree, so that nothing of it is found by accident."""
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd="/", env=os.environ | environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean virtual environment with the wheel in it; gives its bin folder."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    assert run(sys.executable, "-m", "venv", folder / "venv").returncode == 0
    python = folder / "venv/bin/python"
    locked = run(python, "-m", "pip", "install", "-q", "--require-hashes", "-r", ROOT / "requirements.lock")
    assert locked.returncode == 0, locked.stderr
    done = run(python, "-m", "pip", "install", "-q", "--no-deps", wheel)
    assert done.returncode == 0, done.stderr
    return folder / "venv/bin"


def test_the_locked_dependencies_are_all_it_needs(installed: Path) -> None:
    """A dependency that only the source tree's .venv happens to have would break a plain install."""
    checked = run(installed / "python", "-m", "pip", "check")
    assert checked.returncode == 0, checked.stdout


def test_help_lists_the_verbs(installed: Path) -> None:
    """The command answers, in both languages."""
    assert "isolate" in run(installed / "ungcuu", "--help").stdout
    assert "cô lập" in run(installed / "ungcuu", "--lang", "vi", "--help").stdout.lower()


def test_a_plan_reads_the_playbooks_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    """The steps of a plan come from the packaged roles: without them it would be empty."""
    state = str(tmp_path)
    planned = run(installed / "ungcuu", "backup", "web01", "--inventory", "lab", "--plan", "--json", UNGCUU_STATE=state)
    assert planned.returncode == 0, planned.stderr
    assert len(json.loads(planned.stdout)["plan"]["steps"]) >= 4


def test_playbooks_run_with_the_plugins_in_the_wheel(installed: Path) -> None:
    """ansible-playbook accepts every packaged playbook: roles and action plugins are found."""
    content = next((installed.parent / "lib").glob("python3*/site-packages/ungcuu/content"))
    environment = {
        "ANSIBLE_CONFIG": str(content / "ansible.cfg"),
        "ANSIBLE_ACTION_PLUGINS": str(content.parent / "plugins/action"),
        "ANSIBLE_FILTER_PLUGINS": str(content.parent / "plugins/filter"),
    }
    playbooks = sorted(path for path in (content / "playbooks").glob("*.yml") if not path.name.startswith("_"))
    assert playbooks
    inventory = ("-i", content / "inventory/lab")
    checked = run(installed / "ansible-playbook", *inventory, "--syntax-check", *playbooks, **environment)
    assert checked.returncode == 0, checked.stderr
