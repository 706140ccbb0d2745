"""The vault as a third reader: what nothing can have changed since a backup must be as the backup holds it."""

from __future__ import annotations

from typing import Any

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import phrase
from ungcuu.detect import vault_view
from ungcuu.detect.baseline import Snapshot
from ungcuu.detect.comparison import Comparison, Policy
from ungcuu.detect.vault_view import compare, parse

ROOT = "/var/www/site"
TIME = 1_767_225_600  # 2026-01-01T00:00:00Z
GOOD, OTHER = "a" * 64, "b" * 64
VIEW = parse(
    {
        "outcome": "DONE",
        "point": {"id": "0123456789", "time": "2026-01-01T00:00:00Z"},
        "root": ROOT,
        "rows": [
            [f"{ROOT}/index.php", "file", GOOD],
            [f"{ROOT}/lib/a.php", "file", GOOD],
            [f"{ROOT}/lib/b", "link", "a.php"],
            [f"{ROOT}/lib/pipe", "other", ""],
        ],
    }
)


def reading(*rows: tuple[str, str, str, int], ended: bool = True) -> Snapshot:
    """Rows: path below the root, type, sum or target, seconds between its change and the point."""
    known = Snapshot(ended=ended)
    for name, kind, value, age in rows:
        path = f"{ROOT}/{name}".rstrip("/")
        told: dict[str, Any] = {"path": path, "type": kind, "area": "web", "ctime": TIME - age}
        known.rows["file"][(path,)] = told | (
            {"target": value} if kind == "link" else {"sha256": value} if value else {}
        )
    return known


OLD = 86_400
WHOLE = (
    ("", "dir", "", OLD),
    ("lib", "dir", "", OLD),
    ("index.php", "file", GOOD, OLD),
    ("lib/a.php", "file", GOOD, OLD),
    ("lib/b", "link", "a.php", OLD),
)


def without(name: str) -> tuple[tuple[str, str, str, int], ...]:
    return tuple(row for row in WHOLE if row[0] != name)


def contradicted(*rows: tuple[str, str, str, int]) -> list[str]:
    return [one.path.removeprefix(ROOT + "/") for one in compare(reading(*rows), VIEW).contradictions]


def test_the_same_is_no_contradiction() -> None:
    found = compare(reading(*WHOLE), VIEW)
    assert (found.compared, list(found.contradictions)) == (3, [])
    assert found.summary() == {
        "point": "0123456789",
        "time": "2026-01-01T00:00:00Z",
        "compared": 3,
        "contradictions": 0,
        "why": "",
    }


def test_a_file_that_is_hidden_in_quiet_folders() -> None:
    assert contradicted(*without("lib/a.php")) == ["lib/a.php"]
    assert contradicted(*without("lib/b")) == ["lib/b"]


def test_a_whole_folder_that_is_hidden() -> None:
    assert contradicted(*(row for row in WHOLE if not row[0].startswith("lib"))) == ["lib/a.php", "lib/b"]


def test_other_bytes_with_an_old_time() -> None:
    assert contradicted(*without("index.php"), ("index.php", "file", OTHER, OLD)) == ["index.php"]
    assert contradicted(*without("lib/b"), ("lib/b", "link", "/etc", OLD)) == ["lib/b"]
    assert contradicted(*without("lib/b"), ("lib/b", "dir", "", OLD)) == ["lib/b"]


def test_what_changed_since_is_not_compared() -> None:
    assert contradicted(*without("index.php"), ("index.php", "file", OTHER, -5)) == []
    assert contradicted(*without("index.php"), ("index.php", "file", OTHER, vault_view.MARGIN - 1)) == []
    assert contradicted(("lib", "dir", "", -5), *(row for row in without("lib/a.php") if row[0] != "lib")) == []


def test_a_folder_that_was_put_in_the_place_of_another() -> None:
    """A release that is switched by renaming has old files: the folders above it changed."""
    rows = [row for row in WHOLE if row[0] not in ("", "lib/a.php")]
    assert contradicted(("", "dir", "", -5), ("lib/a.php", "file", OTHER, OLD), *rows) == []


def test_no_root_no_comparison() -> None:
    assert compare(reading(*without("")), VIEW).compared == 0


def test_an_interrupted_reading_lacks_files() -> None:
    assert compare(reading(*without("lib/a.php"), ended=False), VIEW).contradictions == ()


def test_a_sum_that_was_not_given() -> None:
    assert contradicted(*without("index.php"), ("index.php", "file", "", OLD)) == []


def test_no_answer_is_said() -> None:
    assert compare(reading(*WHOLE), parse(None)).summary()["why"] == phrase(Seen.VAULT_SILENT)
    assert parse({"point": None, "rows": []}).why == phrase(Seen.VAULT_NO_POINT)
    for odd in ({}, {"point": {"id": 1}}, {"point": {"id": "1", "time": "x"}, "rows": []}, {"point": 3, "rows": 4}):
        assert parse(odd).why == phrase(Seen.VAULT_FORM), odd


def test_a_finding_says_both() -> None:
    seen = compare(reading(*without("index.php"), ("index.php", "file", OTHER, OLD)), VIEW)
    found = list(vault_view.vault_view(Comparison(Policy("web01", ROOT), None, Snapshot()), seen))
    assert [(one.rule, one.path) for one in found] == [("reader.vault", f"{ROOT}/index.php")]
    assert (found[0].seen, found[0].expected) == (f"file {OTHER}", f"file {GOOD}")
