"""The lab's arithmetic and its refusals; that hosts really start is what every integration test shows."""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import tarfile
import threading
from pathlib import Path

import pytest

from ungcuu.lab import Lab, LabError, images, machines


def test_slots_share_no_address() -> None:
    """Two labs side by side must never reach each other's hosts."""
    labs = [Lab(slot, Path()) for slot in range(16)]
    for version in (4, 6):
        seen = [lab.address(host, version) for lab in labs for host in ("controller", "web01", "vault01", "intruder01")]
        assert len(seen) == len(set(seen))
    assert labs[0].address("web01") == "198.51.100.2"
    assert labs[15].address("web01", 6) == "fd5a:75c0:1ab:f::2"


@pytest.mark.parametrize("slot", ["16", "-1", "x"])
def test_a_wrong_slot_is_refused(slot: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot out of range would take another network's addresses."""
    monkeypatch.setenv("UNGCUU_LAB_SLOT", slot)
    with pytest.raises(LabError, match="0 to 15"):
        Lab.from_environment(Path())


def test_an_unknown_host_is_named_with_those_that_exist() -> None:
    """A typing error gets the list, not a traceback."""
    with pytest.raises(LabError, match="web01, vault01"):
        Lab(0, Path()).address("web1")


def test_an_image_tag_changes_with_its_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image of an older recipe must not be taken for the new one."""
    before = images.tag("website", "12")
    monkeypatch.setattr(images, "_recipe", lambda name: f"changed {name}")
    assert images.tag("website", "12") != before
    assert images.tag("website", "13") != images.tag("website", "12")


def test_a_machine_without_podman_has_no_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer's first drill clears the ground before anything is installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machines, "STORE", tmp_path / "machines")
    lab = Lab(0, tmp_path)
    lab.down()
    assert {row["state"] for row in lab.status().values()} == {"absent"}
    with pytest.raises(LabError, match="lab up brings it"):
        lab.exec("web01", ["true"])


def test_the_guest_agent_is_asked_again_after_a_broken_talk(tmp_path: Path) -> None:
    """An answer that nobody waited for is still in the line: a test would judge another command by it."""
    answers = [{"return": 1}, {"return": {"pid": 7}}, {"return": {"exited": True, "exitcode": 3, "err-data": "bm8="}}]
    near, far = socket.socketpair()

    def agent() -> None:
        with far, far.makefile("rwb") as line:
            line.write(b'{"return": {"pid": 6}}\n')
            for answer in answers:
                asked = json.loads(line.readline())
                told = {"return": asked["arguments"]["id"]} if asked["execute"] == "guest-sync" else answer
                line.write(json.dumps(told).encode() + b"\n")
                line.flush()

    threading.Thread(target=agent, daemon=True).start()
    with near:
        guest = machines._Agent(near, "web01")
        assert guest.ask("guest-exec", {"path": "false"}) == {"pid": 7}
        assert guest.ask("guest-exec-status", {"pid": 7})["exitcode"] == 3


def test_a_machine_s_seed_makes_it_this_host() -> None:
    """Name, address and pinned key come from the lab: a machine with another key would be an impostor."""
    seed = machines.Seed(
        "web01", "02:00:00:00:00:01", ["198.51.100.2/28"], "198.51.100.1", {"etc/ssh/key": (0o600, b"secret")}
    )
    with tarfile.open(fileobj=io.BytesIO(machines._archive(seed))) as archive:
        files = {entry.name: entry for entry in archive}
        network = archive.extractfile("etc/systemd/network/10-lab.network")
        assert network is not None
        assert b"Address=198.51.100.2/28" in network.read()
    assert files["etc/ssh/key"].mode == 0o600
    assert "etc/hostname" in files


def test_what_a_lab_keeps_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Its folders were made for everybody to read, the whole state's with them. Seen failing with plain mkdir."""
    before = os.umask(0o022)
    try:
        lab = Lab(3, tmp_path / "state" / "lab" / "3")
        lab._make_keys()
    finally:
        os.umask(before)
    for path in (tmp_path / "state", tmp_path / "state" / "lab", lab.folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((lab.folder / "known_hosts").stat().st_mode) == 0o600
