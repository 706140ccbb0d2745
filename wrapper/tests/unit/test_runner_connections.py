"""What a run says of a host that never answered, of one that was lost on the way, and of a helper beside it."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import content
import pytest
from ansible_runs import go, play
from sshserver import serving

from ungcuu.core.errors import Exit, Outcome
from ungcuu.run import runner
from ungcuu.run.failures import problem_of


def test_a_host_that_never_answered_is_unreachable_and_not_unknown(tmp_path: Path) -> None:
    settings = content.make(tmp_path)
    (settings.content / "inventory/site/hosts.yml").write_text(
        "website: {hosts: {web01: {ansible_host: 127.0.0.1, ansible_port: 9, ansible_ssh_common_args: '-F none'}}}\n"
    )
    result = go(settings, "greet")
    assert result.outcome is Outcome.NOT_DONE
    assert result.hosts["web01"].problem == "unreachable"


def test_a_connection_lost_after_the_first_step_is_unknown(tmp_path: Path) -> None:
    """The remote effect may have happened: neither failure nor success may be reported."""
    tasks = """
    - name: First
      ansible.builtin.command: "true"
    - name: Second
      ansible.builtin.command: "true"
      vars:
        ansible_connection: ssh
        ansible_host: 127.0.0.1
        ansible_port: 9
        ansible_ssh_common_args: -F none
    """
    result = go(content.make(tmp_path, lost=play(tasks)), "lost")
    assert result.outcome is Outcome.UNKNOWN
    assert result.hosts["web01"].problem == "lost"


@pytest.mark.parametrize("joined", [False, True])
def test_a_host_that_says_ssh_s_words_was_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, joined: bool
) -> None:
    """ "Nothing was changed there", though its first command had run. ``joined``: by a connection of an earlier run.

    Seen failing (NOT DONE, unreachable; host key) without the login that ssh notes, and without the look at what is up.
    """
    cp = Path(tempfile.mkdtemp(prefix="cp-"))  # a socket's path may have 108 characters
    monkeypatch.setenv("ANSIBLE_SSH_CONTROL_PATH_DIR", str(cp))
    monkeypatch.setattr(runner, "INHERITED", runner.INHERITED | {"ANSIBLE_SSH_CONTROL_PATH_DIR"})
    (tmp_path / "sshd").mkdir()
    liar = tmp_path / "python3"
    with serving(tmp_path / "sshd") as target:
        common = (
            f"""-F none -o IdentitiesOnly=yes -o UserKnownHostsFile='"{target.known_hosts}"' -o HostKeyAlias=web01"""
        )
        facts = {"ansible_host": target.address, "ansible_port": target.port, "ansible_user": target.user}
        facts |= {"ansible_become": False, "ansible_ssh_private_key_file": str(target.key), "ansible_pipelining": True}
        facts |= {"ansible_ssh_common_args": common, "ansible_python_interpreter": str(liar)}
        settings = content.make(
            tmp_path, lie=play("- ansible.builtin.ping:"), hello=play("- ansible.builtin.raw: date")
        )
        (settings.content / "inventory/site/hosts.yml").write_text(json.dumps({"website": {"hosts": {"web01": facts}}}))
        for said in ("ssh: connect to host 192.0.2.1 port 22: Connection refused", "Host key verification failed."):
            shutil.rmtree(cp)
            cp.mkdir()
            if joined:
                assert go(settings, "hello").outcome is Outcome.DONE
            liar.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 255\n")
            liar.chmod(0o755)
            result = go(settings, "lie", targets={"web01": target})
            assert said in result.hosts["web01"].message
            assert (result.outcome, result.hosts["web01"].problem) == (Outcome.UNKNOWN, "lost")
    shutil.rmtree(cp)


def test_a_helper_that_can_not_be_reached_fails_the_step_and_is_named(tmp_path: Path) -> None:
    """A dead vault must not be reported as a lost website: the step on it has not begun."""
    tasks = """
    - name: First
      ansible.builtin.command: "true"
    - name: Second
      ansible.builtin.command: "true"
      delegate_to: vault01
      vars: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 9, ansible_ssh_common_args: -F none}
    """
    result = go(content.make(tmp_path, helped=play(tasks)), "helped")
    assert result.outcome is Outcome.NOT_DONE
    assert result.hosts["web01"].problem == "helper unreachable"
    assert result.hosts["web01"].helper == "vault01"
    error = problem_of("backup", False, result)
    assert error is not None and error.what.startswith("vault01 can't be reached: ")
    assert error.code is Exit.NOT_DONE and "ungcuu doctor vault01" in error.fix


def test_a_helper_whose_connection_is_lost_is_named_and_not_the_website(tmp_path: Path) -> None:
    """The vault was paused in the middle of a backup: "The connection to web01 was lost". Seen failing without the
    helper in the host's result."""
    tasks = """
    - name: First
      ansible.builtin.command: "true"
    - name: Second
      ansible.builtin.command: "true"
      delegate_to: vault01
      vars: {ansible_connection: ssh, ansible_ssh_executable: /bin/false, ansible_host: 127.0.0.1}
    """
    result = go(content.make(tmp_path, helped=play(tasks)), "helped")
    assert result.outcome is Outcome.UNKNOWN
    error = problem_of("backup", False, result)
    assert error is not None
    assert error.what.startswith("The connection to vault01 was lost in the step “Second”: ")
    assert "may or may not have happened on vault01" in error.state
    assert error.fix == "ungcuu resume web01"
