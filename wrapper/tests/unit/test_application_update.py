"""A release is put in place by the host's own program, and goes back from whatever step it died in; without a host."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[3] / "roles/website_backup/files"
ONE, TWO = "20260101T000000Z-0123abcd", "20260102T000000Z-0123abcd"
OLD = {"index.php": "old", "core/a.php": "old a", "core/gone.php": "g", "uploads/x.jpg": "x"}
NEW = {"index.php": "new", "core/new/b.php": "b"}


class Killed(BaseException):
    """The host goes down here."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The program with a website below a temporary folder; no database, no services, and a page that is well."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(PROGRAM))
    from ungcuu_site import common, health, swap, update

    monkeypatch.setattr(common, "AREA", tmp_path / "area")
    monkeypatch.setattr(update, "UPDATE_AREA", tmp_path / "area/update")
    monkeypatch.setattr(os, "chown", lambda *_args, **_kwargs: None)
    monkeypatch.setattr(swap, "_restart", lambda _state: None)
    monkeypatch.setattr(health, "wait_for", lambda *_: {"status": 200})
    root = tmp_path / "www"
    for name, text in OLD.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return update


def tree(tmp_path: Path) -> dict[str, str]:
    root = tmp_path / "www"
    return {str(path.relative_to(root)): path.read_text("utf-8") for path in root.rglob("*") if path.is_file()}


def request(tmp_path: Path, identity: str = ONE, **changes: Any) -> dict[str, Any]:
    """Return a request, with what is sent beside it."""
    payload = tmp_path / "update.tar"
    with tarfile.open(payload, "w") as archive:
        for name, text in NEW.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return {
        "restore": identity,
        "payload": str(payload),
        "archive": hashlib.sha256(b"archive").hexdigest(),
        "site": {"root": str(tmp_path / "www"), "name": "portal.lab.test", "user": "root"},
        "replaces": ["core"],
        "removed": ["core/gone.php"],
        "upgrade": {"command": [], "program": ""},
        "versions": ["1", "2"],
        "before": {},
    } | changes


def test_a_release_is_put_in_place_and_undone_later(site: Any, tmp_path: Path) -> None:
    """What the site wrote stays; what the release no longer has is gone, and comes back with the rest."""
    assert site.prepare(request(tmp_path))["counts"] == {"changed": 1, "added": 1, "same": 0, "removed": 1}
    assert site.update({"restore": ONE})["step"] == "updated"
    after = {"index.php": "new", "core/a.php": "old a", "core/new/b.php": "b", "uploads/x.jpg": "x"}
    assert tree(tmp_path) == after
    assert site.keep({"restore": ONE})["step"] == "kept"
    assert site.undo({"restore": ONE})["step"] == "undone"
    assert tree(tmp_path) == OLD
    assert not (tmp_path / "www/core/new").exists()


@pytest.mark.parametrize("step", ["_put", "_keep", "unlink", "_upgrade", "_restart"])
def test_an_update_that_dies_goes_back(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Power fails at each step in turn, in the midst of it. Seen failing with `_put_back` made to do nothing."""
    site.prepare(request(tmp_path))
    place = {"_put": site.swap, "_keep": site.swap, "_restart": site.swap, "unlink": Path, "_upgrade": site}[step]
    real, calls = getattr(place, step), []

    def dies(*given: Any, **named: Any) -> Any:
        calls.append(step)
        if len(calls) > 1 or step in ("_upgrade", "_restart"):
            raise Killed
        return real(*given, **named)

    with monkeypatch.context() as broken:
        broken.setattr(place, step, dies)
        with pytest.raises(Killed):
            site.update({"restore": ONE})
    (tmp_path / "www/core/a.php.ungcuu-new").write_text("of the site", "utf-8")
    if (tmp_path / "www/core/new").exists():
        (tmp_path / "www/core/new/b.php.ungcuu-new").write_text("half", "utf-8")
    assert site.standing({})["updates"][0]["step"] in ("exchanging", "upgrading")
    with pytest.raises(site.RefusedError, match="not settled"):
        site.prepare(request(tmp_path, TWO))
    assert site.undo({"restore": ONE})["step"] == "undone"
    assert tree(tmp_path) == OLD | {"core/a.php.ungcuu-new": "of the site"}
    assert site.prepare(request(tmp_path, TWO))["update"] == TWO


def test_an_undo_that_dies_is_repeated(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way back may be cut off as well."""
    site.prepare(request(tmp_path))
    site.update({"restore": ONE})

    def dies(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(site.swap, "_restart", dies)
        with pytest.raises(Killed):
            site.undo({"restore": ONE})
    assert site.standing({})["updates"][0]["step"] == "putting back"
    site.undo({"restore": ONE})
    assert tree(tmp_path) == OLD


def fails(message: str) -> Callable[..., None]:
    def failing(*_: Any) -> None:
        raise OSError(message)

    return failing


def test_a_step_that_fails_goes_back_by_itself(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to be there: the unit itself puts back what was live."""
    site.prepare(request(tmp_path))
    monkeypatch.setattr(site, "_upgrade", fails("no upgrade today"))
    with pytest.raises(site.RefusedError, match="no upgrade today") as refusal:
        site.update({"restore": ONE})
    assert refusal.value.state == "what was live before is live again"
    assert tree(tmp_path) == OLD


@pytest.mark.parametrize("names", [["uploads/x.jpg"], ["core/../uploads/x.jpg"], ["core/new/b.php"]])
def test_only_the_application_s_own_files_are_removed(site: Any, tmp_path: Path, names: list[str]) -> None:
    """A wrong list would take the site's own data. Seen failing with `_to_remove` taking the list as it is."""
    with pytest.raises(site.RefusedError, match="not the application's to remove"):
        site.prepare(request(tmp_path, removed=names))
    assert tree(tmp_path) == OLD


def test_an_older_update_is_not_undone_under_a_newer_one(site: Any, tmp_path: Path) -> None:
    """Its files would be mixed with those of the newer release."""
    for identity in (ONE, TWO):
        site.prepare(request(tmp_path, identity))
        site.update({"restore": identity})
        site.keep({"restore": identity})
    with pytest.raises(site.RefusedError, match="came after it"):
        site.undo({"restore": ONE})


def test_flags_are_taken_away_for_the_change_and_set_again(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`chattr +i` on the code is a wish of the site: it holds again afterwards, on the new file too."""
    from ungcuu_site import file_flags

    flags = {str(tmp_path / "www/index.php"): 0x10, str(tmp_path / "www/core"): 0x20}
    monkeypatch.setattr(file_flags, "_flags", lambda path: flags.get(str(path), 0))
    monkeypatch.setattr(file_flags, "_write", lambda path, value: flags.__setitem__(str(path), value))
    put = site.swap._put
    seen = []
    monkeypatch.setattr(site.swap, "_put", lambda source, live: (seen.append(sum(flags.values())), put(source, live)))
    site.prepare(request(tmp_path))
    site.update({"restore": ONE})
    assert seen == [0, 0]
    assert sum(flags.values()) == 0x30
