"""Every action plugin in the folder: documented, and its arguments held to what the documentation says.

A misspelt ``revert:`` once removed the protection against a lock-out without a word. Seen failing with the validation
taken out of ``DocumentedAction``, and with the walk into lists and mappings taken out of ``argument_spec``.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import plugin_runs
import pytest
import yaml
from ansible.errors import AnsibleActionFail
from plugin_runs import NAMES, PLUGINS, ROOT, required, untemplated, uses

from ungcuu.plugins import plain_call
from ungcuu.plugins.argument_spec import InvalidArguments, documentation, validated

TASK_FILES = sorted(
    [*ROOT.glob("playbooks/*.yml"), *ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/handlers/*")]
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An example that does run, because the defence was taken out, must not write into the tree."""
    monkeypatch.chdir(tmp_path)


def options(name: str) -> dict[str, Any]:
    found: dict[str, Any] = documentation(name)["DOCUMENTATION"]["options"]
    return found


def rules(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = plugin_runs.load(name, {}).rules
    return found


def examples(name: str) -> list[dict[str, Any]]:
    tasks = documentation(name)["EXAMPLES"]
    return [untemplated(options(name), task[name] or {}) for task in tasks]


def nested(known: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield arguments with a misspelt key at each place that takes keys, and the key that was meant."""
    for key, option in known.items():
        inner = option.get("suboptions")
        yield key, required(known) | {misspelt(key): 1}
        for meant, row in nested(inner) if inner else ():
            yield meant, required(known) | {key: [row] if option["type"] == "list" else row}


def misspelt(key: str) -> str:
    return f"{key[:-1]}x{key[-1]}"


def filters() -> dict[str, tuple[Path, Any]]:
    """Return every filter, of the roles and of the package: its name, its folder, and the function."""
    found: dict[str, tuple[Path, Any]] = {}
    for path in sorted([*ROOT.glob("roles/*/filter_plugins/*.py"), *PLUGINS.glob("filter/[!_]*.py")]):
        spec = importlib.util.spec_from_file_location(f"filters_of_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= {name: (path.parent, function) for name, function in module.FilterModule().filters().items()}
    return found


def test_every_filter_is_documented_with_its_own_parameters() -> None:
    """Python itself refuses an argument that a filter does not take."""
    for name, (folder, function) in filters().items():
        found = yaml.safe_load((folder / f"{name}.yml").read_text("utf-8"))
        doc, parameters = found["DOCUMENTATION"], list(inspect.signature(function).parameters.values())
        required = ["_input", *(row.name for row in parameters[1:] if row.default is row.empty)]
        assert doc["name"] == name
        assert list(doc["options"]) == ["_input", *(row.name for row in parameters[1:])], name
        assert [key for key, option in doc["options"].items() if option["required"]] == required, name
        assert name in found["EXAMPLES"]
        assert found["RETURN"]["_value"]["description"]
        assert function.__doc__


def test_ansible_doc_shows_every_filter() -> None:
    folders = ":".join({str(folder) for folder, _ in filters().values()})
    command = [sys.executable, "-m", "ansible", "doc", "-t", "filter", "--json", *filters()]
    environment = os.environ | {"ANSIBLE_FILTER_PLUGINS": folders}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert sorted(json.loads(done.stdout)) == sorted(filters())


def plain() -> dict[str, str]:
    """The environment without what another test of this process set for Ansible."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}


def test_ansible_doc_shows_every_callback() -> None:
    names = sorted(path.stem for path in (PLUGINS / "callback").glob("[!_]*.py"))
    command = [sys.executable, "-m", "ansible", "doc", "-t", "callback", "--json", *names]
    done = subprocess.run(command, cwd=ROOT, env=plain(), capture_output=True, text=True, check=True)
    assert sorted(json.loads(done.stdout)) == names


def test_no_other_kind_of_plugin_is_left_out() -> None:
    """The walks of this file know actions, callbacks and filters. Another kind needs a walk of its own first."""
    kinds = {path.parent.name for path in [*ROOT.glob("roles/*/*/*.py"), *ROOT.glob("wrapper/ungcuu/plugins/*/*.py")]}
    assert kinds <= {"action", "modules", "callback", "filter", "filter_plugins", "files", "tests"}


def test_documentation_and_plugins_are_the_same_set() -> None:
    assert sorted(path.stem for path in (PLUGINS / "modules").glob("[!_]*.py")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_is_whole(name: str) -> None:
    found = documentation(name)
    doc = found["DOCUMENTATION"]
    assert doc["module"] == name
    assert doc["short_description"]
    assert doc["description"]
    assert set(doc["attributes"]) == {"check_mode", "diff_mode"}
    assert found["EXAMPLES"]
    assert all(row["description"] and row["type"] for row in found["RETURN"].values())

    def walk(known: Mapping[str, Any]) -> None:
        for key, option in known.items():
            assert option["description"], key
            assert option["type"], key
            assert ("elements" in option) == (option["type"] == "list"), key
            walk(option.get("suboptions", {}))

    walk(doc["options"])


def test_ansible_doc_shows_every_plugin() -> None:
    """As an operator runs it in the checkout, with nothing but ansible.cfg."""
    command = [sys.executable, "-m", "ansible", "doc", "-t", "module", "--json", *NAMES]
    done = subprocess.run(command, cwd=ROOT, env=plain(), capture_output=True, text=True, check=True)
    shown = json.loads(done.stdout)
    assert sorted(shown) == NAMES
    assert all(row["doc"]["short_description"] and row["examples"] and row["return"] for row in shown.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_valid(name: str) -> None:
    for arguments in examples(name):
        validated(name, arguments, rules(name))


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_use_in_the_tree_is_valid(path: Path) -> None:
    for name, arguments in uses(path.read_text("utf-8")):
        if isinstance(arguments, dict):
            validated(name, untemplated(options(name), arguments), rules(name))


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_key_is_refused_before_anything_is_done(name: str, check: bool) -> None:
    """The host of this test fails the test when it is asked for anything."""
    with pytest.raises(AnsibleActionFail) as refusal:
        plugin_runs.run(name, examples(name)[0] | {"reverted": 1}, check=check)
    assert f"{name}: unknown key 'reverted'" in str(refusal.value)
    assert "Nothing was done by this task. Fix: " in str(refusal.value)


MISSPELT = [(name, meant, row) for name in NAMES for meant, row in nested(options(name)) if len(meant) > 2]


@pytest.mark.parametrize(("name", "meant", "arguments"), MISSPELT, ids=[f"{row[0]}-{row[1]}" for row in MISSPELT])
def test_a_misspelt_key_is_refused_at_every_depth(name: str, meant: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments) as refusal:
        validated(name, arguments, {})
    assert f"unknown key '{misspelt(meant)}'" in str(refusal.value)
    assert f"did you mean '{meant}'?" in str(refusal.value)


def test_a_misspelt_revert_does_not_remove_the_protection_against_a_lock_out() -> None:
    sshd = examples("ungcuu_dropins")[0]
    sshd["revret"] = sshd.pop("revert")
    with pytest.raises(AnsibleActionFail, match=r"ungcuu_dropins: unknown key 'revret' .did you mean 'revert'"):
        plugin_runs.run("ungcuu_dropins", sshd)


WRONG = {"int": "soon", "float": "soon", "bool": "perhaps", "dict": 7, "list": {"x": 1}, "str": ["x"], "path": {"x": 1}}


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_key_and_a_wrong_type_are_refused(name: str) -> None:
    known, right = options(name), examples(name)[0]
    for key, option in known.items():
        if option.get("required"):
            with pytest.raises(InvalidArguments, match=f"{name}: missing required arguments: {key}"):
                validated(name, {other: value for other, value in right.items() if other != key}, {})
        if "choices" in option:
            with pytest.raises(InvalidArguments, match=key):
                validated(name, right | {key: "elsewhere"}, {})
        elif option["type"] in WRONG:
            with pytest.raises(InvalidArguments, match=key):
                validated(name, right | {key: WRONG[option["type"]]}, {})


def test_a_mode_that_yaml_reads_as_a_number_is_refused() -> None:
    """Without quotes 0600 is the number 384, and would be the mode 0o384 or another one."""
    rows = yaml.safe_load("[{src: a.j2, dest: /etc/a, mode: 0600}]")
    with pytest.raises(AnsibleActionFail, match="write the mode in octal and in quotes"):
        plugin_runs.run("ungcuu_dropins", {"files": rows})
    with pytest.raises(AnsibleActionFail, match="/etc/a: needs one of src, edits, only_mode"):
        plugin_runs.run("ungcuu_dropins", {"files": [{"dest": "/etc/a", "mode": "0600"}]})


@pytest.mark.parametrize("name", NAMES)
def test_what_is_given_empty_stays_empty(name: str) -> None:
    """``site: {}`` meant that no page is tried; a default of a key below it made the probe ask for one without a name.

    Seen failing with that default.
    """
    for key, option in options(name).items():
        if option.get("type") == "dict" and option.get("suboptions") and not option.get("required"):
            inner = option["suboptions"]
            assert not any("default" in row for row in inner.values()) or option.get("default") != {}, key


# Of an isolation: nothing may hold it back.
WITHOUT_STATE = {"ungcuu_allow_list", "ungcuu_dropins", "ungcuu_probe", "ungcuu_readback"}


@pytest.mark.parametrize("name", sorted(set(NAMES) - WITHOUT_STATE))
def test_a_plugin_refuses_state_that_is_lost_with_its_container(name: str, tmp_path: Path) -> None:
    """A baseline, evidence or a list of blocks would be gone with the job. Seen failing with the question taken out."""
    (tmp_path / plain_call.MARK).touch()
    more = {
        "ungcuu_containment": {"state": "released"},
        "rotate_credentials": {"what": "accounts", "accounts": ["x"], "keep": ["y"]},
    }.get(name, {})
    arguments = required(options(name)) | more
    with pytest.raises(AnsibleActionFail, match="would be lost with it"):
        plugin_runs.run(name, arguments, ungcuu_state=str(tmp_path))


def test_an_isolation_goes_on_without_state_and_says_so(tmp_path: Path) -> None:
    """Seen failing without the warning: the isolation seemed to be on record."""
    (tmp_path / plain_call.MARK).touch()
    arguments = {"state": "isolated", "mode": "full", "folder": str(tmp_path / "hosts")}
    done = plugin_runs.run("ungcuu_containment", arguments, ungcuu_state=str(tmp_path))
    assert done["changed"]
    assert "would be lost with it" in done["warnings"][0]
    for name in WITHOUT_STATE:
        assert not plugin_runs.load(name, {}).needs_state()
