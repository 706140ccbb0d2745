"""A case whose folder was emptied or removed is named, not forgotten: the heads lie elsewhere and know it."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import content
import pytest

from ungcuu.case import index
from ungcuu.case.case import Case, open_case
from ungcuu.cli.registry import find_verb, with_defaults
from ungcuu.core.errors import Exit, Tampered
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.run import flow


def ask(settings: Settings, *words: str, reason: str = "", **options: object) -> tuple[flow.Report, str]:
    screen = io.StringIO()
    verb = find_verb(words)
    request = flow.Request(verb, (), with_defaults(verb, options), reason=reason)
    return flow.execute(request, settings, Screen(screen), lambda *_: None), screen.getvalue()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return content.make(tmp_path)


def emptied(case: Case) -> None:
    for path in case.folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def removed(case: Case) -> None:
    shutil.rmtree(case.folder)


def truncated(case: Case) -> None:
    (case.folder / "journal.jsonl").write_bytes(b"")


@pytest.mark.parametrize("harm", [emptied, removed, truncated])
def test_a_case_that_is_gone_is_named_by_every_command_that_looks(settings: Settings, harm: object) -> None:
    """Seen failing without the look at the heads: "There is no case yet.", exit code 0."""
    case = open_case(settings, ["web01"], "links")
    harm(case)
    said = f"the folder of case {case.id} is gone or was emptied; its head names record 1 of"
    listed, screen = ask(settings, "case", "list")
    assert said in screen
    assert listed.document["missing"][0]["case"] == case.id
    assert "There is no case yet" not in str(listed.document)
    for words in (("case", "verify"), ("case", "status")):
        for options in ({}, {"case_id": case.id}):
            report, _screen = ask(settings, *words, **options)
            assert report.code is Exit.TAMPERED, words
            assert case.id in str(report.document["error"])
    with pytest.raises(Tampered):
        from ungcuu.case.case import find

        find(settings, case.id)


def test_verify_of_the_case_that_is_left_names_the_one_that_is_gone(settings: Settings) -> None:
    gone, left = (open_case(settings, [host], "links") for host in ("web01", "web02"))
    removed(gone)
    report, screen = ask(settings, "case", "verify")
    assert report.code is Exit.TAMPERED
    assert report.document["case"] == left.id
    assert gone.id in screen
    report, screen = ask(settings, "case", "verify", case_id=left.id)
    assert report.code is Exit.OK, "who names a case is told about that one"


def test_a_case_that_can_not_be_read_is_listed(settings: Settings) -> None:
    case = open_case(settings, ["web01"], "links")
    (case.folder / "journal.jsonl").write_text("nonsense\n")
    _report, screen = ask(settings, "case", "list")
    assert f"ungcuu case verify {case.id}" in screen


def test_doctor_names_what_is_gone(settings: Settings) -> None:
    from types import SimpleNamespace
    from typing import Any

    from ungcuu.cli.commands._doctor_controller import lost_cases

    case = open_case(settings, ["web01"], "links")
    removed(case)
    context: Any = SimpleNamespace(settings=settings)
    (check,) = lost_cases(context)
    assert (check.level, case.id in check.text) == ("bad", True)


def test_a_folder_that_was_removed_on_purpose_is_forgotten_with_a_reason(settings: Settings) -> None:
    """Its number is not given again, and the record says who forgot what and why."""
    case = open_case(settings, ["web01"], "links")
    report, _screen = ask(settings, "case", "forget", case_id=case.id, reason="x")
    assert report.code is Exit.USAGE, "its folder is there"
    removed(case)
    report, _screen = ask(settings, "case", "forget", case_id=case.id)
    assert report.code is Exit.USAGE, "without a reason"
    report, _screen = ask(settings, "case", "forget", case_id=case.id, reason="an exercise")
    assert report.code is Exit.OK
    assert index.lost(settings) == []
    assert ask(settings, "case", "list")[0].document["missing"] == []
    assert open_case(settings, ["web01"], "links").id != case.id


def test_the_journal_of_operations_is_missed_too(settings: Settings) -> None:
    from ungcuu.case.journal import Journal

    Journal.open(settings.operations, settings.keys, settings.heads).append("note", {"text": "x"})
    shutil.rmtree(settings.operations)
    (gone,) = index.lost(settings)
    assert gone.id == "operations"
    assert "the journal of operations is gone" in gone.text
