"""A second vault that takes copies from the first: what whoever holds one of them can do to the other."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from lab_shell import on

from ungcuu.lab import Lab

pytestmark = pytest.mark.nightly

FIRST, SECOND = "vault01", "spare01"
STORE = "/var/lib/ungcuu-vault/sites"
AS_ACCOUNT = "cd /; setpriv --reuid=ungcuu-vault --regid=ungcuu-vault --clear-groups"
OPTIONS = (
    "-F none -o BatchMode=yes -o IdentitiesOnly=yes -i /var/lib/ungcuu-vault/account/id_ed25519"
    f" -o HostKeyAlias={FIRST} -o UserKnownHostsFile=/etc/ungcuu-vault/known_hosts.d/{FIRST}"
)
TREE = "cd /var/www/portal && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum"
WHOLE_STORE = f"cd {STORE} && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum"
SECOND_VAULT = {"website_second_vault_host": SECOND}


def vault(lab: Lab, host: str, *words: str) -> dict[str, Any]:
    """Ask a vault's own command."""
    answer: dict[str, Any] = json.loads(lab.exec(host, ["ungcuu-vault", *words]).stdout)
    return answer


def content(lab: Lab, host: str, point: str) -> str:
    """Hash of every byte of a restore point, read on a vault."""
    read = (
        f"{AS_ACCOUNT} restic --no-cache --no-lock -r {STORE}/web01/repository"
        " --password-command 'echo '$(cat /etc/ungcuu-vault/passwords/web01)"
        f" dump {point} / --archive tar | sha256sum"
    )
    return on(lab, host, read).split()[0]


def by_the_clock(lab: Lab) -> bool:
    """What the second vault's timer starts; whether it ended well."""
    return lab.exec(SECOND, ["systemctl", "start", "ungcuu-backup@web01.service"]).returncode == 0


def sealed(lab: Lab) -> dict[str, str]:
    """Every copy on the second vault, by the hash of all its bytes."""
    points = vault(lab, SECOND, "points", "web01")["points"]
    return {point["id"]: content(lab, SECOND, point["id"]) for point in points}


@pytest.fixture(scope="module")
def copied(fresh: Callable[..., Lab], playbook: Callable[..., Any]) -> Lab:
    """A website backed up twice on the first vault, copied by the second."""
    lab = fresh("web01", FIRST, SECOND)
    done = playbook("backup", "web01", **SECOND_VAULT)
    assert done.returncode == 0, done.stdout[-3000:]
    on(lab, "web01", "echo more > /var/www/portal/wp-content/uploads/more.txt")
    assert vault(lab, FIRST, "backup", "web01")["outcome"] == "DONE"
    answer = vault(lab, SECOND, "run", "web01")
    assert answer["outcome"] == "DONE", answer
    return lab


def test_copies_are_what_the_first_vault_has(copied: Lab, playbook: Callable[..., Any]) -> None:
    """A copy that is not the same byte for byte is none; a second run copies nothing again and changes nothing."""
    first = {point["id"]: point for point in vault(copied, FIRST, "points", "web01")["points"]}
    second = vault(copied, SECOND, "points", "web01")
    assert len(first) == len(second["points"]) == 2
    assert second["schedule"]["active"]
    assert not second["strangers"]
    for copy in second["points"]:
        of = first[copy["first"]]
        assert [copy[name] for name in ("time", "bytes", "counts")] == [
            of[name] for name in ("time", "bytes", "counts")
        ]
        assert content(copied, SECOND, copy["id"]) == content(copied, FIRST, of["id"])
    before = on(copied, SECOND, WHOLE_STORE)
    assert vault(copied, SECOND, "run", "web01") == {"outcome": "DONE", "copied": 0, "points": 2}
    assert on(copied, SECOND, WHOLE_STORE) == before
    assert vault(copied, SECOND, "check", "web01", "--deep")["outcome"] == "DONE"
    again = playbook("backup", "web01", **SECOND_VAULT)
    assert "spare01" not in [line for line in again.stdout.splitlines() if line.startswith("changed:")]
    assert on(copied, FIRST, "cat /etc/ungcuu-vault/passwords/web01") != on(
        copied, SECOND, "cat /etc/ungcuu-vault/passwords/web01"
    )


def test_what_the_policy_let_go_is_not_copied_again(copied: Lab) -> None:
    """Two vaults whose policies differ would copy and remove the same points every night.

    Seen failing: the second vault knew only what it still held, and copied a tidied point once more.
    """
    assert by_the_clock(copied), on(copied, SECOND, "journalctl -u ungcuu-backup@web01 --no-pager")
    left = vault(copied, SECOND, "points", "web01")["points"]
    assert len(left) in (1, 2), "of two points within an hour the policy keeps the newer one"
    assert vault(copied, SECOND, "run", "web01") == {"outcome": "DONE", "copied": 0, "points": len(left)}
    assert sealed(copied)


