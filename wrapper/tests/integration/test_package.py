"""The released files on bare hosts: installed as a stranger would, without a network where that is promised.

They are built anew: some minutes. The host is the lab's vault before anything was done to it, which is a bare Debian.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ungcuu.lab import Lab
from ungcuu.lab.podman import podman

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a release of this tree as it is."""
    out = tmp_path_factory.mktemp("release") / "dist"
    command = [sys.executable, "-m", "release.make", "--unclean", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT / "wrapper", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return out


@pytest.fixture(scope="module", params=["12", "13"])
def bare(request: pytest.FixtureRequest, lab: Lab, made: Path) -> Iterator[str]:
    """A bare host with the released files in /root/dist; gives its container's name."""
    lab.down(["vault01"])
    lab.up(["vault01"], request.param)
    podman("cp", str(made), f"{lab.container('vault01')}:/root/dist")
    yield lab.container("vault01")
    lab.down(["vault01"])


def on(name: str, script: str) -> str:
    done = podman("exec", name, "bash", "-c", script, check=False)
    assert done.returncode == 0, f"{script}: {done.stdout.decode()[-2000:]} {done.stderr.decode()[-2000:]}"
    return done.stdout.decode()


def test_the_package_installs_works_and_goes(bare: str) -> None:
    apt = "apt-get install -yqq --no-install-recommends -o DPkg::Lock::Timeout=60"
    on(bare, f"apt-get update -qq && {apt} /root/dist/ungcuu_*_all.deb")
    assert "isolate" in on(bare, "ungcuu --help")
    begin = time.monotonic()
    for _again in range(5):
        on(bare, "ungcuu --help")
    assert (time.monotonic() - begin) / 5 < 1.5, "0.3 s on an idle machine, most of it podman's"
    units = " ".join(on(bare, "systemctl list-unit-files 'ungcuu*'").split())
    assert "ungcuu-watch.timer disabled" in units and "ungcuu-hold.service disabled" in units
    on(bare, "systemd-analyze verify /usr/lib/systemd/system/ungcuu-*")
    on(bare, "ungcuu completion bash | cmp - /usr/share/bash-completion/completions/ungcuu")
    assert "playbooks" in on(bare, "ls /usr/lib/ungcuu/venv/lib/python3*/site-packages/ungcuu/content")
    on(bare, "mkdir /etc/ungcuu/inventory && touch /etc/ungcuu/inventory/hosts.yml && apt-get purge -yqq ungcuu")
    assert on(bare, "ls -A /usr/lib/ungcuu 2>/dev/null || true") == ""
    assert "hosts.yml" in on(bare, "ls /etc/ungcuu/inventory"), "a site's own files are never removed"


def test_the_bundle_installs_without_a_network(bare: str) -> None:
    on(bare, "tar -C /root -xzf /root/dist/ungcuu-*-offline.tar.gz")
    on(bare, "dpkg -s python3-venv >/dev/null || apt-get install -yqq --no-install-recommends python3-venv")
    on(bare, "unshare --net sh /root/ungcuu-*-offline/install.sh /opt/ungcuu")
    assert "isolate" in on(bare, "unshare --net /opt/ungcuu/bin/ungcuu --help")
    on(bare, "/opt/ungcuu/bin/ansible-playbook --version")


def test_a_changed_wheel_is_refused_and_the_old_environment_stays(bare: str) -> None:
    on(bare, "for wheel in /root/ungcuu-*-offline/wheels/click-*.whl; do printf x >> $wheel; done")
    done = podman("exec", bare, "bash", "-c", "sh /root/ungcuu-*-offline/install.sh /opt/ungcuu", check=False)
    assert done.returncode != 0
    assert "isolate" in on(bare, "/opt/ungcuu/bin/ungcuu --help")
    assert on(bare, "ls -d /opt/ungcuu.new 2>/dev/null || true") == ""
