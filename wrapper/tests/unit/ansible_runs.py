"""A real ansible-playbook run against this machine, for tests."""

from __future__ import annotations

import textwrap
from typing import Any

from ungcuu.core.settings import Settings
from ungcuu.run import runner
from ungcuu.run.tally import RunResult


def play(tasks: str) -> str:
    head = "- name: A play\n  hosts: website\n  gather_facts: false\n  any_errors_fatal: true\n  tasks:\n"
    return head + textwrap.indent(textwrap.dedent(tasks).strip() + "\n", "    ")


def go(settings: Settings, playbook: str, *hosts: str, **more: Any) -> RunResult:
    assert settings.content
    inventory = settings.content / "inventory" / "site"
    return runner.run(settings, (inventory,), playbook, hosts or ("web01",), more.pop("variables", {}), **more)