def test_second_vault_can_change_nothing_on_the_first(copied: Lab) -> None:
    """Who takes over the second vault holds its key to the first, as root: it reads repositories, and that is all."""
    before = on(copied, FIRST, WHOLE_STORE)
    target = f"ungcuu-vault@{copied.address(FIRST)}"
    config = f"{STORE}/web01/repository/config"
    wanted = (
        "put /etc/issue /web01/repository/data/issue",
        "rm /web01/repository/config",
        "mkdir /web01/new",
        "rename /web01/ledger.json /web01/gone.json",
        "chmod 777 /web01/repository/config",
        "rm /web01/ledger.json",
        "symlink /etc/passwd /web01/repository/data/passwd",
        "get /etc/passwd /tmp/loot",
        "ls /etc/ungcuu-vault",
        "get /../../../../etc/passwd /tmp/loot",
        "get /var/lib/ungcuu-vault/account/id_ed25519 /tmp/loot",
        "ls /web01/incoming",
        "ls /web01/arrived",
        "ls /web01/sets",
        "ls /web01/views",
    )
    reads = f"{AS_ACCOUNT} sh -c \"echo 'get /web01/ledger.json /tmp/read' | sftp -q -b - {OPTIONS} {target}\""
    on(copied, SECOND, reads)
    for words in wanted:
        tried = f"{AS_ACCOUNT} sh -c \"echo '{words}' | sftp -q -b - {OPTIONS} {target}\""
        done = copied.exec(SECOND, ["sh", "-c", tried])
        assert done.returncode != 0, words
        assert b"Permission denied" in done.stderr or b"not found" in done.stderr, (words, done.stderr)
    assert copied.exec(SECOND, ["test", "-e", "/tmp/loot"]).returncode != 0
    shell = copied.exec(SECOND, ["sh", "-c", f"{AS_ACCOUNT} timeout 60 ssh {OPTIONS} {target} id </dev/null"])
    assert b"uid=" not in shell.stdout
    for tunnel in ("-R 127.0.0.1:2222:127.0.0.1:22", "-W 127.0.0.1:22"):
        refused = copied.exec(
            SECOND,
            [
                "sh",
                "-c",
                f"{AS_ACCOUNT} timeout 60 ssh {OPTIONS} -o ExitOnForwardFailure=yes {tunnel} {target} </dev/null",
            ],
        )
        assert refused.returncode != 0, tunnel
        assert b"SSH-2.0" not in refused.stdout
    assert on(copied, FIRST, WHOLE_STORE) == before, config


def test_first_vault_has_no_way_to_the_second(copied: Lab) -> None:
    """Root on the first vault tries every key that it holds, for every account, and looks for any other open port."""
    address = copied.address(SECOND)
    keys = on(copied, FIRST, "grep -rlI -e '-----BEGIN .*PRIVATE KEY' /etc /root /home /var/lib").split()
    assert "/var/lib/ungcuu-vault/account/id_ed25519" in keys
    # Debian 13's sshd soon refuses an address that fails to log in: then later keys would not really be tried.
    drop_in = "/etc/ssh/sshd_config.d/00-test.conf"
    on(copied, SECOND, f"sshd -T | grep -q ^persourcepenalties && echo PerSourcePenalties no > {drop_in}; true")
    on(copied, SECOND, "systemctl reload ssh")
    for key in keys:
        for account in ("root", "ungcuu", "ungcuu-vault", "ungcuu-backup"):
            login = (
                f"cp {key} /tmp/try && chmod 600 /tmp/try && timeout 60 ssh -F none -o BatchMode=yes"
                " -o IdentitiesOnly=yes -i /tmp/try -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
                f" {account}@{address} id </dev/null"
            )
            done = copied.exec(FIRST, ["sh", "-c", login])
            assert done.returncode != 0, (key, account)
            assert b"Permission denied" in done.stderr, (key, account, done.stderr)
    on(copied, SECOND, f"rm -f {drop_in}; systemctl reload ssh")
    listening = on(copied, SECOND, "ss -Hltn").split("\n")
    ports = {line.split()[3].rpartition(":")[2] for line in listening if line}
    assert ports == {"22"}


