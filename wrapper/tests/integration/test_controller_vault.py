"""The controller itself as the vault, the default for one site: one machine, two accounts, nobody else's way in.

A lab host plays the controller: it holds this tree and its dependencies, and runs the command as an account of its own
that may become root, over a local connection. Nothing is installed on the machine that the tests run on.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from backup_attacks import ATTACK, OF_WEB02
from lab_shell import did, on

from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
CONTROLLER = "spare01"
HOME = "/home/ungcuu"
STORE = "/var/lib/ungcuu-vault/sites"
OPERATOR = ["runuser", "-u", "ungcuu", "--", "env", f"HOME={HOME}", "LC_ALL=C.UTF-8"]
TREE = "cd /var/www/portal && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum"
PYTHON = {"12": "3.11", "13": "3.13"}
PARTS = ("ansible.cfg", "inventory/example", "playbooks", "roles", "wrapper/ungcuu")
ALL = """
ungcuu_state: "{{{{ lookup('ansible.builtin.env', 'HOME') }}}}/.local/state/ungcuu"
ungcuu_known_hosts: {home}/known_hosts
ansible_user: ungcuu
ansible_become: true
ansible_ssh_private_key_file: {home}/.ssh/lab
ansible_ssh_common_args: >-
  -o UserKnownHostsFile="{{{{ ungcuu_known_hosts }}}}" -o GlobalKnownHostsFile=/dev/null
  -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes
management_addresses: ["{controller}"]
"""
HOSTS = """
all:
  children:
    website:
      hosts:
        web01: {{ansible_host: {web01}}}
    vault:
      hosts:
        controller: {{ansible_connection: local, ansible_host: {controller}}}
"""


def vault(lab: Lab, *words: str) -> dict[str, Any]:
    """Ask the vault's own command."""
    answer: dict[str, Any] = json.loads(lab.exec(CONTROLLER, ["ungcuu-vault", *words]).stdout)
    return answer


def typed(lab: Lab, *words: str) -> tuple[int, dict[str, Any], str]:
    """`ungcuu WORDS` as the operator types it on that controller."""
    done = lab.exec(CONTROLLER, [*OPERATOR, "ungcuu", "--inventory", f"{HOME}/site", "--json", *words])
    return done.returncode, json.loads(done.stdout or b"{}"), done.stderr.decode(errors="replace")


def content(lab: Lab, point: str) -> str:
    """Hash of every byte of a restore point, read on the vault."""
    read = (
        "cd /; setpriv --reuid=ungcuu-vault --regid=ungcuu-vault --clear-groups restic --no-cache --no-lock"
        f" -r {STORE}/web01/repository --password-command 'echo '$(cat /etc/ungcuu-vault/passwords/web01)"
        f" dump {point} / --archive tar | sha256sum"
    )
    return on(lab, CONTROLLER, read).split()[0]


