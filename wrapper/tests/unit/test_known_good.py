"""Signed lists of known-good files: made of an archive, compared with its publisher's checksums."""

from __future__ import annotations

import hashlib
import json
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from ungcuu.cli.commands import known_good as verb
from ungcuu.core.errors import Refused, Tampered, UsageFault
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.detect import known_good
from ungcuu.run.verb import Context, Result

FILES = {"app/index.php": b"<?php echo 1;", "app/lib/a.php": b"<?php function a() {}"}
_OPTIONS = {"sha256": None, "checksums": None, "name": None}


def archive(folder: Path, files: dict[str, bytes] = FILES, name: str = "App-1.2.zip") -> Path:
    with zipfile.ZipFile(folder / name, "w") as handle:
        for path, data in files.items():
            handle.writestr(path, data)
    return folder / name


def make(folder: Path, path: Path, **options: Any) -> Result:
    settings = Settings.from_environment({"UNGCUU_STATE": str(folder / "state")})
    made = Context(
        settings, verb.VERB.verbs[0], Screen(StringIO()), options={**_OPTIONS, "archive": str(path), **options}
    )
    return verb._make(made)


def sums_of(files: dict[str, bytes], kind: str) -> dict[str, str]:
    return {path.removeprefix("app/"): hashlib.new(kind, data).hexdigest() for path, data in files.items()}


def test_a_list_holds_the_sums_of_the_archive(tmp_path: Path) -> None:
    result = make(tmp_path, archive(tmp_path))
    assert result.data["list"] == "app-1.2" and result.data["files"] == 2
    state = tmp_path / "state"
    assert known_good.sums(state) == {hashlib.sha256(data).hexdigest() for data in FILES.values()}
    assert [(one.name, one.published) for one in known_good.load_all(state)] == [("app-1.2", False)]
    assert known_good.forget(state, "app-1.2") and known_good.sums(state) == frozenset()
    assert not known_good.forget(state, "app-1.2") and not known_good.forget(state, "../keys/x")


def test_a_list_that_somebody_changed_ends_a_scan(tmp_path: Path) -> None:
    """Who can add a sum excuses a web shell."""
    make(tmp_path, archive(tmp_path))
    path = tmp_path / "state/known-good/app-1.2.json"
    path.write_text(path.read_text().replace('"sums":[', f'"sums":["{"0" * 64}",'))
    with pytest.raises(Tampered):
        known_good.sums(tmp_path / "state")


def test_a_list_of_another_name_is_not_taken(tmp_path: Path) -> None:
    make(tmp_path, archive(tmp_path))
    folder = tmp_path / "state/known-good"
    for suffix in (".json", ".sig"):
        (folder / f"app-1.2{suffix}").rename(folder / f"other{suffix}")
    with pytest.raises(Tampered):
        known_good.sums(tmp_path / "state")


@pytest.mark.parametrize(
    "published",
    [
        json.dumps({"checksums": sums_of(FILES, "md5")}),
        json.dumps({"checksums": {"1.2": sums_of(FILES, "md5")}}),
        json.dumps({"files": {name: {"md5": "x", "sha256": text} for name, text in sums_of(FILES, "sha256").items()}}),
        json.dumps({"files": {name: {"sha256": ["0", text]} for name, text in sums_of(FILES, "sha256").items()}}),
        "".join(f"{text}  ./{name}\n" for name, text in sums_of(FILES, "sha256").items()),
        "".join(f"{hashlib.sha256(data).hexdigest()} *{name}\n" for name, data in FILES.items()),
    ],
)
def test_an_archive_is_compared_with_its_publishers_checksums(tmp_path: Path, published: str) -> None:
    """WordPress states MD5 for its core, MD5 and SHA-256 for plugins. Seen without the comparison: both were signed."""
    listed = tmp_path / "checksums"
    listed.write_text(published)
    make(tmp_path, archive(tmp_path), checksums=str(listed))
    assert known_good.load_all(tmp_path / "state")[0].published
    bad = archive(tmp_path, FILES | {"app/lib/a.php": b"<?php eval($_POST['c']);"}, "bad.zip")
    more = archive(tmp_path, FILES | {"app/lib/b.php": b""}, "more.zip")
    for path in (bad, more):
        with pytest.raises(Refused, match=r"1 files of .* are not as"):
            make(tmp_path, path, checksums=str(listed))
    assert [one.name for one in known_good.load_all(tmp_path / "state")] == ["app-1.2"]


@pytest.mark.parametrize("text", ["", "{}", '{"checksums": []}', "[1]", "one\n", '{"checksums": {"1": 2', "\xff"])
def test_checksums_of_another_form_are_refused(tmp_path: Path, text: str) -> None:
    listed = tmp_path / "checksums"
    listed.write_bytes(text.encode("latin-1"))
    with pytest.raises(Refused):
        make(tmp_path, archive(tmp_path), checksums=str(listed))


def test_what_is_no_archive_or_no_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("no archive")
    for path in (tmp_path / "a.zip", tmp_path / "nowhere.zip", archive(tmp_path, {}, "empty.zip")):
        with pytest.raises(Refused):
            make(tmp_path, path)
    with pytest.raises(Refused):
        make(tmp_path, archive(tmp_path), sha256="0" * 64)
    with pytest.raises(UsageFault):
        make(tmp_path, archive(tmp_path), name="../../etc")
