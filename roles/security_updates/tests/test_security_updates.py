"""Apt's effective configuration and the timer that runs."""

from __future__ import annotations

import pytest
from testinfra.host import Host

TRY_UPDATES = "unattended-upgrade --dry-run"


@pytest.mark.control("updates-automatic")
@pytest.mark.ahead(TRY_UPDATES)
def test_security_updates_run_by_themselves(host: Host) -> None:
    """Mass exploitation starts within days of a fix; nobody reads advisories on a Sunday."""
    effective = host.check_output("apt-config dump")
    for line in (
        'APT::Periodic::Unattended-Upgrade "1";',
        'APT::Periodic::Update-Package-Lists "1";',
        'Unattended-Upgrade::Origins-Pattern:: "origin=Debian,codename=${distro_codename}-security,'
        'label=Debian-Security";',
    ):
        assert line in effective
    assert host.run("systemctl is-active apt-daily-upgrade.timer").stdout.strip() == "active"
    assert "Traceback" not in host.run(TRY_UPDATES).stderr
