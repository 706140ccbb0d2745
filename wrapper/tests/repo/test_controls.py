"""The catalogue, the roles, the tests and the reference page say the same thing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from ungcuu.prepare import controls
from ungcuu.run.plan import playbook_roles

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = controls.load(ROOT / "roles")


def proven() -> dict[str, list[str]]:
    """Which tests carry a control's mark: control id to test ids."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "roles").glob("*/tests/test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else []:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.control":
                    found.setdefault(ast.literal_eval(mark.args[0]), []).append(
                        f"{path.relative_to(ROOT)}::{node.name}"
                    )
    return found


def test_every_control_has_its_check_and_every_check_its_control() -> None:
    """A control that nothing proves is a wish; a check without control is shown nowhere."""
    assert proven() == {control.id: [control.check] for control in CATALOGUE}


def test_ids_are_unique_and_fields_are_filled() -> None:
    """Waivers and drift refer to ids."""
    ids = [control.id for control in CATALOGUE]
    assert len(ids) == len(set(ids))
    for control in CATALOGUE:
        assert control.title and control.title_vi and control.why, control.id
        assert control.level in (2, 3) and control.default in controls.STATES, control.id
        assert set(control.mapping) == {"cis_debian12", "devsec", "tcvn_14423"}, control.id


def test_every_role_of_the_catalogue_is_in_the_playbook() -> None:
    """A control whose role never runs is never set."""
    assert {control.role for control in CATALOGUE} <= {role for _, role in playbook_roles(ROOT, "harden")}


@pytest.mark.parametrize("control", CATALOGUE, ids=lambda control: control.id)
def test_every_control_is_set_by_its_role(control: controls.Control) -> None:
    """The id stands in the role's tasks, variables or templates, unless its default says that it is only checked."""
    if control.default == "audit":
        return
    folder = ROOT / "roles" / control.role
    texts = [
        path.read_text("utf-8") for part in ("tasks", "templates", "vars") for path in (folder / part).rglob("*.*")
    ]
    assert any(control.id in text for text in texts)


def test_reference_page_is_up_to_date() -> None:
    """Run: python -m ungcuu.prepare.controls > docs/reference/controls.md."""
    assert (ROOT / "docs/reference/controls.md").read_text("utf-8") == controls.reference(CATALOGUE)


def test_level_is_the_roles_default() -> None:
    """The audit and the playbook must not disagree about what is demanded."""
    defaults = yaml.safe_load((ROOT / "roles/controls/defaults/main.yml").read_text("utf-8"))
    assert defaults["controls_level"] == controls.DEFAULT_LEVEL
