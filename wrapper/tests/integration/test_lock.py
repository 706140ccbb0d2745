"""Accounts are suspended and put back on a real host, and the intruder's tricks don't turn it against us."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ungcuu.lab import Lab

Run = Callable[..., tuple[int, dict[str, Any], str]]
ACCOUNTS = """
useradd -m -s /bin/bash lan; echo lan:secret123 | chpasswd
install -d -o lan -g lan -m 700 /home/lan/.ssh; echo 'ssh-ed25519 AAAA lan' > /home/lan/.ssh/authorized_keys
useradd -m -s /bin/bash ha; ln -s /home/ungcuu/.ssh /home/ha/.ssh
useradd -o -u 1000 -g 1000 -d /home/ungcuu -M -s /bin/bash twin
systemd-run -q --uid=lan --unit=lan sleep 3000
mariadb portal -e "insert into wp_usermeta(user_id, meta_key, meta_value) values (1, 'session_tokens', 'x')"
"""
STATE = """
getent shadow root lan ha twin ungcuu | cut -d: -f1,2,8; ls -lAR /home/lan/.ssh /home/ungcuu/.ssh | sed 's/^total.*//'
ps -o stat= -u lan | cut -c1; mariadb portal -Ne "select user_login, user_pass from wp_users;
select user_id, meta_key from wp_usermeta where meta_key like '%session%' or meta_key like '%application%'"
"""


@pytest.fixture(scope="module")
def host(fresh: Callable[..., Lab]) -> Callable[[str], str]:
    """web01 with people on it, one of whom has made traps."""
    lab = fresh("web01")

    def on(script: str) -> str:
        done = lab.exec("web01", ["sh", "-c", script])
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    on(ACCOUNTS)
    return on


def test_lock_suspends_and_unlock_puts_back(host: Callable[[str], str], ungcuu: Run) -> None:
    """What is not put back exactly is damage that we did."""
    before = host(STATE)
    code, document, said = ungcuu("lock", "web01", "--confirm-host", "web01", "--reason", "test")
    assert code == 0, said
    locked = host(STATE)
    assert "lan:!" in locked
    assert "authorized_keys.ungcuu-locked" in locked
    assert "\nT" in locked, "the intruder's process runs on"
    assert locked.count("!ungcuu!") == 2
    assert "ungcuu_session_tokens" in locked
    assert any(row["kind"] == "inverse" for row in document["records"])
    code, again, _said = ungcuu("lock", "web01", "--confirm-host", "web01")
    assert (code, "already" in again["message"]) == (0, True)
    assert ungcuu("unlock", "web01", "--confirm-host", "web01")[0] == 0
    assert host(STATE) == before


def test_management_survives_every_trap(host: Callable[[str], str], ungcuu: Run) -> None:
    """A link to our keys, and a second name for our user id, would lock us out with the intruder."""
    ours = host("ls -lA /home/ungcuu/.ssh; getent shadow ungcuu twin")
    code, document, said = ungcuu("lock", "web01", "--confirm-host", "web01")
    assert code == 0, said
    assert host("ls -lA /home/ungcuu/.ssh; getent shadow ungcuu twin") == ours
    assert any("twin" in line for line in document["left"]), json.dumps(document)
    assert ungcuu("unlock", "web01", "--confirm-host", "web01")[0] == 0


def test_management_account_is_refused_by_name(host: Callable[[str], str], ungcuu: Run) -> None:
    """Typed in a hurry."""
    code, document, _said = ungcuu("lock", "web01", "--confirm-host", "web01", "--account", "ungcuu")
    assert code == 6
    assert "manages the host" in document["error"]["what"]


def test_accounts_of_another_application_are_named_as_left(
    host: Callable[[str], str], ungcuu: Run, playbook: Callable[..., Any]
) -> None:
    """Only WordPress on MariaDB is known; whoever believes another site locked lets the intruder log in to it."""
    users = "mariadb portal -Ne 'select user_login, user_pass from wp_users'"
    before = host(users)
    done = playbook("lock", "web01", "-v", website_application="drupal")
    assert done.returncode == 0, done.stdout
    assert "NOT locked: the accounts of the site (drupal on mariadb)" in done.stdout
    assert host(users) == before
    assert "lan:!" in host(STATE), "the host's own accounts are locked all the same"
    assert ungcuu("unlock", "web01", "--confirm-host", "web01")[0] == 0
