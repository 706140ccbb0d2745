"""What the reader on the host says of a web root whose writable folders lie behind links."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ungcuu.remote.host_state import files, reading, web


def read(monkeypatch: pytest.MonkeyPatch, root: Path, *writable: str, owner: int | None = None) -> dict[str, str]:
    """Path → area of what is reported; ``owner`` is whom the reader takes for root."""
    said: dict[str, str] = {}

    def emit(kind: str, **fields: Any) -> None:
        assert kind == "file", fields
        said[fields["path"]] = fields["area"]

    monkeypatch.setattr(web, "CONFIG", {"web_root": str(root), "web_writable": list(writable)})
    monkeypatch.setitem(web.CONFIG, "web_beside", [str(root.parent / "uploads")] if not writable else [])
    monkeypatch.setattr(web, "ROOT", os.getuid() if owner is None else owner)
    monkeypatch.setattr(files, "SEEN", set())
    monkeypatch.setattr(reading, "STARTED", time.monotonic())  # else the time since the first test of the run counts
    for module in (files, web, reading):
        monkeypatch.setattr(module, "emit", emit)
    web.web_files({})
    return said


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Uploads behind a link of their own, and below a link to another folder; a picture and a program in each."""
    for name in ("root", "uploads", "data/site/img"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "root/index.php").write_text("<?php echo 1;", "utf-8")
    for name in ("uploads", "data/site/img"):
        (tmp_path / name / "photo.txt").write_text("words", "utf-8")
        (tmp_path / name / "shell.php").write_text("<?php system($_GET[0]);", "utf-8")
    (tmp_path / "root/IMG").symlink_to(tmp_path / "uploads")
    (tmp_path / "root/sites").symlink_to(tmp_path / "data")
    return tmp_path / "root"


def test_uploads_below_a_link_are_uploads(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Seen failing: they were code, and each new picture a file "that was not part of the website"."""
    said = read(monkeypatch, root, "sites/site/img")
    assert said[str(root.parent / "data/site/img/shell.php")] == "upload"
    assert str(root.parent / "data/site/img/photo.txt") not in said
    assert said[str(root / "index.php")] == said[str(root / "sites")] == "web"


def test_a_link_that_root_put_there_is_no_upload(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Seen failing: no baseline could be signed, and eradicate would have moved the link to quarantine."""
    said = read(monkeypatch, root, "IMG")
    assert said[str(root / "IMG")] == "web"
    assert said[str(root.parent / "uploads/shell.php")] == "upload"


def test_a_link_of_anybody_else_is_one(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """PHP may have made it, and it leads where PHP likes."""
    said = read(monkeypatch, root, "IMG", owner=os.getuid() + 1)
    assert said[str(root / "IMG")] == "upload"
    assert said[str(root.parent / "uploads/shell.php")] == "upload"


def test_what_lies_beside_the_root_is_read_as_uploads_are(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Seen failing: a web shell among the documents behind an alias, which no scan read."""
    (root / "IMG").unlink()
    said = read(monkeypatch, root)
    assert said[str(root.parent / "uploads/shell.php")] == "upload"
    assert str(root.parent / "uploads/photo.txt") not in said
