"""Folders that the site may write are opened to its account, and nothing of the system is given away by that."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import plugin_runs
import pytest

from ungcuu.remote import code_owner

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to an account")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(code_owner, "KEPT", tmp_path / "kept.json")
    return code_owner


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "portal"
    (folder / "assets/about/old").mkdir(parents=True)
    (folder / "index.php").write_text("<?php", "utf-8")
    return folder


def user(program: ModuleType) -> Any:
    return program.User(65534, frozenset({65534}))


@ROOT_ONLY
def test_a_folder_that_was_taken_is_given_back_when_the_inventory_names_it(program: ModuleType, root: Path) -> None:
    """A path added to website_writable_paths stayed closed for ever. Seen failing without ``open_writable``."""
    who, kept = user(program), root / "assets/about/thumb.jpg"
    kept.touch()
    for path in (root / "assets/about", root / "assets/about/old", kept):
        os.chown(path, who.uid, 0)
    found, _left = program.look(root, who, [])
    program.keep(found)
    program.take(root, who, [])
    assert kept.stat().st_uid == 0
    assert program.open_writable(root, who, ["assets/about"], False) == (3, [])
    assert kept.stat().st_uid == 0, "a look changes nothing"
    program.open_writable(root, who, ["assets/about"], True)
    assert {path.stat().st_uid for path in (root / "assets/about", root / "assets/about/old", kept)} == {who.uid}
    assert (root / "assets").stat().st_uid == 0
    assert program.open_writable(root, who, ["assets/about"], True) == (0, [])


@ROOT_ONLY
def test_a_folder_of_root_s_becomes_writable_and_its_files_stay_root_s(program: ModuleType, root: Path) -> None:
    """New pictures come in; what an administrator put there is not given away."""
    own = root / "assets/about/notice.pdf"
    own.touch()
    assert program.open_writable(root, user(program), ["assets/about"], True) == (2, [])
    assert (root / "assets/about").stat().st_uid == 65534
    assert own.stat().st_uid == 0


@ROOT_ONLY
def test_no_link_leads_out_and_no_second_name_is_given_away(program: ModuleType, root: Path, tmp_path: Path) -> None:
    """The site's account can swap what lies in its folders: root must not open /etc to it.

    Seen failing with the folder opened by its whole path, and with files of two names given back.
    """
    system = tmp_path / "etc/private"
    system.mkdir(parents=True, mode=0o700)
    secret = tmp_path / "shadow"
    secret.touch()
    (root / "assets/about/out").symlink_to(tmp_path / "etc")
    (root / "assets/about/kept.jpg").hardlink_to(secret)
    program.keep({str(root / "assets/about/kept.jpg"): [65534, 0, 0o644]})
    count, absent = program.open_writable(root, user(program), ["assets/about", "assets/about/out/private"], True)
    assert (count, absent) == (2, [1])
    assert (system.stat().st_uid, secret.stat().st_uid) == (0, 0)


def test_a_path_that_is_no_folder_is_named_by_its_place(program: ModuleType, root: Path) -> None:
    """The host answers with positions in the inventory's own list: a name from a host could be anything."""
    names = ["nowhere", "index.php", "assets"]
    assert program.open_writable(root, program.User(os.geteuid(), frozenset()), names, False) == (0, [0, 1])


@pytest.mark.parametrize("check", [False, True])
def test_a_path_that_is_no_folder_is_refused_by_name_and_nothing_is_opened(
    program: ModuleType, root: Path, check: bool
) -> None:
    """Seen failing with the folders opened before the host's answer was judged."""
    (root / "assets/about").chmod(0o500)
    order = {"do": "open", "root": str(root), "user": getpass.getuser(), "check": check}
    answer = program.main(order | {"writable": ["assets/about", "nowhere"]})
    assert answer["absent"] == [1]
    assert (root / "assets/about").stat().st_mode & 0o777 == 0o500

    arguments = {"state": "open", "root": str(root), "user": "portal", "writable": ["assets/about", "nowhere"]}
    done = plugin_runs.run("ungcuu_code_owner", arguments, plugin_runs.answering(lambda _order: answer), check=check)
    assert done["failed"] is True
    assert "website_writable_paths names nowhere: below" in done["msg"]
    assert "ungcuu harden web01" in done["msg"]


@pytest.mark.parametrize(
    "lie", [{}, {"absent": [7], "changes": 0, "left": 0}, {"absent": [], "changes": "x", "left": 0}]
)
def test_an_answer_of_another_form_changes_nothing_and_says_so(lie: dict[str, Any]) -> None:
    arguments = {"state": "read_only", "root": "/var/www/portal", "user": "portal"}
    done = plugin_runs.run("ungcuu_code_owner", arguments, plugin_runs.answering(lambda _order: lie))
    assert done["failed"] is True
    assert done["msg"] == "web01 gave another answer than its counts"


@ROOT_ONLY
def test_giving_one_website_back_keeps_what_is_known_of_the_other(program: ModuleType, tmp_path: Path) -> None:
    """With the file removed as a whole the second website's code could never be given back."""
    who, roots = user(program), [tmp_path / "a", tmp_path / "ab"]
    for root in roots:
        root.mkdir()
        (root / "index.php").touch()
        os.chown(root / "index.php", who.uid, 0)
        program.keep(program.look(root, who, [])[0])
        program.take(root, who, [])
    program.give_back(roots[0], [])
    assert (roots[0] / "index.php").stat().st_uid == who.uid
    assert list(program.kept()) == [str(roots[1] / "index.php")]
    program.give_back(roots[1], [])
    assert (roots[1] / "index.php").stat().st_uid == who.uid and not program.kept()
