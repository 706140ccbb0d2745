"""The lab for tests on real hosts: one lab a test run, a fresh host for each module that asks for one.

UNGCUU_LAB_SLOT chooses the lab, UNGCUU_LAB_DEBIAN (12 or 13) the release of hosts that are made again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ungcuu.case.case import list_cases
from ungcuu.core.settings import Settings
from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
DEBIAN = os.environ.get("UNGCUU_LAB_DEBIAN", "12")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The lab of this run's slot, its state folder in the environment, so that plain commands find it too."""
    os.environ.setdefault("UNGCUU_STATE", str(tmp_path_factory.mktemp("state")))
    return Lab.from_environment(Path(os.environ["UNGCUU_STATE"]))


@pytest.fixture(scope="module")
def fresh(lab: Lab) -> Callable[..., Lab]:
    """`fresh("web01", "vault01")`: these hosts as their images have them, whatever earlier tests did to them."""

    def make(*hosts: str) -> Lab:
        lab.down(hosts)
        lab.up(hosts, DEBIAN)
        for host in hosts:  # what was signed of another machine says nothing of this one
            for folder in (Path(os.environ["UNGCUU_STATE"]) / "hosts").glob(f"{host}*"):  # and its websites'
                for signed in (*folder.glob("baseline*"), *folder.glob("root-lost*")):
                    signed.unlink()
        close_cases(hosts)  # an isolation of an earlier module opened one
        return lab

    return make


def close_cases(hosts: tuple[str, ...]) -> None:
    """Close the open cases of hosts that were made again."""
    for case in list_cases(Settings.from_environment()):
        if case.facts.phase != "closed" and set(case.facts.hosts) & set(hosts):
            case.close("the host was made again", force=True)


@pytest.fixture(scope="session")
def playbook(lab: Lab) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`playbook("isolate", "web01", isolation_mode="full")`: plain ansible-playbook, as AWX would run it."""

    def run(name: str, limit: str, *arguments: str, **variables: object) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory/lab", "-l", limit]
        command += ["-e", json.dumps(variables), *arguments, f"playbooks/{name}.yml"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)

    return run


@pytest.fixture(scope="session")
def ungcuu(ungcuu_on: Callable[[str | Path], Ungcuu]) -> Ungcuu:
    """`ungcuu("scan", "web01")` on the lab's inventory: exit code, the JSON document, what was said on the way."""
    return ungcuu_on("lab")


@pytest.fixture(scope="session")
def ungcuu_on(lab: Lab) -> Callable[[str | Path], Ungcuu]:
    """`ungcuu_on(folder)("scan", "web01")`: the same on another inventory."""

    def on(inventory: str | Path) -> Ungcuu:
        def run(*arguments: str, stdin: str = "") -> tuple[int, dict[str, Any], str]:
            command = [sys.executable, "-m", "ungcuu", "--inventory", str(inventory), "--json", *arguments]
            done = subprocess.run(
                command, cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=900, check=False
            )
            return done.returncode, json.loads(done.stdout or "{}"), done.stderr

        return run

    return on
