"""A playbook run on a node: a real sshd on loopback, a real ssh-agent, ansible-runner's real worker behind them."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import sys
import tempfile
import textwrap
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import content
import pytest
from sshserver import serving

from ungcuu.core import process_guard
from ungcuu.core.errors import Exit, Outcome
from ungcuu.core.settings import Settings
from ungcuu.hosts.site import Site
from ungcuu.hosts.ssh import Target
from ungcuu.run import node as nodes
from ungcuu.run import node_runner, remote_job, runner
from ungcuu.run.events import Event
from ungcuu.run.failures import problem_of
from ungcuu.run.tally import RunResult

WRAPPER = Path(__file__).parents[2]
PROGRAM = """#!{python}
import sys
sys.path.insert(0, {wrapper!r})
from pathlib import Path
from ungcuu.core import settings
settings.content_dir = lambda: Path({content!r})
from ungcuu.run import node
node.content_dir = settings.content_dir
node.PLAYBOOKS = frozenset({{"greet", "slow", "state", "loud"}})
node.SILENCE = {silence}
from ungcuu.run import node_worker
{more}
sys.exit(node_worker.main())
"""
SLOW = """
- name: Change a host slowly
  hosts: website
  gather_facts: false
  tasks:
    - name: First
      ansible.builtin.command: "true"
    - name: Sleep, then touch
      ansible.builtin.shell: sleep {{ seconds }}; touch {{ mark }}
"""
STATE = """
- name: Use the state folder
  hosts: website
  gather_facts: false
  tasks:
    - name: Show what is there
      ansible.builtin.command: find {{ ungcuu_state }} -type f -printf '%P '
      register: found
    - name: Report it
      ungcuu_report: {kind: snapshot, data: {what: files, found: "{{ found.stdout }}"}}
    - name: Write
      ansible.builtin.copy:
        content: "{{ item.text }}"
        dest: "{{ ungcuu_state }}/{{ item.name }}"
      loop:
        - {name: hosts/web01/expected.json, text: '{"/a": "b"} '}
        - {name: hosts/web01/secrets.yml, text: '{}'}
        - {name: hosts/web02/expected.json, text: '{}'}
        - {name: keys/journal_ed25519.pub, text: 'x'}
"""


@pytest.fixture(name="place")
def a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Place]:
    (tmp_path / "sshd").mkdir()
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    with serving(tmp_path / "sshd") as target:
        yield _Place(tmp_path, target, monkeypatch)


class _Place:
    """A controller with a site, and a node reached over sshd."""

    def __init__(self, folder: Path, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.target = folder, replace(target, name="node01")
        key = target.known_hosts.read_text().split(" ", 1)[1]
        target.known_hosts.write_text(f"node01,web01,web02,vault01 {key}")
        self.settings = content.make(folder, slow=SLOW, state=STATE)
        monkeypatch.setattr(nodes, "content_dir", lambda: self.settings.content)
        nodes.fingerprint.cache_clear()
        self.base = Path(f"/dev/shm/ungcuu-node-{os.geteuid()}")
        self.known = set(self.base.glob("*"))

    def node(self, silence: float = 30.0, more: str = "") -> nodes.Node:
        program = self.folder / "program"
        program.write_text(
            PROGRAM.format(
                python=sys.executable,
                wrapper=str(WRAPPER),
                content=str(self.settings.content),
                silence=silence,
                more=textwrap.dedent(more),
            )
        )
        program.chmod(0o755)
        site = Site.load(self.settings)
        # The hosts of the site are this machine, without SSH; test_a_key_is_bound has a second sshd.
        facts = {name: {**rows, "ansible_ssh_private_key_file": str(self.target.key)} for name, rows in site.hosts.items()}
        facts = {name: {**rows, "ungcuu_known_hosts": str(self.target.known_hosts)} for name, rows in facts.items()}
        return nodes.Node(self.target, replace(site, hosts=facts), str(program))

    def go(self, node: nodes.Node, playbook: str = "greet", **more: Any) -> RunResult:
        variables = more.pop("variables", {"greeting_text": "{{ no }}", "greeting_file": str(self.folder / "out")})
        inventory = self.settings.content / "inventory" / "site"
        hosts = more.pop("hosts", ("web01",))
        more.setdefault("run_id", "run-1")
        return runner.run(self.settings, (inventory,), playbook, hosts, variables, via=node, **more)

    def left(self) -> list[Path]:
        return sorted(set(self.base.glob("*")) - self.known)

    def wait_for_task(self) -> None:
        until = time.monotonic() + 60
        while not _processes("sleep 77"):
            assert time.monotonic() < until, "the task never began"
            time.sleep(0.05)


def _processes(words: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if words in line:
                found.append(int(entry.name))
    return found


def _gone(words: str, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while _processes(words) and time.monotonic() < until:
        time.sleep(0.1)
    return not _processes(words)


def test_a_run_through_a_node_is_the_run_without_it(place: _Place) -> None:
    seen: list[Event] = []
    result = place.go(place.node(), on_event=seen.append)
    assert result.outcome is Outcome.DONE, str(result.hosts) + result.message
    assert (place.folder / "out").read_text() == "{{ no }}"
    here = runner.run(
        place.settings,
        (place.settings.content / "inventory" / "site",),
        "greet",
        ("web01",),
        {"greeting_text": "{{ no }}", "greeting_file": str(place.folder / "out2")},
    )
    assert (here.hosts, here.reports, here.outcome) == (result.hosts, result.reports, result.outcome)
    assert place.left() == [], "the node keeps nothing"
    print(result)
