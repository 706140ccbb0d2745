"""The vault: nothing listens, and what talks with hosts has no rights and knows no password."""

from __future__ import annotations

import pytest


@pytest.fixture
def vault(host):
    """The host under test, when it is a vault."""
    if not host.file("/etc/ungcuu-vault").exists:
        pytest.skip("this host is no vault")
    return host


def test_nothing_serves_while_no_backup_runs(vault):
    """A server that is always there can be attacked all the time."""
    said = vault.check_output("ss -Hltnp")
    assert not [line for line in said.splitlines() if "rclone" in line or "rest-server" in line]


def test_passwords_are_root_s(vault):
    """Who talks with a hostile host must not hold what opens its repository."""
    said = vault.check_output("find /etc/ungcuu-vault/passwords -printf '%M %u %f\\n'").splitlines()
    assert said[0] == "drwx------ root passwords"
    assert all(line.startswith("-rw------- root ") for line in said[1:])


def test_account_can_not_log_in(vault):
    """It only starts from root's hand."""
    known = vault.user("ungcuu-vault")
    assert (known.shell, known.password) == ("/usr/sbin/nologin", "*")


def test_ledger_is_not_the_account_s(vault):
    """The list of trusted points must stay true even if the account is taken over."""
    said = vault.check_output("find /var/lib/ungcuu-vault/sites -maxdepth 2 -name ledger.json -printf '%u %m\\n'")
    assert all(line == "root 640" for line in said.splitlines())


def test_timers_run(vault):
    """A backup that nobody starts is none."""
    said = vault.check_output("systemctl list-timers 'ungcuu-backup@*' --no-legend --all")
    assert said.strip()


def test_trusted_sets_are_root_s(vault):
    """What talks with hosts reads restore points and can't change one byte of them."""
    said = vault.check_output("find /var/lib/ungcuu-vault/sites -path '*/sets/*' '(' -not -user root -o -perm /022 ')'")
    assert said == ""


def test_nothing_is_left_of_runs_and_reads(vault):
    """A folder that was served to a host, or read from, is gone when that is over."""
    said = vault.check_output("find /var/lib/ungcuu-vault/sites -mindepth 3 -path '*/incoming/*' -o -path '*/views/*'")
    assert said == ""