def test_what_the_first_vault_forges_harms_no_copy(copied: Lab) -> None:
    """An intruder on the first vault writes what they like there: it is reported, earlier copies stay as they were."""
    before, ledger = sealed(copied), f"{STORE}/web01/ledger.json"
    assert vault(copied, FIRST, "backup", "web01")["outcome"] == "DONE"
    on(copied, FIRST, f"cp -a {STORE}/web01/sets /root/sets; cp -a {ledger} /root/ledger")
    *rows, fresh = json.loads(on(copied, FIRST, f"cat {ledger}"))  # the last is not copied yet
    forged: tuple[Any, ...] = (
        [*rows, fresh | {"time": "2099-01-01T00:00:00Z", "arrived": "2099-01-01T00:00:00Z"}],
        [*rows, fresh | {"arrived": 7}],
        [*rows, fresh | {"source": {"root": "/"}}],
        [*rows, fresh | {"id": "--help"}],
        [*rows, fresh | {"id": "f" * 64}],
        {"no": "list"},
        "x" * 20,
    )
    try:
        for document in forged:
            on(copied, FIRST, f"printf %s '{json.dumps(document)}' > {ledger}")
            answer = vault(copied, SECOND, "run", "web01")
            assert answer["outcome"] == "NOT DONE", document
            assert vault(copied, SECOND, "choose", "web01")["outcome"] == "DONE", document
        on(copied, FIRST, f"cp -a /root/ledger {ledger}; printf '[]' > {ledger}")
        assert vault(copied, SECOND, "run", "web01")["outcome"] == "DONE"
        # All that it holds is destroyed, the point that was not copied among it.
        on(copied, FIRST, f"cp -a /root/ledger {ledger}; find {STORE}/web01/repository/ -type f -delete")
        assert not by_the_clock(copied)
        assert vault(copied, SECOND, "points", "web01")["schedule"]["result"] == "exit-code"
    finally:
        on(copied, FIRST, f"rm -r {STORE}/web01/sets; cp -a /root/sets {STORE}/web01/sets")
        on(copied, FIRST, f"cp -a /root/ledger {ledger}")
    assert sealed(copied) == before
    assert vault(copied, SECOND, "run", "web01")["copied"] == 1


GARBAGE = (
    "head -c 400 /dev/urandom > /root/garbage; name=$(sha256sum /root/garbage | cut -c1-64);"
    " install -o root -g ungcuu-vault -m 440 /root/garbage {store}/repository/{kind}/$name"
)


@pytest.mark.parametrize("kind", ["index", "keys", "snapshots"])
def test_garbage_in_the_first_vault_s_repository_harms_no_copy(copied: Lab, kind: str) -> None:
    """A first vault of an earlier release, or one that was taken over, may give anything: copies stay as they were."""
    before, store = sealed(copied), f"{STORE}/web01"
    assert vault(copied, FIRST, "backup", "web01")["outcome"] == "DONE"
    on(copied, FIRST, GARBAGE.format(store=store, kind=kind))
    assert len(on(copied, FIRST, f"ls {store}/repository/{kind}").split()) >= 2
    try:
        answer = vault(copied, SECOND, "run", "web01")
    finally:
        on(copied, FIRST, f"rm {store}/repository/{kind}/$(sha256sum /root/garbage | cut -c1-64)")
    assert set(before.items()) <= set(sealed(copied).items())
    assert vault(copied, SECOND, "run", "web01")["outcome"] == "DONE", answer
    points = vault(copied, SECOND, "points", "web01")
    assert len(points["points"]) == len(before) + 1
    assert points["refused"] == []


def test_first_vault_gone(copied: Lab, playbook: Callable[..., Any]) -> None:
    """The day it is there for: the first vault is lost, that is reported, and the website comes back from a copy."""
    before = sealed(copied)
    newest = vault(copied, SECOND, "choose", "web01")["point"]
    subprocess.run(["podman", "stop", "-t", "0", copied.container(FIRST)], check=True, capture_output=True)
    assert not by_the_clock(copied)
    told = vault(copied, SECOND, "run", "web01")
    assert told["outcome"] == "NOT DONE"
    assert "vault01 can't be read" in told["reason"]
    assert told["state"] == "earlier copies are whole"
    assert vault(copied, SECOND, "points", "web01")["schedule"]["result"] == "exit-code"
    assert sealed(copied) == before
    live = on(copied, "web01", TREE)
    on(copied, "web01", "echo broken > /var/www/portal/index.php; mariadb portal -e 'DROP TABLE wp_posts'")
    done = playbook("restore", "web01", website_vault_host=SECOND)
    assert done.returncode == 0, done.stdout[-3000:]
    assert on(copied, "web01", TREE) == live
    kept = on(copied, "web01", "mariadb portal -Ne 'SELECT COUNT(*) FROM wp_posts'")
    assert int(kept) > 0
    assert newest["id"] in {point["id"] for point in vault(copied, SECOND, "points", "web01")["points"]}
    assert vault(copied, SECOND, "backup", "web01")["outcome"] == "DONE", "the second vault must be able to take over"
