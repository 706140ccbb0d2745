"""Journals for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ungcuu.case.journal import Journal
from ungcuu.case.journal_check import VerifyResult, verify

Make = Callable[..., Journal]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def opened(case: str = "UC-20261122-001") -> Journal:
        return Journal.open(tmp_path / "cases" / case, tmp_path / "keys", tmp_path / "heads")

    return opened


@pytest.fixture
def filled(make: Make) -> Journal:
    journal = make()
    for number in range(4):
        journal.append("step", {"number": number, "text": "bước \x1b[2J\u202e\x7f"})
    return journal


def check(journal: Journal) -> VerifyResult:
    return verify(journal.folder, journal.public, journal.head_path)
