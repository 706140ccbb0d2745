"""Credentials: rotated for good, out of every log, and not brought back by a restore of an older point."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from lab_shell import on

from ungcuu.lab import Lab


def stored() -> dict[str, Any]:
    """The secret store, opened as ansible-vault does it."""
    state = Path(os.environ["UNGCUU_STATE"])
    secret = VaultSecret((state / "keys/secrets_password").read_bytes().strip())
    text = VaultLib([("default", secret)]).decrypt((state / "hosts/web01/secrets.yml").read_bytes())
    return dict(yaml.safe_load(text))


@pytest.fixture(scope="module")
def rotated(fresh: Callable[..., Lab], playbook: Callable[..., Any]) -> tuple[Lab, str, str, str]:
    """A host that was backed up and then given new credentials: lab, old password, configuration, what was printed."""
    lab = fresh("web01", "vault01")
    assert playbook("backup", "web01").returncode == 0
    old = on(lab, "web01", "sed -n \"s/.*DB_PASSWORD', '\\(.*\\)'.*/\\1/p\" /var/www/portal/wp-config.php").strip()
    done = playbook("rotate", "web01", "-vvv")
    assert done.returncode == 0, done.stdout[-3000:]
    return lab, old, on(lab, "web01", "cat /var/www/portal/wp-config.php"), done.stdout + done.stderr


def test_old_password_is_dead_and_the_new_one_is_stored(rotated: tuple[Lab, str, str, str]) -> None:
    """What an intruder copied must open nothing; what is in use must be in the owner's store."""
    lab, old, config, _ = rotated
    new = stored()["current"]
    assert old not in config
    for value in new.values():
        assert f"'{value}'" in config
    for word, opens in ((old, False), (new["database_password"], True)):
        login = "cd /root; cat > login; mariadb --defaults-file=login -e 'SELECT 1' portal; c=$?; rm login; exit $c"
        given = f"[client]\nuser=portal\npassword={word}\n".encode()
        assert (lab.exec("web01", ["sh", "-c", login], given).returncode == 0) is opens


def test_secrets_are_in_no_output_and_no_log(rotated: tuple[Lab, str, str, str]) -> None:
    """A canary that shows up in the journal, in verbose output or on the host's disks is a leak."""
    lab, _, _, printed = rotated
    new = stored()["current"]
    assert not [name for name, value in new.items() if value in printed]
    found = lab.exec(
        "web01", ["sh", "-c", "journalctl -b --no-pager | grep -cF -f /dev/stdin"], "\n".join(new.values()).encode()
    )
    assert found.stdout.strip() == b"0"
    state = Path(os.environ["UNGCUU_STATE"])
    texts = [path.read_bytes() for path in state.rglob("*") if path.is_file()]
    assert not [name for name, value in new.items() for text in texts if value.encode() in text]


def test_an_older_point_does_not_bring_old_credentials_back(rotated: tuple[Lab, str, str, str]) -> None:
    """The restored site would be dead, or worse: alive with keys that the intruder holds."""
    lab, old, _, _ = rotated
    restore = "20260101T000000Z-0123abcd"
    staged = json.loads(lab.exec("vault01", ["ungcuu-vault", "stage", "web01", "--restore", restore]).stdout)
    assert staged["outcome"] == "DONE"
    request = json.dumps({"do": "check", "restore": restore, "expected": staged["expected"]})
    assert '"passed": true' in on(lab, "web01", "ungcuu-site", request)
    assert '"step": "restored"' in on(lab, "web01", f"ungcuu-site swap {restore}")
    config = on(lab, "web01", "cat /var/www/portal/wp-config.php")
    assert old not in config
    assert stored()["current"]["database_password"] in config
