"""What people take out of a case lands below the case, for its owner alone."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from casebook import settings_in, write_case

from ungcuu.case.case import Case
from ungcuu.case.integrity import check
from ungcuu.cli.registry import find_verb, with_defaults
from ungcuu.core.errors import Exit
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.run import flow

EXPORTS = [
    ("form", {"form": "initial"}, "initial.docx"),
    ("timeline", {}, "timeline.csv"),
    ("indicators", {}, "indicators.json"),
    ("export", {}, "{case}.tar"),
]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A state of its own, a current folder to look at, and the open umask that most accounts have."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = os.umask(0o022)
    yield settings_in(tmp_path / "state")
    os.umask(before)


def run(settings: Settings, case: Case, verb: str, **options: object) -> flow.Report:
    found = find_verb(["case", verb])
    given = with_defaults(found, {"case_id": case.id, **options})
    return flow.execute(flow.Request(found, (), given), settings, Screen(io.StringIO()), lambda *_: None)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("verb", "options", "name"), EXPORTS)
def test_it_goes_below_the_case_with_mode_0600(
    settings: Settings, verb: str, options: dict[str, object], name: str
) -> None:
    """They lay in the current folder, for everybody to read. Seen failing with mode 0644."""
    case = write_case(settings)
    for wanted in (name, Path(name).with_stem(f"{Path(name).stem}-2").name):
        report = run(settings, case, verb, **options)
        assert report.code is Exit.OK, report.document
        path = case.folder / "documents" / wanted.format(case=case.id)
        assert str(path) in str(report.document["message"])
        assert mode(path) == 0o600 and mode(path.parent) == 0o700
    assert list(Path.cwd().iterdir()) == []
    found = check(case)
    assert found.ok and not found.notes, "documents are no change of the case, and no stranger in it"


@pytest.mark.parametrize(("verb", "options", "name"), EXPORTS)
def test_a_place_that_was_asked_for_is_kept_private_and_never_overwritten(
    settings: Settings, verb: str, options: dict[str, object], name: str
) -> None:
    case, path = write_case(settings), Path.cwd() / "mine"
    assert run(settings, case, verb, **options, output=str(path)).code is Exit.OK
    assert mode(path) == 0o600
    before = path.read_bytes()
    assert run(settings, case, verb, **options, output=str(path)).code is Exit.CONTROLLER
    assert path.read_bytes() == before
