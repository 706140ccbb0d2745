"""The host's banner (Banner, pam_motd before the login) never stands before the cause of an error."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import content
import pytest
from sshserver import serving

from ungcuu.core.settings import Settings
from ungcuu.hosts import ssh
from ungcuu.run import runner
from ungcuu.run.failures import problem_of
from ungcuu.run.tally import RunResult

BANNER = "*** AUTHORISED USE ONLY ***\nAll activity is logged. Máy chủ của Sở Công Thương.\n"
TASKS = """
- name: A play
  hosts: website
  gather_facts: false
  tasks:
    - name: Ask
      ansible.builtin.ping:
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ssh.Target]:
    with serving(tmp_path, BANNER) as target:
        yield target


def test_standard_error_is_the_programs_own(server: ssh.Target) -> None:
    """Seen failing with ssh's LogLevel at INFO: the banner came first."""
    done = ssh.run(server, "echo 'no space left' >&2; exit 3")
    assert (done.returncode, done.stderr) == (3, b"no space left\n")


def test_what_ssh_itself_says_is_still_shown(server: ssh.Target, tmp_path: Path) -> None:
    (tmp_path / "authorized").write_text("")
    refused = ssh.run(server, "true")
    assert refused.ending is ssh.Ending.NOT_REACHED
    assert "Permission denied" in refused.detail and "AUTHORISED" not in refused.detail


def run(server: ssh.Target, tmp_path: Path, **more: str) -> RunResult:
    """Run a playbook with the ansible.cfg that is shipped."""
    known = shutil.copy(server.known_hosts, tmp_path / "known_hosts")
    settings = content.make(tmp_path, ask=TASKS)
    shutil.copy(Settings.from_environment().content / "ansible.cfg", settings.content / "ansible.cfg")
    variables = {
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_port": server.port,
        "ansible_user": server.user,
        "ansible_ssh_private_key_file": str(server.key),
        "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={known} -o HostKeyAlias=web01"
        " -o ControlPath=none -o IdentitiesOnly=yes -o IdentityAgent=none",
        **more,
    }
    assert settings.inventory
    return runner.run(settings, (settings.inventory,), "ask", ("web01",), variables)


@pytest.mark.parametrize("key", [True, False])
def test_an_error_of_a_playbook_begins_with_its_cause(server: ssh.Target, tmp_path: Path, key: bool) -> None:
    """A host without Python, and one that refuses the key. Seen failing without LogLevel in ansible.cfg."""
    if not key:
        (tmp_path / "authorized").write_text("")
    error = problem_of("scan", True, run(server, tmp_path, ansible_python_interpreter="/nonexistent/python3"))
    assert error is not None
    assert ("/nonexistent/python3" if key else "Permission denied") in error.what
    assert "AUTHORISED" not in error.what and "Sở Công Thương" not in error.what
