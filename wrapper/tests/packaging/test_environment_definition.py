"""The execution environment's definition: Debian's base, nothing fetched while it is built, the tree's own settings.

Built and used it is in wrapper/tests/integration/test_environment.py.
"""

from __future__ import annotations

import configparser
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "wrapper"))

from release import environment, wheels  # noqa: E402  (not part of the package)

WANTED = yaml.safe_load(environment.DEFINITION.read_text("utf-8"))


def test_its_base_is_made_here_and_no_registry_is_named() -> None:
    assert WANTED["version"] == 3
    assert WANTED["images"]["base_image"]["name"] == f"localhost/ungcuu-environment-base:{environment.DEBIAN}"
    assert "." not in environment.IMAGE.partition("/")[0]


def test_every_installation_is_from_checked_files() -> None:
    """Seen failing without ``--no-index``: bindep would come from an index, unchecked."""
    steps = [step for steps in WANTED["additional_build_steps"].values() for step in steps if "pip install" in step]
    assert steps and all("--no-index --find-links /from/wheels" in step for step in steps)
    assert any("--require-hashes" in step for step in steps)
    assert not {"python", "system", "ansible_core", "ansible_runner"} & set(WANTED["dependencies"])
    assert all(row["type"] == "file" for row in WANTED["dependencies"]["galaxy"]["collections"])


def test_the_builder_and_what_it_needs_are_pinned_as_the_product_has_them() -> None:
    """One wheel of each package: the builder stage takes the one that is there."""
    ours, theirs = (
        {req.name: str(req.specifier) for req, hashes in wheels.pins(lock) if hashes}
        for lock in (environment.LOCK, environment.TOOLS)
    )
    assert {"ansible-builder", "bindep"} <= set(theirs)
    assert {name: theirs[name] for name in set(ours) & set(theirs)} == {
        name: ours[name] for name in set(ours) & set(theirs)
    }


def test_a_project_without_ansible_cfg_has_the_trees_settings(tmp_path: Path) -> None:
    environment._write_settings(tmp_path / "ansible.cfg")
    tree, image = configparser.RawConfigParser(), configparser.RawConfigParser()
    tree.read(ROOT / "ansible.cfg", "utf-8")
    image.read(tmp_path / "ansible.cfg", "utf-8")
    for section in tree.sections():
        left_out = set(tree.options(section)) - set(image.options(section))
        assert left_out <= set(environment._OF_THE_TREE)
        assert all(
            image.get(section, name) == tree.get(section, name) for name in set(tree.options(section)) - left_out
        )
    assert not [name for name in image.options("defaults") if name in environment._OF_THE_TREE]
    assert image.get("defaults", "callbacks_enabled") == "ungcuu.ungcuu.ungcuu_changes"
