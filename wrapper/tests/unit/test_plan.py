"""Steps are read from the playbook, and an event finds the step that it belongs to."""

from __future__ import annotations

from pathlib import Path

import content
import pytest

from ungcuu.core.errors import ControllerFault
from ungcuu.run.plan import HIDDEN, Plan, hide, playbook_roles, playbook_steps


def steps(tmp_path: Path, **playbooks: str) -> list[str]:
    settings = content.make(tmp_path, **playbooks)
    return [step.name for step in playbook_steps(settings.content, next(iter(playbooks), "greet"))]


def test_steps_are_the_entries_of_roles_and_the_tasks_of_the_play(tmp_path: Path) -> None:
    assert steps(tmp_path) == ["Look at the host", "Greet in one line", "Say goodbye"]


def test_a_part_of_a_role_is_one_step_and_a_whole_role_is_its_contents(tmp_path: Path) -> None:
    text = """
    - name: Both ways
      hosts: website
      tasks:
        - name: Only look
          ansible.builtin.import_role:
            name: greeting
            tasks_from: look
        - name: Everything
          ansible.builtin.include_role:
            name: greeting
        - name: In a block
          block:
            - name: Inner
              ansible.builtin.debug:
          rescue:
            - name: Only when it fails
              ansible.builtin.debug:
    """
    assert steps(tmp_path, both=text) == ["Only look", "Look at the host", "Greet in one line", "Inner"]


def test_imported_playbooks_and_unknown_tags_are_read(tmp_path: Path) -> None:
    text = "- ansible.builtin.import_playbook: greet.yml\n- hosts: all\n  vars: {x: !vault abc, y: !unsafe '{{'}\n"
    assert steps(tmp_path, outer=text)[-1] == "Say goodbye"


def test_events_find_their_step_and_time_goes_forward(tmp_path: Path) -> None:
    settings = content.make(tmp_path)
    found = playbook_steps(settings.content, "greet")
    plan = Plan("greet", "prepare", ("web01",), found)
    assert plan.locate("roles/greeting/tasks/look.yml:1") == 0
    assert plan.locate("roles/greeting/tasks/greet.yml:9", 0) == 1
    assert plan.locate("playbooks/greet.yml:8", 1) == 2
    assert plan.locate("roles/greeting/tasks/look.yml:1", 2) == 2, "what is not ahead belongs to the step under way"


def test_roles_know_the_hosts_of_their_play(tmp_path: Path) -> None:
    settings = content.make(tmp_path)
    assert playbook_roles(settings.content, "greet") == (("website", "greeting"),)


def test_secrets_are_hidden_in_a_plan() -> None:
    assert hide({"a": 1, "b": "x"}, ["b"]) == {"a": 1, "b": HIDDEN}


def test_a_broken_playbook_is_named(tmp_path: Path) -> None:
    settings = content.make(tmp_path, broken="- name: [\n")
    with pytest.raises(ControllerFault, match=r"broken\.yml"):
        playbook_steps(settings.content, "broken")
