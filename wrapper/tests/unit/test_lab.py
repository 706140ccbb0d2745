"""The lab's arithmetic and its refusals; that hosts really start is what every integration test shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from ungcuu.lab import Lab, LabError, images


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
    lab = Lab(0, tmp_path)
    lab.down()
    assert {row["state"] for row in lab.status().values()} == {"absent"}
    with pytest.raises(LabError, match="lab up brings it"):
        lab.exec("web01", ["true"])
