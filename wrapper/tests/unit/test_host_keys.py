"""Ansible's own connections demand the pinned key too: nothing is sent to a host that shows another one."""

from __future__ import annotations

import shlex
from pathlib import Path

import content
import pytest
from ansible_runs import go, play
from sshserver import SSHD, keygen, serving

from ungcuu.core.errors import Outcome
from ungcuu.hosts.ssh import Target
from ungcuu.run.tally import RunResult

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(not Path(SSHD).exists(), reason="needs openssh-server's sshd")


def run(tmp_path: Path, target: Target, known: str) -> RunResult:
    """Run one task over SSH as an inventory's variables would have it; ``known`` is what is pinned."""
    pinned = tmp_path / "pinned"
    pinned.write_text(known)
    settings = content.make(tmp_path, touch=play("- name: Touch\n  ansible.builtin.raw: 'true'\n"))
    variables = {
        "ansible_connection": "ssh",
        "ansible_host": target.address,
        "ansible_port": target.port,
        "ansible_user": target.user,
        "ansible_ssh_private_key_file": str(target.key),
        "ansible_ssh_common_args": (
            f"-o UserKnownHostsFile={shlex.quote(str(pinned))} -o GlobalKnownHostsFile=/dev/null "
            "-o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -o ControlMaster=no -o ControlPath=none"
        ),
    }
    return go(settings, "touch", variables=variables)


@pytest.mark.parametrize("case", ["unknown", "changed"])
def test_a_run_refuses_a_host_whose_key_is_not_the_pinned_one(tmp_path: Path, case: str) -> None:
    """Somebody in between would get the responder's commands, and root on the real host.

    ansible-runner turns Ansible's check off unless its setting says otherwise; with the default, both cases logged in.
    """
    folder = tmp_path / "sshd"
    folder.mkdir()
    with serving(folder) as target:
        other = keygen(tmp_path / "other")
        known = f"[127.0.0.1]:{target.port} ssh-ed25519 {other}\n" if case == "changed" else ""
        result = run(tmp_path, target, known)
        log = (folder / "log").read_text()
    assert (result.outcome, result.hosts["web01"].problem) == (Outcome.NOT_DONE, "host key")
    assert "Accepted" not in log


def test_a_run_reaches_a_host_whose_key_is_pinned(tmp_path: Path) -> None:
    """Without this, the refusals above would prove nothing."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    with serving(folder) as target:
        key = (folder / "host.pub").read_text().split()[1]
        assert run(tmp_path, target, f"[127.0.0.1]:{target.port} ssh-ed25519 {key}\n").outcome is Outcome.DONE
        assert "Accepted publickey" in (folder / "log").read_text()


def test_plain_ansible_demands_the_pinned_key_whatever_the_environment_says() -> None:
    """The first value wins in ssh: one in ssh_args stands before what ANSIBLE_HOST_KEY_CHECKING would put there."""
    (line,) = [text for text in (ROOT / "ansible.cfg").read_text().splitlines() if text.startswith("ssh_args")]
    assert "-o StrictHostKeyChecking=yes" in line
