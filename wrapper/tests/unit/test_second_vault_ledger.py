"""What a second vault takes over of a first one's ledger, which may be an intruder's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[3] / "roles/backup_vault/files"
ROW = {
    "id": "ab" * 32,
    "time": "2026-01-02T03:04:05Z",
    "arrived": "2026-01-02T03:05:05Z",
    "host": "web01",
    "bytes": 10,
    "files": 2,
    "added_bytes": 3,
    "seconds": 1.5,
    "skewed": False,
    "paths": ["/var/www/portal"],
    "counts": {"files": 1, "database": 1, "config": 0},
    "source": {"root": "/var/www/portal", "config_paths": [], "config_missing": [], "consistency": "one transaction"},
}


@pytest.fixture
def pull(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(PROGRAM))
    from ungcuu_vault import pull as module

    yield module
    for name in [name for name in sys.modules if name.split(".")[0] == "ungcuu_vault"]:
        del sys.modules[name]


def test_a_scan_and_a_proof_are_not_believed(pull: Any) -> None:
    """A point that the first vault calls clean would be restored unseen: the second one looks for itself."""
    told = ROW | {"scan": {"clean": True}, "proven": "2026-01-03T00:00:00Z", "drill": {}, "more": 1, "first": "x"}
    assert pull._checked(told, "web01") == ROW


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "--help"},
        {"id": "ab"},
        {"host": "web02"},
        {"time": "2099-01-01T00:00:00Z"},
        {"arrived": 7},
        {"arrived": "soon"},
        {"bytes": "many"},
        {"paths": "/"},
        {"paths": [1]},
        {"counts": {}},
        {"source": {"root": "/"}},
        {"source": ROW["source"] | {"root": 1}},
    ],
    ids=str,
)
def test_a_row_of_another_kind_is_refused(pull: Any, wrong: dict[str, Any]) -> None:
    """One such row in the second vault's own ledger, and no point could be chosen there any more."""
    from ungcuu_vault.common import VaultError

    with pytest.raises((ValueError, KeyError, TypeError, VaultError)):
        pull._checked(ROW | wrong, "web01")
