"""Recovery as a person types it: points, drill, restore on a clean machine, new credentials, release."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paramiko
import pytest
import yaml
from lab_shell import did, on, page

from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
TEXT = "Sở Công Thương"
Run = Callable[..., tuple[int, dict[str, Any], str]]
PEOPLE = """
useradd -m -s /bin/bash lan; echo lan:old-Secret-123 | chpasswd -c SHA512
install -d -o lan -g lan -m 700 /home/lan/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/lan; cp /root/lan.pub /home/lan/.ssh/authorized_keys
chown lan:lan /home/lan/.ssh/authorized_keys; chmod 600 /home/lan/.ssh/authorized_keys
"""


@pytest.fixture(scope="module")
def site(fresh: Callable[..., Lab], ungcuu: Run) -> Lab:
    """A website with people, backed up twice, with a baseline."""
    lab = fresh("web01", "vault01", "spare01", "intruder01")
    on(lab, "web01", PEOPLE)
    did(ungcuu("enrol", "web01"))
    did(ungcuu("backup", "web01"))
    on(lab, "web01", "echo more > /var/www/portal/wp-content/uploads/more.txt")
    did(ungcuu("backup", "web01"))
    did(ungcuu("baseline", "web01"))
    return lab


def test_points_show_what_changed(site: Lab, ungcuu: Run) -> None:
    """Which point is the right one is decided by what changed and by what was proven, not by its time alone."""
    known = did(ungcuu("restore-points", "web01"))["restore_points"]["web01"]
    newest, first = known["points"]
    assert newest["changed"].startswith("+1 -0 ~")
    assert first["changed"] == ""
    assert any("proven" in text for text in known["alerts"])
    assert not any("timer" in text for text in known["alerts"]), "the vault's timer must be known to be active"


def test_one_file_or_folder_comes_back_alone(site: Lab, ungcuu: Run) -> None:
    """A document that somebody deleted is no reason to set the whole website back."""
    uploads = "/var/www/portal/wp-content/uploads"
    picture, theme = (
        on(site, "web01", f"find {uploads} -name 'tin-0*.png' | sort | head -1").strip(),
        "wp-content/themes",
    )
    before = on(site, "web01", f"stat -c '%a %U %G' {picture}; sha256sum < {picture}")
    themes = on(site, "web01", f"cd /var/www/portal/{theme} && find . -type f | sort | xargs sha256sum")
    on(site, "web01", f"rm {picture}; echo later | tee {uploads}/later.txt > /var/www/portal/{theme}/extra.txt")
    relative = picture.removeprefix("/var/www/portal/")
    did(ungcuu("restore", "web01", "--path", relative, "--confirm-host", "web01"))
    assert on(site, "web01", f"stat -c '%a %U %G' {picture}; sha256sum < {picture}") == before
    assert on(site, "web01", f"cat {uploads}/later.txt") == "later\n", "nothing else may go back"
    told = did(ungcuu("restore", "web01", "--path", theme, "--confirm-host", "web01"))["restores"][0]
    assert on(site, "web01", f"cd /var/www/portal/{theme} && find . -type f | sort | xargs sha256sum") == themes
    assert [row["path"] for row in told["written_since"]["files"]] == [f"{theme}/extra.txt"]
    on(site, "web01", f"ungcuu-site undo {told['restore']}")
    # What an undone restore leaves beside the website is no part of it, and a scan would say so.
    on(site, "web01", f"rm -r /var/www/portal/{theme}/extra.txt {uploads}/later.txt /var/www/.ungcuu-stage")
    code, document, _ = ungcuu("restore", "web01", "--path", "wp-content/none.txt", "--confirm-host", "web01")
    assert code != 0
    assert "has no file or folder" in json.dumps(document["error"])
    for wrong in ("/etc/passwd", "../x", "a//b"):
        assert ungcuu("restore", "web01", "--path", wrong, "--confirm-host", "web01")[0] == 2
    assert TEXT in page(site, "web01")


def test_drill_proves_the_newest_point(site: Lab, ungcuu: Run) -> None:
    """What a drill measured must be found again wherever somebody asks about backups."""
    live = on(site, "web01", "cd /var/www/portal && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum")
    drilled = did(ungcuu("restore-drill", "web01"))
    data = drilled["restore_drill"]
    assert data["on"] == "spare01"
    assert 0 < data["rto_seconds"] < 600
    proofs = {row["data"]["name"]: row["data"] for row in drilled["records"] if row["kind"] == "proof"}
    assert {"file_hashes", "table_rows", "restore_drill"} <= set(proofs)
    assert all(proof["passed"] for proof in proofs.values())
    known = did(ungcuu("restore-points", "web01"))["restore_points"]["web01"]
    assert known["points"][0]["proven_on"] == "spare01"
    assert known["drill"]["rto_seconds"] == data["rto_seconds"]
    assert known["alerts"] == []
    checks = {row["subject"]: row for row in ungcuu("doctor", "web01")[1]["checks"] if row["place"] == "web01"}
    assert known["last_proven"] in checks["backup"]["text"]
    assert TEXT in page(site, "spare01")
    again = on(site, "web01", "cd /var/www/portal && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum")
    assert live == again, "a drill must not touch the live website"


def test_a_website_is_no_place_for_a_drill(site: Lab, ungcuu: Run) -> None:
    """The drill replaces what stands on its host."""
    for words in (("restore-drill", "web01", "--on", "web01"), ("restore", "web01", "--to", "web01")):
        code, document, _ = ungcuu(*words, "--confirm-host", "web01")
        assert (code, document["outcome"]) == (4, "NOT DONE")


def test_restore_on_a_clean_machine(site: Lab, ungcuu: Run) -> None:
    """The compromised host stays as it is, for those who look into it."""
    site.down(["spare01"])
    site.up(["spare01"], os.environ.get("UNGCUU_LAB_DEBIAN", "12"))
    on(site, "web01", "echo '<?php echo 1;' > /var/www/portal/wp-content/uploads/shell.php")
    code, document, _ = ungcuu("backup", "web01")
    assert (code, document["outcome"]) == (13, "DONE"), "a point with a program among the uploads is suspect"
    words = ("--to", "spare01", "--clean", "--first-sign", "2099-01-01T00:00Z", "--confirm-host", "web01")
    code, document, said = ungcuu("restore", "web01", *words)
    did((code, document, said))
    assert "wp-content/uploads/shell.php" in said, "it must be said why the newest point was passed over"
    assert document["restores"][0]["host"] == "spare01"
    assert TEXT in page(site, "spare01")
    assert "shell.php" in on(site, "web01", "ls /var/www/portal/wp-content/uploads")


def test_from_restore_over_rotation_to_release(site: Lab, ungcuu: Run) -> None:
    """Our own changes must not stand in the way of the return to service; anybody else's must."""
    old_key = on(site, "web01", "cat /root/lan")
    assert logs_in(site, password="old-Secret-123") and logs_in(site, key=old_key), "or refusals would prove nothing"
    did(ungcuu("isolate", "web01", "--reason", "test", "--no-case"))
    assert not logs_in(site, password="old-Secret-123"), "only responders log in to an isolated host"
    sign = ("--first-sign", "2099-01-01T00:00Z", "--confirm-host", "web01")
    did(ungcuu("restore", "web01", "--clean", *sign))
    rotated = did(ungcuu("rotate", "web01", "--confirm-host", "web01"))
    passed = [row["data"] for row in rotated["records"] if row["kind"] == "proof" and row["data"]["passed"]]
    names = {(row["name"], row.get("account", "")) for row in passed}
    assert {("old_database_password", ""), ("old_password", "lan"), ("old_keys", "lan")} <= names
    fresh = secrets_of_lan()
    assert "uid=" in on(site, "web01", "runuser -u portal -- su lan -c id", fresh["password"].encode() + b"\n")
    old = site.exec("web01", ["runuser", "-u", "portal", "--", "su", "lan", "-c", "id"], b"old-Secret-123\n")
    assert old.returncode != 0 and b"uid=" not in old.stdout
    words = ("--entry-closed", "the upload form was removed", "--role", "website_backup")
    did(ungcuu("reassess", "web01", *words))
    on(site, "web01", "cp -a /etc/shadow /root/shadow.rotated; usermod -p '$6$other$hash' lan")
    code, document, _ = ungcuu("reassess", "web01", *words)
    assert code != 0
    assert "account.changed" in json.dumps(document)
    _give_back(site)
    did(ungcuu("reassess", "web01", *words))
    did(ungcuu("release", "web01", "--reason", "test", "--confirm-host", "web01"))
    assert TEXT in page(site, "web01")
    assert not logs_in(site, password="old-Secret-123")
    assert not logs_in(site, key=old_key)
    assert logs_in(site, password=fresh["password"]) and logs_in(site, key=fresh["private_key"])


