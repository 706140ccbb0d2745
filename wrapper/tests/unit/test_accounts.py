"""What `lock` cannot lock it must say. Nothing here may touch an account: whom it would lock is taken away first."""

from __future__ import annotations

from typing import Any

import pytest

from ungcuu.remote import accounts


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "candidates", lambda _keep, _wanted: ([], []))
    for name in ("lock", "unlock", "wordpress", "run"):
        monkeypatch.setattr(accounts, name, _refuse)


def _refuse(*_words: object, **_more: object) -> None:
    raise AssertionError("a test must not lock anything")


@pytest.mark.parametrize(
    ("application", "engine", "left"),
    [("drupal", "postgresql", 1), ("wordpress", "postgresql", 1), ("static", "", 1), ("", "", 0)],
)
def test_accounts_of_another_application_are_named_as_left(application: str, engine: str, left: int) -> None:
    """Whoever believes the site locked lets the intruder log in to it."""
    order: dict[str, Any] = {"state": "locked", "keep": ["ungcuu"], "accounts": [], "undo": {}, "check": False}
    reply = accounts.perform(order | {"application": application, "engine": engine, "database": "x"})
    assert len(reply["left"]) == left
    assert all(application in text for text in reply["left"])
