"""The inventory is resolved by Ansible itself, and what is wrong with it is said with the fix."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import content
import pytest

from ungcuu.cli.completion import host_names
from ungcuu.core.errors import InventoryError
from ungcuu.hosts.site import Site, find_inventory, target_from


def load(tmp_path: Path) -> Site:
    settings = content.make(tmp_path)
    return Site.load(dataclasses.replace(settings, inventory=settings.content / "inventory" / "site"))


def test_variables_are_resolved_to_plain_data(tmp_path: Path) -> None:
    site = load(tmp_path)
    assert site.variables("web01")["derived"] == "green-ish"
    assert type(site.variables("web01")["derived"]) is str
    assert site.groups["website"] == ("web01", "web02")


def test_groups_expand_and_each_host_comes_once(tmp_path: Path) -> None:
    assert load(tmp_path).expand(["web02", "website", "vault"]) == ("web02", "web01", "vault01")


def test_an_unknown_host_names_the_nearest_and_lists_all(tmp_path: Path) -> None:
    with pytest.raises(InventoryError) as caught:
        load(tmp_path).expand(["wbe01"])
    assert "web01" in caught.value.what
    assert "vault01" in caught.value.fix


def test_connection_data_of_a_host() -> None:
    target = target_from(
        "web01",
        {
            "ansible_host": "192.0.2.1",
            "ansible_port": 2222,
            "ansible_ssh_private_key_file": "/k",
            "ansible_ssh_common_args": "-J gate -oUserKnownHostsFile=/p -o StrictHostKeyChecking=no -o Compression=yes",
        },
    )
    assert (target.address, target.port, target.key, target.known_hosts) == ("192.0.2.1", 2222, Path("/k"), Path("/p"))
    # What pins the host's key can't be loosened by an inventory's argument line.
    assert target.options == ("ProxyJump=gate", "Compression=yes")


def test_the_inventory_is_found_by_path_by_name_by_environment_or_here(tmp_path: Path) -> None:
    settings = content.make(tmp_path)
    folder = settings.content / "inventory" / "site"
    assert find_inventory(settings, str(folder), {}, tmp_path) == folder
    assert find_inventory(settings, "site", {}, tmp_path) == folder
    assert find_inventory(settings, None, {"UNGCUU_INVENTORY": "site"}, tmp_path) == folder
    assert find_inventory(settings, None, {}, settings.content) == folder


def test_no_inventory_is_reported_with_the_fix(tmp_path: Path) -> None:
    settings = dataclasses.replace(content.make(tmp_path), content=tmp_path / "none")
    with pytest.raises(InventoryError) as caught:
        find_inventory(settings, None, {}, tmp_path)
    assert "--inventory" in caught.value.fix


def test_an_inventory_that_can_not_be_resolved_is_reported(tmp_path: Path) -> None:
    settings = content.make(tmp_path)
    (settings.content / "inventory/site/hosts.yml").write_text("all: {hosts: {a: {x: '{{ nosuch }}'}}}\n")
    with pytest.raises(InventoryError, match="nosuch"):
        Site.load(dataclasses.replace(settings, inventory=settings.content / "inventory" / "site"))


def test_completion_reads_names_without_ansible(tmp_path: Path) -> None:
    settings = content.make(tmp_path)
    names = host_names(str(settings.content / "inventory" / "site"))
    assert names == ["vault", "vault01", "web01", "web02", "website"]
