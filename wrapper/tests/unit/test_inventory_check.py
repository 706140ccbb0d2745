"""The inventory explains itself: what is wrong with its place and an example, what holds and where it was written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ungcuu.core.settings import Settings
from ungcuu.hosts import fact_schema, inventory_check, websites
from ungcuu.hosts.inventory_check import Setting
from ungcuu.hosts.site import Site
from ungcuu.hosts.website_facts import FACTS, OPTIONAL

ROOT = Path(__file__).resolve().parents[3]
ROLES = ROOT / "roles"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """A copy of the example."""
    return Path(shutil.copytree(ROOT / "inventory" / "example", tmp_path / "site"))


def loaded(inventory: Path) -> Site:
    return Site.load(Settings(state=inventory.parent / "state", content=ROOT, operator="an", inventory=inventory))


def add(path: Path, text: str) -> int:
    """Append to a file; returns the number of the first line added."""
    path.parent.mkdir(exist_ok=True)
    before = path.read_text("utf-8") if path.exists() else ""
    path.write_text(before + text, "utf-8")
    return before.count("\n") + 1


def settings(inventory: Path, *, defaults: bool = False) -> dict[str, Setting]:
    return {one.name: one for one in inventory_check.settings(loaded(inventory), "web01", defaults=defaults)}


@pytest.mark.parametrize("name", ["example", "lab"])
def test_nothing_is_wrong_with_the_inventories_of_this_tree(name: str, tmp_path: Path) -> None:
    site = Site.load(Settings(state=tmp_path, content=ROOT, operator="an", inventory=ROOT / "inventory" / name))
    assert inventory_check.faults(site) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("website_writeable_paths: []\n", ["nothing reads website_writeable_paths", "website_writable_paths"]),
        ("website_ports: eighty\n", ["website_ports is", "eighty", "such as [80, 443]"]),
        ("web_hardening_csp_mode: sometimes\n", ["web_hardening_csp_mode is", "sometimes", "report | "]),
        ("kernel_hardening_settings: [a]\n", ["kernel_hardening_settings is", "names with values", "such as {"]),
        ("login_guard_tries: many\n", ["login_guard_tries is", '"many"', "a whole number, such as"]),
    ],
)
def test_a_fault_is_named_with_place_and_example(inventory: Path, text: str, words: list[str]) -> None:
    path = inventory / "host_vars" / "web01.yml"
    line = add(path, text)
    found = [fault for fault in inventory_check.faults(loaded(inventory)) if f"{path}:{line}" in fault]
    assert len(found) == 1
    for word in words:
        assert word in found[0]


def test_all_faults_are_named_at_once_and_each_once(inventory: Path) -> None:
    """Two hosts of a group share a fault: it is one line of one file."""
    add(inventory / "group_vars" / "all.yml", "login_guard_tries: many\nweb_hardening_csp_mode: sometimes\n")
    found = inventory_check.faults(loaded(inventory))
    assert len(found) == 2


def test_a_fault_in_an_entry_of_a_list_of_websites_is_found(inventory: Path) -> None:
    entry = "{name: %s, website_name: %s.example.gov.vn, website_root: /srv/%s, website_user: portal,"
    entry += " website_health_path: /, website_health_text: Chào, website_database_engine: %s}"
    lines = [entry % ("one", "one", "one", "none"), entry % ("two", "two", "two", "oracle")]
    add(inventory / "host_vars" / "web01.yml", "websites:\n" + "".join(f"  - {line}\n" for line in lines))
    found = inventory_check.faults(loaded(inventory))
    assert len(found) == 1
    assert "oracle" in found[0]
    assert "web01.yml:3" in found[0]


def test_the_place_is_that_of_the_value_that_holds(inventory: Path) -> None:
    """A host's file wins over a group's; a line of the group's file would send people to the wrong place."""
    line = add(inventory / "host_vars" / "web01.yml", "website_root: /srv/other\n")
    held = settings(inventory)
    assert held["website_root"] == Setting("website_root", '"/srv/other"', "host_vars/web01.yml", line)
    assert held["website_user"].source == "group_vars/website.yml"


def test_where_ansible_marks_nothing_all_places_are_named(inventory: Path) -> None:
    add(inventory / "host_vars" / "web01.yml", "ansible_become: false\n")
    held = settings(inventory)["ansible_become"]
    assert (held.text, held.line) == ("false", 0)
    assert held.source == "group_vars/all.yml or host_vars/web01.yml"


def test_one_place_is_named_where_there_is_one(inventory: Path) -> None:
    held = settings(inventory)["ansible_become"]
    assert (held.source, held.line > 0) == ("group_vars/all.yml", True)


