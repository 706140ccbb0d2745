"""What an action plugin takes for its program's answer: a mapping of another form is not "there was nothing to do"."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ungcuu.hosts import vault
from ungcuu.plugins.action import ungcuu_accounts, ungcuu_dropins, ungcuu_packages
from ungcuu.plugins.on_host import run_on_host
from ungcuu.recover import restore_points


def host(answer: object) -> Any:
    """An action plugin whose host prints this answer, whatever it was asked."""
    said = {"rc": 0, "stdout": f"UNGCUU-RESULT {json.dumps(answer)}", "stderr": ""}
    return SimpleNamespace(_low_level_execute_command=lambda *_words, **_named: said)


@pytest.mark.parametrize("form", [ungcuu_accounts._FORM, ungcuu_dropins._FORM, ungcuu_packages._FORM])
@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"changed": True, "rc": 0, "outcome": "DONE"},
        {"changed": "no", "installed": {}, "removed": None, "accounts": 0, "site": True, "left": "none"},
    ],
)
def test_an_answer_of_another_form_is_a_failure(form: dict[str, type], answer: dict[str, object]) -> None:
    """Seen failing: `unlock` was DONE, and forgot whom it had locked, for any JSON that the host said."""
    found = run_on_host(host(answer), "accounts", {}, form)
    assert found["failed"] and "of another form" in found["msg"]


@pytest.mark.parametrize("form", [ungcuu_accounts._FORM, ungcuu_dropins._FORM, ungcuu_packages._FORM])
def test_the_right_form_goes_through(form: dict[str, type]) -> None:
    answer = {key: kind() for key, kind in form.items()}
    assert run_on_host(host(answer), "accounts", {}, form) == answer
    assert run_on_host(host({"failed": True, "msg": "why"}), "accounts", {}, form)["msg"] == "why"


@pytest.mark.parametrize("answer", [{"outcome": "DONE"}, {"outcome": "DONE", "points": "none"}, None])
def test_a_vault_that_names_no_points_leaves_the_list_as_it_was(
    answer: dict[str, object] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing: "outcome": "DONE" alone took the place of the known points, and read as a vault without any."""
    monkeypatch.setattr(vault, "ask", lambda *_words: answer)
    site: Any = SimpleNamespace(hosts=("vault01",), variables=lambda _name: {"website_vault_host": "vault01"})
    (tmp_path / restore_points.FILE).write_text('{"points": []}')
    assert not restore_points.refresh(site, "web01", tmp_path)
    assert (tmp_path / restore_points.FILE).read_text() == '{"points": []}'