def archive(sources: dict[str, Path]) -> bytes:
    """A tar archive of files and folders under the names given."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        for name, path in sources.items():
            packed.add(path, name, filter=lambda entry: None if "__pycache__" in entry.name else entry)
    return buffer.getvalue()


def make_controller(lab: Lab, folder: Path) -> None:
    """Put the tree, its pinned dependencies and an inventory of one site onto the lab host."""
    version = PYTHON[lab.status()[CONTROLLER]["debian"]]
    packages = folder / "packages"
    fetch = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(packages), "--only-binary=:all:"]
    fetch += ["--no-deps", "--require-hashes", f"--python-version={version}", "-r", str(ROOT / "requirements.lock")]
    subprocess.run(fetch, check=True, cwd=ROOT)
    tree = {f"tree/{part}": ROOT / part for part in PARTS} | {"packages": packages}
    on(lab, CONTROLLER, "mkdir -p /opt/ungcuu && tar -x --no-same-owner -C /opt/ungcuu", archive(tree))
    path = "/opt/ungcuu/packages\\n/opt/ungcuu/tree/wrapper\\n"
    start = '#!/bin/sh\\nexec /usr/bin/python3 -m ungcuu "$@"\\n'
    on(
        lab,
        CONTROLLER,
        f"printf '{path}' > /usr/local/lib/python{version}/dist-packages/ungcuu.pth; cd /opt/ungcuu/packages/bin;"
        " sed -i '1s,.*,#!/usr/bin/python3,' ansible*; cp ansible* /usr/local/bin;"
        f" printf '{start}' > /usr/local/bin/ungcuu; chmod 755 /usr/local/bin/*",
    )
    addresses = {"home": HOME, "controller": lab.address(CONTROLLER), "web01": lab.address("web01")}
    site = folder / "site"
    (site / "group_vars").mkdir(parents=True)
    (site / "hosts.yml").write_text(HOSTS.format(**addresses), encoding="utf-8")
    (site / "group_vars/all.yml").write_text(ALL.format(**addresses), encoding="utf-8")
    website = (ROOT / "inventory/lab/group_vars/website.yml").read_text("utf-8")
    assert "website_vault_host: vault01\n" in website
    website = website.replace("website_vault_host: vault01\n", "website_vault_host: controller\n")
    (site / "group_vars/website.yml").write_text(website, encoding="utf-8")
    own = {"site": site, "known_hosts": lab.folder / "known_hosts", ".ssh/lab": lab.folder / "id_ed25519"}
    on(lab, CONTROLLER, f"tar -x --no-same-owner -C {HOME} && chown -R ungcuu:ungcuu {HOME}", archive(own))


@pytest.fixture(scope="module")
def onesite(fresh: Callable[..., Lab], tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A website and the controller that keeps its backups, with one restore point."""
    lab = fresh("web01", CONTROLLER)
    make_controller(lab, tmp_path_factory.mktemp("controller"))
    did(typed(lab, "enrol", "web01"))
    did(typed(lab, "backup", "web01"))
    return lab


def test_points_and_doctor_know_the_controller_s_own_vault(onesite: Lab) -> None:
    """A vault that nobody asks can fail for months."""
    known = did(typed(onesite, "restore-points", "web01"))["restore_points"]["web01"]
    assert known["points"]
    assert known["alerts"] == ["no restore was ever proven"], "its timer must be active on the controller"
    checks = typed(onesite, "doctor", "web01")[1]["checks"]
    found = {row["subject"]: row for row in checks if row["place"] == "web01"}
    assert found["vault"]["level"] == "good", found["vault"]
    assert found["vault"]["text"].startswith("it is this controller")
    assert on(onesite, CONTROLLER, "systemctl start ungcuu-backup@web01.service; echo $?") == "0\n"


def test_a_second_backup_changes_no_setting(onesite: Lab) -> None:
    """Every run of ungcuu on the controller is root's: it may do nothing but what is needed."""
    watched = "find /etc /usr/local -xdev -type f -printf '%p %T@ %m %u\\n' | grep -v '/etc/ungcuu-vault/sites/' | sort"
    before = on(onesite, CONTROLLER, watched)
    did(typed(onesite, "backup", "web01"))
    assert on(onesite, CONTROLLER, watched) == before