def test_what_ansible_adds_by_itself_is_no_setting(inventory: Path) -> None:
    assert not {"inventory_dir", "inventory_file", "group_names", "ansible_local"} & set(settings(inventory))


def test_defaults_fill_what_the_inventory_leaves_out(inventory: Path) -> None:
    add(inventory / "host_vars" / "web01.yml", "login_guard_tries: 7\n")
    held = settings(inventory, defaults=True)
    assert not held["login_guard_tries"].default
    assert held["login_guard_window"].default
    assert held["login_guard_window"].source == "roles/login_guard/defaults/main.yml"


@pytest.mark.parametrize(
    "text",
    [
        "watch_targets: ['mailtos://user:CANARY@mail.example.gov.vn']\n",
        "our_api_token: CANARY\n",
        "our_proxy: smtp://user:CANARY@mail.example.gov.vn\n",
        "our_settings: {database: {password: CANARY}}\n",
        "ansible_become_password: CANARY\n",
        "ansible_ssh_pass: CANARY\n",
    ],
)
def test_no_secret_is_shown(inventory: Path, text: str) -> None:
    add(inventory / "host_vars" / "web01.yml", text)
    assert "CANARY" not in repr(settings(inventory))


@pytest.mark.parametrize("whole", [True, False])
def test_what_ansible_vault_keeps_is_not_shown(inventory: Path, tmp_path: Path, whole: bool) -> None:
    """In a process of its own: Ansible takes the vault's password once a process."""
    (tmp_path / "word").write_text("word\n", "utf-8")
    (tmp_path / "word").chmod(0o600)
    vault = ["--vault-password-file", str(tmp_path / "word")]
    path = inventory / "host_vars" / "web01.yml"
    path.parent.mkdir()
    if whole:
        path.write_text("our_motto: CANARY\n", "utf-8")
        subprocess.run(["ansible-vault", "encrypt", *vault, str(path)], check=True, capture_output=True)
    else:
        command = ["ansible-vault", "encrypt_string", *vault, "--name", "our_motto", "CANARY"]
        path.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout, "utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "ungcuu", "-i", str(inventory), "config", "show", "web01"],
        capture_output=True,
        check=False,
        text=True,
        env={
            **os.environ,
            "ANSIBLE_VAULT_PASSWORD_FILE": str(tmp_path / "word"),
            "UNGCUU_STATE": str(tmp_path / "state"),
        },
    )
    assert run.returncode == 0, run.stderr
    assert "our_motto: (hidden)" in run.stdout
    assert "CANARY" not in run.stdout + run.stderr


def test_values_of_one_of_several_websites_stand_at_its_entry(inventory: Path) -> None:
    text = "websites:\n  - name: one\n    website_name: one.example.gov.vn\n    website_root: /srv/one\n"
    text += "    website_user: portal\n    website_health_path: /\n    website_health_text: Chào\n"
    add(inventory / "host_vars" / "web01.yml", text)
    site = websites.laid_over(loaded(inventory), "web01", "one")
    held = {one.name: one for one in inventory_check.settings(site, "web01", defaults=False)}
    assert held["website_root"] == Setting("website_root", '"/srv/one"', "host_vars/web01.yml", 4)
    assert held["management_addresses"].source == "group_vars/all.yml"


def test_the_schema_knows_every_variable_that_is_read() -> None:
    """What is missing there is no help to an editor, and nobody would notice."""
    from ungcuu.hosts.unread_variables import CONNECTION, known

    named = set(fact_schema.schema(ROLES)["properties"])
    assert {fact.name for fact in FACTS} | OPTIONAL == set(fact_schema.FACT_SHAPES)
    assert named == set(known(ROLES)) - CONNECTION


def test_the_schema_takes_the_inventories_of_this_tree_and_refuses_what_is_wrong() -> None:
    from jsonschema import Draft202012Validator

    from ungcuu.hosts import inventory_files

    schema = fact_schema.schema(ROLES)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for path in (ROOT / "inventory").glob("*/group_vars/*.yml"):
        assert list(validator.iter_errors(inventory_files.parsed(path.read_text("utf-8")))) == [], path
    for wrong in ({"website_ports": "eighty"}, {"web_hardening_csp_mode": "sometimes"}, {"website_root": 5}):
        assert list(validator.iter_errors(wrong))
    assert not list(validator.iter_errors({"website_ports": "{{ ours }}"}))


def test_the_schema_page_is_the_schema() -> None:
    page = ROOT / "docs" / "reference" / "inventory.schema.json"
    assert json.loads(page.read_text("utf-8")) == fact_schema.schema(ROLES)
