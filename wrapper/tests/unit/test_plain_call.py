"""What a call without the wrapper brings or lacks: its key, and a state folder that lasts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import context
from ansible.utils.context_objects import CLIArgs

from ungcuu.plugins import plain_call

DEFINITION = Path(__file__).resolve().parents[2] / "release" / "execution-environment.yml"
KEY = "ansible_ssh_private_key_file"


@pytest.fixture
def called_with(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda **words: monkeypatch.setattr(context, "CLIARGS", CLIArgs(words))


def test_the_key_of_the_call_serves_where_the_inventory_names_none(called_with: Any) -> None:
    """Seen failing without it: Ansible's connection had a key and ours had none, so no host could be scanned."""
    called_with(private_key_file="/job/key")
    assert plain_call.with_private_key({"ansible_user": "u"}) == {"ansible_user": "u", KEY: "/job/key"}


@pytest.mark.parametrize("name", [KEY, "ansible_private_key_file"])
def test_the_inventory_goes_before_the_call(called_with: Any, name: str) -> None:
    called_with(private_key_file="/job/key")
    assert plain_call.with_private_key({name: "/own"}) == {name: "/own"}


def test_without_a_key_there_is_the_agent(called_with: Any) -> None:
    called_with()
    assert plain_call.with_private_key({}) == {}


def test_the_image_marks_its_own_state_folder() -> None:
    """The plugins and the image mean the same file."""
    steps = yaml.safe_load(DEFINITION.read_text("utf-8"))["additional_build_steps"]["append_final"]
    assert any(f"touch $UNGCUU_STATE/{plain_call.MARK} " in step for step in steps)


def test_only_a_folder_with_the_mark_is_lost(tmp_path: Path) -> None:
    assert plain_call.lost_with_container(str(tmp_path)) == ""
    assert plain_call.lost_with_container("") == ""
    (tmp_path / plain_call.MARK).touch()
    assert "would be lost" in plain_call.lost_with_container(str(tmp_path))
