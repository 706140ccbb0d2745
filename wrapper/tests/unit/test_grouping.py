"""Thousands of findings in a few lines, none of them lost."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from ungcuu.cli.commands import scan as verb
from ungcuu.core.atomic import put_json
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.detect import baseline
from ungcuu.detect.findings import Severity, finding
from ungcuu.detect.grouping import MANY, grouped
from ungcuu.run.verb import Context

ROOT = "/var/www/portal"


def rows(count: int, folder: str = "a", rule: str = "web.code-added") -> list[dict[str, Any]]:
    return [
        finding("web01", rule, Severity.HIGH, "file", f"{ROOT}/{folder}/{number}.php").document()
        for number in range(count)
    ]


def shown(folder: Path, found: list[dict[str, Any]], time: str = "T") -> str:
    settings = Settings.from_environment({"UNGCUU_STATE": str(folder)})
    out = StringIO()
    put_json(baseline.host_folder(folder, "web01") / "findings.json", {"time": "T", "findings": found})
    verb._show_findings(
        Context(settings, verb.VERB, Screen(out)), [{"host": "web01", "time": time}], [dict(one) for one in found[:2]]
    )
    return out.getvalue()


def test_few_findings_stand_alone() -> None:
    assert [len(group.rows) for group in grouped(rows(MANY))] == [1] * MANY


def test_many_of_a_rule_are_one_group_with_its_folders() -> None:
    found = rows(3000, "x/y") + rows(1500, "b") + rows(400, "c") + rows(50, "d") + rows(30, "e") + rows(20, "f")
    (group,) = grouped(found)
    assert (group.folder, group.places, group.others) == (
        ROOT,
        (("x/", 3000), ("b/", 1500), ("c/", 400), ("d/", 50)),
        50,
    )
    (one,) = grouped(rows(9))
    assert (one.folder, one.places, one.others) == (f"{ROOT}/a", (), 0)


def test_what_is_no_file_is_never_grouped() -> None:
    found = [finding("web01", "account.added", Severity.HIGH, "account", f"u{n}").document() for n in range(9)]
    assert len(grouped(found)) == 9


def test_five_thousand_findings_are_a_few_lines_and_a_single_one_is_still_seen(tmp_path: Path) -> None:
    """The one upload among them is what matters."""
    upload = finding("web01", "upload.program", Severity.HIGH, "file", f"{ROOT}/uploads/x.sh").document()
    text = shown(tmp_path, [*rows(5000), upload])
    assert text.count("\n") <= 6
    assert f"5000 below {ROOT}/a" in text and f"{ROOT}/uploads/x.sh" in text and upload["id"] in text


def test_records_of_the_run_are_shown_where_the_file_is_of_another_scan(tmp_path: Path) -> None:
    assert shown(tmp_path, rows(5000), time="another").count("/a/") == 2