def logs_in(lab: Lab, password: str | None = None, key: str | None = None) -> bool:
    """Whether sshd lets the account lan in, asked as a person would: over the network, with one credential."""
    pinned = (lab.folder / "host_web01.pub").read_text(encoding="ascii").split()[1]
    with paramiko.Transport((lab.address("web01"), 22)) as line:
        line.start_client(timeout=60)
        assert line.get_remote_server_key().get_base64() == pinned
        try:
            if key is not None:
                line.auth_publickey("lan", paramiko.Ed25519Key.from_private_key(io.StringIO(key)))
            else:
                line.auth_password("lan", password or "")
        except paramiko.AuthenticationException:
            return False
        session = line.open_session()
        session.exec_command("id -un")
        return session.recv(64) == b"lan\n"


def secrets_of_lan() -> dict[str, str]:
    """What the store on the controller has for the account, opened by ansible-vault as the how-to says."""
    state = Path(os.environ["UNGCUU_STATE"])
    command = [str(Path(sys.executable).with_name("ansible-vault")), "view", "--vault-password-file"]
    command += [str(state / "keys/secrets_password"), str(state / "hosts/web01/secrets.yml")]
    opened = subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout
    fresh: dict[str, str] = yaml.safe_load(opened)["accounts"]["lan"]
    return fresh


def _give_back(lab: Lab) -> None:
    """The password that was rotated in, again."""
    on(lab, "web01", "cp -a /root/shadow.rotated /etc/shadow")
