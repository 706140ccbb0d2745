"""PAM, sudo and the shells are tried, not only read."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host


@pytest.mark.control("password-quality")
def test_weak_passwords_are_refused(host: Host, site: Mapping[str, Any]) -> None:
    """The library that PAM asks is asked for three passwords."""
    good = secrets.token_urlsafe(18) + "aA1-"
    score = {word: host.run("printf %%s %s | pwscore", word).rc for word in ("Mua-he-2026", "aaaaaaaaaaaaaaaa")}
    if 127 in score.values():
        effective = host.check_output("cat /etc/security/pwquality.conf.d/*.conf")
        assert f"minlen = {site.get('account_hardening_password_length', 14)}" in effective
    else:
        assert 0 not in score.values()
        assert host.run("printf %%s %s | pwscore", good).rc == 0
    assert "pam_pwquality.so" in host.check_output("cat /etc/pam.d/common-password")


@pytest.mark.control("password-history")
def test_old_passwords_are_refused(host: Host, site: Mapping[str, Any]) -> None:
    """A leaked password must not come back; pwhistory must stand before the module that stores the new one."""
    stack = host.check_output("grep ^password /etc/pam.d/common-password").splitlines()
    order = [number for number, line in enumerate(stack) if "pam_pwhistory.so" in line or "pam_unix.so" in line]
    assert "pam_pwhistory.so" in stack[order[0]]
    assert f"remember={site.get('account_hardening_password_history', 24)}" in stack[order[0]]


# useradd in a folder in memory, with the host's own settings: the audit adds no account to the host.
NEW_ACCOUNT = """folder=$(mktemp -d /run/ungcuu-account-XXXXXX); mkdir -p $folder/etc/default
cp /etc/login.defs $folder/etc/; cp /etc/default/useradd $folder/etc/default/
for file in passwd shadow group gshadow; do : > $folder/etc/$file; done
useradd --prefix $folder --no-create-home --shell /bin/sh guest; cat $folder/etc/shadow; rm -rf $folder"""


@pytest.mark.control("password-lockout")
def test_guessing_locks_the_account_for_a_while(host: Host, site: Mapping[str, Any]) -> None:
    """The stack must count, refuse and reset, in this order, and must not lock forever."""
    stack = host.check_output("grep ^auth /etc/pam.d/common-auth").splitlines()
    words = ("pam_faillock.so preauth", "pam_unix.so", "pam_faillock.so authfail")
    preauth, checks, authfail = (next((i for i, row in enumerate(stack) if word in row), -1) for word in words)
    assert preauth >= 0, stack
    assert preauth < checks < authfail
    effective = host.check_output("cat /etc/security/faillock.conf")
    assert f"deny = {site.get('account_hardening_lockout_tries', 10)}" in effective
    assert f"unlock_time = {site.get('account_hardening_lockout_seconds', 900)}" in effective


@pytest.mark.control("password-age")
def test_accounts_expire(host: Host, site: Mapping[str, Any]) -> None:
    """Accounts of people who have left are what an intruder keeps: a new account is looked at."""
    fields = host.check_output(NEW_ACCOUNT).split(":")
    expected = [
        str(site.get("account_hardening_password_days", 365)),
        str(site.get("account_hardening_inactive_days", 45)),
    ]
    assert [fields[4], fields[6]] == expected


@pytest.mark.control("account-umask")
def test_new_files_are_private(host: Host) -> None:
    """What an administrator copies about must not be readable by the site's user."""
    assert host.check_output("sh -lc umask").strip() in ("0027", "027")
    # Debian 13 has no such line, and its pam_umask would apply one to sudo too: daemons set up through it would break.
    rows = [row.split()[1] for row in host.check_output("cat /etc/login.defs").splitlines() if row.startswith("UMASK")]
    assert set(rows) <= {"027"}


@pytest.mark.control("account-idle")
def test_idle_shells_end(host: Host, site: Mapping[str, Any]) -> None:
    """A forgotten root shell is an open door."""
    seconds = site.get("account_hardening_idle_seconds", 300)
    assert host.check_output("bash -lc %s", 'echo "$TMOUT"').strip() == str(seconds)


@pytest.mark.control("sudo-log")
def test_sudo_needs_a_terminal_of_its_own_and_logs(host: Host) -> None:
    """Who became root is recorded; a background process must not use the caller's terminal."""
    effective = host.check_output("cat /etc/sudoers.d/10-ungcuu-defaults")
    assert "Defaults use_pty" in effective
    assert host.run("sudo -n true").rc == 0
    assert "COMMAND=" in host.check_output("tail -n 5 /var/log/sudo.log")
    assert host.file("/var/log/sudo.log").mode & 0o077 == 0


# Takes three seconds: PAM waits after a failed try.
BECOME_ROOT = "runuser -u nobody -- sh -c 'echo | su -c true root' 2>&1"


@pytest.mark.control("su-restricted")
@pytest.mark.ahead(BECOME_ROOT)
def test_su_only_for_administrators(host: Host) -> None:
    """A stolen service account must not try passwords with su."""
    assert host.run(BECOME_ROOT).rc != 0
    assert host.run("grep -Eq %s /etc/pam.d/su", r"^auth\s+required\s+pam_wheel\.so use_uid").rc == 0


@pytest.mark.control("account-cron")
def test_only_root_sees_its_jobs(host: Host) -> None:
    """What runs as root, and when, shows an intruder what to replace."""
    paths = ["/etc/crontab", *(f"/etc/cron.{name}" for name in ("d", "hourly", "daily", "weekly", "monthly"))]
    open_ = {
        path: oct(host.file(path).mode) for path in paths if host.file(path).exists and host.file(path).mode & 0o077
    }
    assert open_ == {}


@pytest.mark.control("account-homes")
def test_homes_are_private(host: Host) -> None:
    """Keys, histories and copies of administrators are not for the site's user."""
    said = host.check_output("find /home -mindepth 1 -maxdepth 1 -type d -perm /007 -uid +999").splitlines()
    assert said == []


@pytest.mark.control("compilers-restricted")
def test_compilers_are_for_root(host: Host) -> None:
    """An intruder in the website who can't bring a program that runs would build one here."""
    names = ("as", "cc", "c++", "clang", "tcc")
    there = [name for name in names if host.run("command -v %s", name).rc == 0]
    usable = [name for name in there if host.run("runuser -u nobody -- %s --version", name).rc == 0]
    assert usable == []
