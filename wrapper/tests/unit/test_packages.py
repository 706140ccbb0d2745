"""Packages on a host: what holds the way back, and what happens when it was used too early."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ungcuu.remote import packages


@pytest.mark.parametrize("armed", [True, False])
def test_nothing_is_installed_once_the_way_back_was_used(
    armed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A controller that slept for an hour goes on where it was: the timer that would undo the change is gone."""
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(packages, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(packages, "ARMED", tmp_path)
    monkeypatch.setattr(packages, "installed", dict)
    monkeypatch.setattr(packages, "lists_options", lambda *_: [])
    monkeypatch.setattr(packages, "simulate", lambda *_: (["libpam-pwquality=1"], []))
    monkeypatch.setattr(packages, "apt", lambda *words: ran.append(words))
    if armed:
        (tmp_path / "packages").mkdir()
    order: dict[str, Any] = {"present": ["libpam-pwquality"], "absent": [], "guard": [], "check": False}
    if armed:
        assert packages.perform(order | {"armed": "packages"}) == {"installed": ["libpam-pwquality=1"], "removed": []}
        assert len(ran) == 1
    else:
        with pytest.raises(packages.Refused, match="Nothing was installed"):
            packages.perform(order | {"armed": "packages"})
        assert ran == []


@pytest.mark.parametrize("name", ["nginx-", "-oDir::Etc=/tmp", "nginx=1", "nginx php", ""])
def test_a_word_that_is_no_name_reaches_apt_never(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of a replaced host's packages was an intruder's to write: "nginx-" removes. Seen failing without it."""
    monkeypatch.setattr(packages, "installed", dict)
    monkeypatch.setattr(packages, "change", lambda *_: pytest.fail("apt was asked"))
    order: dict[str, Any] = {"present": ["php", name], "absent": [], "guard": [], "check": True}
    with pytest.raises(packages.Refused, match="Nothing was installed"):
        packages.perform(order)
