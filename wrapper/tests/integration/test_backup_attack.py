"""Root on the website host, with everything it holds, against the vault that backs it up.

The intruder here has replaced restic by a program of theirs: it is started by the vault, gets the repository's address
and password, and attacks while the tunnel stands. Then it lets the real restic do its work, so that nobody notices.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from backup_attacks import ATTACK, OF_WEB02
from lab_shell import on, vault

from ungcuu.lab import Lab


def content(lab: Lab, point: str) -> str:
    """Hash of every byte of a restore point, read on the vault."""
    read = (
        "cd /; setpriv --reuid=ungcuu-vault --regid=ungcuu-vault --clear-groups restic --no-cache --no-lock"
        " -r /var/lib/ungcuu-vault/sites/web01/repository"
        " --password-command 'echo '$(cat /etc/ungcuu-vault/passwords/web01)"
        f" dump {point} / --archive tar | sha256sum"
    )
    return on(lab, "vault01", read).split()[0]


@pytest.fixture(scope="module")
def attacked(fresh: Callable[..., Lab], playbook: Callable[..., Any]) -> Iterator[tuple[Lab, dict[str, Any], str]]:
    """A host that was backed up once, then taken over, then backed up again."""
    lab = fresh("web01", "vault01")
    done = playbook("backup", "web01")
    assert done.returncode == 0, done.stdout[-3000:]
    before = vault(lab, "choose", "web01")["point"]
    # Another website's backups on the same vault: settings as of web01, a repository and password of its own.
    on(lab, "vault01", "cd /etc/ungcuu-vault/sites && cp web01.json web02.json && ungcuu-vault prepare web02")
    on(lab, "vault01", f"{OF_WEB02} > /root/of-web02")
    sealed = content(lab, before["id"])
    on(
        lab,
        "web01",
        "mv /usr/bin/restic /usr/bin/restic.real; cat > /usr/bin/restic; chmod 755 /usr/bin/restic",
        ATTACK,
    )
    yield lab, before, sealed
    on(
        lab,
        "web01",
        "mv /usr/bin/restic.real /usr/bin/restic; rm -f /root/forge /root/leave-lock",
    )


def test_root_on_the_host_can_not_touch_earlier_points(attacked: tuple[Lab, dict[str, Any], str]) -> None:
    """Ransomware deletes the backups first. Seen failing with `--append-only` taken out of the server's command."""
    lab, before, sealed = attacked
    assert vault(lab, "backup", "web01")["outcome"] == "DONE"
    loot = json.loads(on(lab, "web01", "cat /root/loot.json"))
    answers = loot["answers"]
    assert answers["list snapshots"] >= 1, "the attack must have reached the repository, or this proves nothing"
    assert answers["list data"] >= 1
    done = {what: code for what, code in answers.items() if what.startswith(("DELETE", "POST /")) and 200 <= code < 300}
    assert {what for what in done if "create=true" not in what} == set()
    assert content(lab, before["id"]) == sealed


def test_root_on_the_host_can_not_reach_other_hosts_backups(attacked: tuple[Lab, dict[str, Any], str]) -> None:
    """One taken-over website must not give away the others: what was meant for them lies in the run's own folder.

    No backup writes such names, so the run is refused.
    """
    lab, before, sealed = attacked
    on(lab, "web01", "touch /root/write-elsewhere")
    answer = vault(lab, "backup", "web01")
    on(lab, "web01", "rm /root/write-elsewhere")
    assert answer["outcome"] == "NOT DONE"
    assert "files that no backup writes: web02" in answer["reason"]
    assert [row["kind"] for row in vault(lab, "points", "web01")["refused"]] == ["names"]
    assert content(lab, before["id"]) == sealed
    loot = json.loads(on(lab, "web01", "cat /root/loot.json"))
    # rclone answers for folders below the host's own repository, so that a code proves nothing: what was read does.
    theirs = on(lab, "vault01", "cd /var/lib/ungcuu-vault/sites/web02/repository && sha256sum config keys/*").split()
    assert not set(theirs) & set(loot["read"])
    assert on(lab, "vault01", OF_WEB02) == on(lab, "vault01", "cat /root/of-web02")
    assert loot["password"].strip() != on(lab, "vault01", "cat /etc/ungcuu-vault/passwords/web02").strip()


def test_nothing_of_the_vault_is_left_to_find(attacked: tuple[Lab, dict[str, Any], str]) -> None:
    """Between two backups the host holds no way in: no port, no password, no key of the vault."""
    lab, _, _ = attacked
    password = on(lab, "vault01", "cat /etc/ungcuu-vault/passwords/web01").strip()
    on(lab, "web01", "rm -f /root/loot.json")
    found = lab.exec(
        "web01", ["grep", "-rlF", password, "/etc", "/root", "/var/lib", "/var/cache", "/tmp", "/run", "/home"]
    )
    assert found.stdout == b""
    assert "18765" not in on(lab, "web01", "ss -Hltn")


