"""Enrolment and doctor on real hosts: nothing is sent before the key is confirmed, every fault has its fix."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ungcuu.contain import card
from ungcuu.core.settings import Settings
from ungcuu.hosts import enrolment
from ungcuu.lab import Lab

Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture(scope="module")
def machines(fresh: Callable[..., Lab]) -> Lab:
    """A website and its vault."""
    return fresh("web01", "vault01")


@pytest.fixture
def site(machines: Lab, tmp_path: Path) -> Path:
    """A site of our own with an empty file of pinned keys, on the lab's web01."""
    folder = tmp_path / "site"
    (folder / "group_vars").mkdir(parents=True)
    hosts = {"web01": {"ansible_host": machines.address("web01")}}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"children": {"website": {"hosts": hosts}}}}))
    (folder / "group_vars" / "all.yml").write_text(
        json.dumps(
            {
                "ungcuu_known_hosts": str(tmp_path / "known_hosts"),
                "ansible_user": "ungcuu",
                "ansible_ssh_private_key_file": str(machines.folder / "id_ed25519"),
                "management_addresses": ["203.0.113.7"],
            }
        )
    )
    return folder


def fingerprint(machines: Lab) -> str:
    """What a person reads on the machine's own console."""
    said = machines.exec("web01", ["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"])
    return said.stdout.decode().split()[1]


def logins(machines: Lab) -> int:
    """How often anybody has logged in on web01."""
    time.sleep(0.5)
    return machines.exec("web01", ["journalctl", "-u", "ssh", "--no-pager", "-g", "Accepted publickey"]).stdout.count(
        b"Accepted"
    )


def test_key_is_pinned_only_when_confirmed(machines: Lab, site: Path, ungcuu: Run, tmp_path: Path) -> None:
    """Trust on first use would pin the man in the middle."""
    before = logins(machines)
    code, document, _said = ungcuu("enrol", "web01", "-i", str(site))
    assert code == 4
    assert fingerprint(machines) in document["error"]["what"]
    assert fingerprint(machines) not in document["error"]["next"], "it would be pasted uncompared"
    code, _document, _said = ungcuu("enrol", "web01", "-i", str(site), "--fingerprint", "SHA256:" + "A" * 43)
    assert code == 9
    assert not (tmp_path / "known_hosts").exists()
    assert logins(machines) == before, "something was sent to a host that nobody had confirmed"
    code, document, said = ungcuu("enrol", "web01", "-i", str(site), "--fingerprint", fingerprint(machines))
    assert code == 0, said
    assert [key.fingerprint for key in enrolment.pinned_keys(tmp_path / "known_hosts", "web01")] == [
        fingerprint(machines)
    ]
    kept = card.load(Settings.from_environment(), "web01")
    assert kept.allow.holds(machines.address("controller")), "isolating this host would lock us out"
    assert kept.allow.holds("203.0.113.7")


def test_changed_key_is_named_and_not_accepted(machines: Lab, site: Path, ungcuu: Run, tmp_path: Path) -> None:
    """A reinstalled machine and a man in the middle look the same from here."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    other = (tmp_path / "other.pub").read_text().split()
    (tmp_path / "known_hosts").write_text(f"web01 {other[0]} {other[1]}\n")
    code, _document, said = ungcuu("enrol", "web01", "-i", str(site))
    assert (code, "CHANGED" in said) == (4, True)
    code, document, _said = ungcuu("doctor", "web01", "-i", str(site))
    assert code == 13
    row = next(row for row in document["checks"] if row["subject"] == "host key")
    assert (row["level"], row["fix"]) == ("bad", f"ungcuu -i {site} enrol web01")


def test_every_refusal_at_once(machines: Lab, site: Path, ungcuu: Run) -> None:
    """Nobody should fix one thing, run again, and find the next."""
    broken = "mv /usr/bin/python3 /usr/bin/python3.away; mv /usr/sbin/nft /usr/sbin/nft.away"
    assert machines.exec("web01", ["sh", "-c", broken]).returncode == 0
    try:
        code, document, _said = ungcuu("enrol", "web01", "-i", str(site), "--fingerprint", fingerprint(machines))
    finally:
        machines.exec(
            "web01", ["sh", "-c", "mv /usr/bin/python3.away /usr/bin/python3; mv /usr/sbin/nft.away /usr/sbin/nft"]
        )
    assert code == 4
    assert "Python" in document["error"]["what"]
    assert "nft" in document["error"]["what"]
    assert "python3" in document["error"]["next"]


def test_doctor_finds_each_fault_and_changes_nothing(machines: Lab, ungcuu: Run) -> None:
    """Read-only, proven: the host's files before and after are the same."""
    settings = dataclasses.replace(Settings.from_environment())
    assert ungcuu("enrol", "web01")[0] == 0
    look = "find /etc /usr/local /home /root -type f -newermt '-1 day' -printf '%p %T@ %s\\n' | sort; nft list ruleset"
    before = machines.exec("web01", ["sh", "-c", look]).stdout
    code, document, said = ungcuu("doctor", "web01")
    assert code == 0, said
    assert machines.exec("web01", ["sh", "-c", look]).stdout == before
    subjects = {row["subject"] for row in document["checks"] if row["level"] == "good"}
    assert subjects >= {
        "connection",
        "Python",
        "sudo",
        "nft",
        "disk",
        "clock",
        "containment card",
        "vault",
        "inventory",
    }
    path = card.card_path(settings, "web01")
    path.write_text(path.read_text().replace('"source": "', '"source": "0'))
    (settings.host_dir("web01") / "isolation.json").write_text('{"time": "2026-11-22T00:00:00Z", "mode": "full"}')
    code, document, _said = ungcuu("doctor", "web01")
    (settings.host_dir("web01") / "isolation.json").unlink()
    assert code == 13
    told = [(row["level"], row["subject"], row["text"]) for row in document["checks"]]
    assert any(row[1] == "containment card" and "outdated" in row[2] and "recreated" in row[2] for row in told), told
    assert any(row[:2] == ("bad", "isolation") and "gone" in row[2] for row in told), told
    assert card.load(settings, "web01").source != "0", "the next isolate must not act on a stale card"
    checks = {row["subject"]: row["level"] for row in ungcuu("doctor", "web01")[1]["checks"]}
    assert checks["containment card"] == "good"
    assert ungcuu("enrol", "web01")[0] == 0