@pytest.mark.nightly
def test_root_on_the_website_host_reaches_nothing_of_the_controller(onesite: Lab) -> None:
    """On this machine lie the keys to every host, too: the tunnel leads to one repository, and to nothing beside it."""
    lab = onesite
    before = vault(lab, "choose", "web01")["point"]
    on(lab, CONTROLLER, "cd /etc/ungcuu-vault/sites && cp web01.json web02.json && ungcuu-vault prepare web02")
    on(lab, CONTROLLER, f"{OF_WEB02} > /root/of-web02")
    sealed = content(lab, before["id"])
    more = ("/../../../../../etc/shadow", f"/../../../../..{HOME}/.ssh/lab", "/..%2f..%2f..%2f..%2f..%2fetc%2fshadow")
    attack = ATTACK.replace('"/../ledger.json"', ", ".join(f'"{path}"' for path in ("/../ledger.json", *more)))
    take_over = "mv /usr/bin/restic /usr/bin/restic.real; cat > /usr/bin/restic; chmod 755 /usr/bin/restic"
    on(lab, "web01", take_over, attack.encode())
    try:
        did(typed(lab, "backup", "web01"))
        on(lab, "web01", "touch /root/write-elsewhere")
        code, document, _ = typed(lab, "backup", "web01")
    finally:
        on(lab, "web01", "mv /usr/bin/restic.real /usr/bin/restic; rm -f /root/write-elsewhere")
    assert (code, document["outcome"]) == (6, "NOT DONE"), document
    assert "files that no backup writes" in document["error"]["what"]
    loot = json.loads(on(lab, "web01", "cat /root/loot.json"))
    answers = loot["answers"]
    assert answers["list snapshots"] >= 1, "the attack must have reached the repository, or this proves nothing"
    done = {what for what, code in answers.items() if what.startswith(("DELETE", "POST /")) and 200 <= code < 300}
    assert {what for what in done if "create=true" not in what} == set()
    secrets = f"/etc/shadow {HOME}/.ssh/lab {STORE}/web01/ledger.json {STORE}/web02/repository/config"
    assert not set(on(lab, CONTROLLER, f"sha256sum {secrets}").split()) & set(loot["read"])
    assert on(lab, CONTROLLER, OF_WEB02) == on(lab, CONTROLLER, "cat /root/of-web02")
    assert content(lab, before["id"]) == sealed


def test_what_talks_with_the_host_can_not_read_the_controller(onesite: Lab) -> None:
    """Whoever takes over ssh, server or restic there is an account that knows no key but its own."""
    kept = (
        f"{HOME}/.ssh/lab",
        f"{HOME}/.local/state/ungcuu/keys",
        f"{HOME}/.local/state/ungcuu/operations",
        "/etc/ungcuu-vault/passwords",
        "/etc/ungcuu-vault/sites",
        "/etc/shadow",
    )
    as_account = "setpriv --reuid=ungcuu-vault --regid=ungcuu-vault --clear-groups"
    for path in kept:
        on(onesite, CONTROLLER, f"test -e {path}")
        assert onesite.exec(CONTROLLER, ["sh", "-c", f"cd /; {as_account} test -r {path}"]).returncode != 0, path
    assert onesite.exec(CONTROLLER, ["sh", "-c", f"cd /; {as_account} sudo -n true"]).returncode != 0
    assert {line.split()[3].rpartition(":")[2] for line in on(onesite, CONTROLLER, "ss -Hltn").splitlines()} == {"22"}


def test_without_root_on_the_controller_it_is_reported(onesite: Lab) -> None:
    """The account that runs ungcuu needs root on a machine that is the vault; it gets an error, nothing is changed."""
    before = vault(onesite, "points", "web01")["points"]
    on(onesite, CONTROLLER, "mv /etc/sudoers.d/ungcuu /root/sudoers")
    try:
        code, document, _ = typed(onesite, "backup", "web01")
        checks = typed(onesite, "doctor", "web01")[1]["checks"]
    finally:
        on(onesite, CONTROLLER, "mv /root/sudoers /etc/sudoers.d/ungcuu")
    assert code != 0
    assert document["outcome"] == "NOT DONE"
    assert "sudo" in document["error"]["what"] + document["error"]["next"]
    found = {row["subject"]: row for row in checks if row["place"] == "web01"}
    assert found["vault"]["level"] == "bad"
    assert "sudoers" in found["vault"]["fix"]
    assert vault(onesite, "points", "web01")["points"] == before


def test_backup_and_restore_while_the_host_is_isolated(onesite: Lab) -> None:
    """The controller comes in as the vault over the very address that isolation leaves open."""
    did(typed(onesite, "isolate", "web01", "--reason", "test", "--no-case"))
    assert vault(onesite, "backup", "web01")["outcome"] == "DONE"
    live = on(onesite, "web01", TREE)
    on(onesite, "web01", "echo broken > /var/www/portal/index.php; mariadb portal -e 'DROP TABLE wp_posts'")
    did(typed(onesite, "restore", "web01", "--confirm-host", "web01"))
    assert on(onesite, "web01", TREE) == live
    assert int(on(onesite, "web01", "mariadb portal -Ne 'SELECT COUNT(*) FROM wp_posts'")) > 0
    assert vault(onesite, "backup", "web01")["outcome"] == "DONE"
