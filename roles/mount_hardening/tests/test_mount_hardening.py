"""What the kernel does in the folders, and what an account sees."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host


@pytest.mark.control("mounts-temporary")
def test_nothing_runs_in_temporary_folders(host: Host, site: Mapping[str, Any]) -> None:
    """What an intruder downloads lands here, since everybody may write here: a program is put there and tried."""
    name = f"ungcuu-{secrets.token_hex(4)}"
    found = {}
    for folder in site.get("mount_hardening_folders", ["/tmp", "/var/tmp", "/dev/shm"]):
        host.check_output("install -m 0755 /bin/true %s", f"{folder}/{name}")
        try:
            options = host.check_output("findmnt -nro OPTIONS --mountpoint %s", folder).splitlines()[-1].split(",")
            runs = host.run("%s", f"{folder}/{name}").rc == 0
            found[folder] = (runs, {"nosuid", "nodev", "noexec"} - set(options))
        finally:
            host.run("rm -f %s", f"{folder}/{name}")
    assert found == dict.fromkeys(found, (False, set()))


@pytest.mark.control("proc-hidden")
def test_accounts_see_their_own_processes_only(host: Host) -> None:
    """Command lines hold passwords, and show a stolen account what else there is to attack; root still sees all."""
    owners = "ps -eo user= | sort -u"
    assert host.check_output("runuser -u nobody -- sh -c %s", owners).split() == ["nobody"]
    assert "root" in host.check_output(owners).split()
    assert host.run("runuser -u nobody -- cat /proc/1/status").rc != 0
    if host.service("systemd-logind").is_running:
        assert host.run("loginctl list-sessions --no-legend").rc == 0