def test_forged_points_are_never_offered(attacked: tuple[Lab, dict[str, Any], str]) -> None:
    """A point dated 2099 would be "the latest" forever, and push the good ones out of the retention."""
    lab, before, sealed = attacked
    on(lab, "web01", "touch /root/forge")
    answer = vault(lab, "backup", "web01")
    assert answer["outcome"] == "NOT DONE"
    assert "2 points arrived" in answer["reason"]
    listed = vault(lab, "points", "web01")
    assert [row["kind"] for row in listed["refused"]][-1:] == ["snapshot"]
    chosen = vault(lab, "choose", "web01")["point"]
    assert chosen["time"] < "2099"
    assert chosen["id"] in {point["id"] for point in listed["points"]}
    tidied = vault(lab, "tidy", "web01")
    assert tidied["outcome"] == "NOT DONE"
    assert "was refused" in tidied["reason"]
    assert content(lab, before["id"]) == sealed


def test_locks_left_behind_stop_nothing(attacked: tuple[Lab, dict[str, Any], str]) -> None:
    """A lock is one small file that an append-only server must take: it must not end all backups to come."""
    lab, before, sealed = attacked
    on(lab, "web01", "rm -f /root/forge; touch /root/leave-lock")
    vault(lab, "backup", "web01")
    kept = on(lab, "vault01", "ls /var/lib/ungcuu-vault/sites/web01/locks-left-behind").split()
    assert kept, "the intruder left no lock, so this proves nothing"
    assert "locks" not in on(lab, "vault01", "ls /var/lib/ungcuu-vault/sites/web01/repository/").split()
    on(lab, "web01", "rm -f /root/leave-lock")
    assert vault(lab, "backup", "web01")["outcome"] == "DONE"
    assert content(lab, before["id"]) == sealed


def test_strangers_go_only_by_the_vault_s_own_hand(attacked: tuple[Lab, dict[str, Any], str]) -> None:
    """Forged points stop the removal of old ones until somebody has looked; then exactly they go."""
    lab, before, sealed = attacked
    known = {point["id"] for point in vault(lab, "points", "web01")["points"]}
    assert vault(lab, "disown", "web01")["outcome"] == "DONE"
    listed = vault(lab, "points", "web01")
    assert listed["strangers"] == listed["refused"] == []
    assert {point["id"] for point in listed["points"] if not point["missing"]} == known
    assert content(lab, before["id"]) == sealed


LOGIN = (
    "setpriv --reuid=ungcuu-vault --regid=ungcuu-vault --clear-groups timeout 60 ssh -F none -o BatchMode=yes"
    " -o IdentitiesOnly=yes -i /var/lib/ungcuu-vault/account/id_ed25519 -o HostKeyAlias=web01"
    " -o UserKnownHostsFile=/etc/ungcuu-vault/known_hosts.d/web01 -o ExitOnForwardFailure=yes"
)


def opens_a_shell(lab: Lab) -> bool:
    """Whether the vault's key runs a command of the caller's choice on the website host."""
    command = f"cd /; {LOGIN} ungcuu-backup@{lab.address('web01')} id </dev/null"
    return b"uid=" in lab.exec("vault01", ["sh", "-c", command]).stdout


def test_vault_s_key_gives_no_shell_and_no_other_tunnel(attacked: tuple[Lab, dict[str, Any], str]) -> None:
    """A stolen vault key must not open the websites wider than a backup needs."""
    lab, _, _ = attacked
    target = f"ungcuu-backup@{lab.address('web01')}"
    assert not opens_a_shell(lab)
    for tunnel in ("-R 127.0.0.1:2222:127.0.0.1:22", "-R 0.0.0.0:18765:127.0.0.1:22"):
        refused = lab.exec("vault01", ["sh", "-c", f"cd /; {LOGIN} {tunnel} {target} id </dev/null"])
        assert refused.returncode != 0
        assert b"forwarding failed" in refused.stderr, tunnel
    asked = lab.exec("vault01", ["sh", "-c", f'cd /; echo \'{{"do":"swap"}}\' | {LOGIN} {target}'])
    assert b"may not ask" in asked.stdout


@pytest.mark.parametrize(
    ("without", "opens"),
    [
        ("sed -i /ForceCommand/d {sshd}", False),
        ("sed -i 's/,command=.*\" ssh/ ssh/' {keys}", False),
        ("sed -i /ForceCommand/d {sshd}; sed -i 's/,command=.*\" ssh/ ssh/' {keys}", True),
    ],
    ids=["without sshd's", "without the key's", "without both"],
)
def test_each_forced_command_holds_alone(attacked: tuple[Lab, dict[str, Any], str], without: str, opens: bool) -> None:
    """One command is forced twice, by sshd and beside the key: with one of the two gone, the other still holds.

    With both taken out the key opens a shell: nothing else stands behind them, and the test can fail.
    """
    lab, _, _ = attacked
    files = {"sshd": "/etc/ssh/sshd_config.d/50-ungcuu-backup.conf", "keys": "/etc/ssh/ungcuu-backup.keys"}
    for name, path in files.items():
        on(lab, "web01", f"cp -a {path} /root/{name}.whole")
    try:
        on(lab, "web01", without.format(**files) + "; systemctl reload ssh")
        assert all(on(lab, "web01", f"cat {path}") for path in files.values())
        assert opens_a_shell(lab) is opens
    finally:
        for name, path in files.items():
            on(lab, "web01", f"cp -a /root/{name}.whole {path}")
        on(lab, "web01", "systemctl reload ssh")
    assert not opens_a_shell(lab)
