"""What is recorded, for how long, and by which clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

_KEYS = (
    "ungcuu-web",
    "ungcuu-web-exec",
    "ungcuu-accounts",
    "ungcuu-keys",
    "ungcuu-cron",
    "ungcuu-units",
    "ungcuu-preload",
)


@pytest.mark.control("audit-daemon")
def test_audit_rules_are_complete(host: Host, site: Mapping[str, Any]) -> None:
    """A web shell leaves two traces: a write to code, and a program run by the web user."""
    loaded = host.run("auditctl -l || exit 1")
    container = host.run("systemd-detect-virt --container --quiet").rc == 0
    # A container can't load rules: what a real machine would load is looked at instead.
    rules = loaded.stdout if "ungcuu" in loaded.stdout else host.check_output("cat /etc/audit/rules.d/90-ungcuu.rules")
    assert container or "ungcuu" in loaded.stdout
    assert [key for key in _KEYS if f"-k {key}\n" not in rules + "\n" and f"key={key}\n" not in rules + "\n"] == []
    assert str(site["website_root"]) in rules
    if not container:
        assert host.service("auditd").is_running


@pytest.mark.control("log-retention")
def test_logs_are_kept_for_a_year(host: Host, site: Mapping[str, Any]) -> None:
    """Intrusions are found months later."""
    months = site.get("audit_logging_months", 12)
    assert f"MaxRetentionSec={months}month" in host.check_output("systemd-analyze cat-config systemd/journald.conf")
    assert host.file("/var/log/journal").is_directory
    rotation = host.run("cat /etc/logrotate.d/nginx")
    if rotation.rc == 0:
        assert "weekly" in rotation.stdout
        kept = int(rotation.stdout.partition("rotate ")[2].split()[0])
        assert kept >= months * 52 / 12


@pytest.mark.control("time-sync")
def test_clock_is_synchronised(host: Host) -> None:
    """A timeline of an incident needs one clock. In a container the machine below keeps it."""
    if host.run("systemd-detect-virt --container --quiet").rc == 0:
        pytest.skip("a container has its machine's clock")
    assert host.check_output("timedatectl show -p NTP --value") == "yes"


COMPARE_PACKAGE = "debsums --silent --changed coreutils"


@pytest.mark.control("package-verification")
@pytest.mark.ahead(COMPARE_PACKAGE)
def test_installed_files_are_verified_every_day(host: Host) -> None:
    """A replaced program shows up; the means is there and is run by cron."""
    assert "CRON_CHECK=daily" in host.check_output("cat /etc/default/debsums")
    assert host.run(COMPARE_PACKAGE).rc == 0


@pytest.mark.control("process-accounting")
def test_processes_are_accounted(host: Host) -> None:
    """Shows what ran when the audit log is gone. A container's kernel doesn't account for it."""
    assert 'ENABLED="true"' in host.check_output("cat /etc/default/sysstat")
    assert host.file("/usr/sbin/accton").exists
    if host.run("systemd-detect-virt --container --quiet").rc != 0:
        assert host.file("/var/log/account/pacct").exists


@pytest.mark.control("file-integrity")
def test_changed_files_are_reported(host: Host) -> None:
    """A change to configuration belongs to no package: the daily comparison is there, and its own rules are sound."""
    assert host.run("aide --config=/etc/aide/aide.conf --config-check").rc == 0
    assert host.run("systemctl is-active ungcuu-integrity.timer").stdout.strip() == "active"
    state = host.run("systemctl show -p Result,ActiveState --value ungcuu-integrity.service").stdout.split()
    assert "activating" in state or (state[-1:] != ["failed"] and host.file("/var/lib/aide/aide.db").size > 0)


@pytest.mark.control("rootkit-check")
def test_rootkits_are_looked_for(host: Host) -> None:
    """A hidden process shows in no list of files; the daily look is there and can run."""
    assert host.run("systemctl is-active ungcuu-integrity.timer").stdout.strip() == "active"
    assert "chkrootkit -q" in host.check_output("systemctl cat ungcuu-integrity.service")
    assert "chkrootkit version" in host.check_output("chkrootkit -V 2>&1 || true")
    # Debian's own job would do the same work again, and fail for want of a mail program.
    assert host.run("systemctl is-active chkrootkit.timer").stdout.strip() != "active"
    assert host.run("systemctl is-failed chkrootkit.service").rc != 0
