"""What the program on the host makes of a profile, where the application keeps its data in files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ungcuu.detect import heuristics
from ungcuu.hosts import profiles, remote_program
from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state import application, database, pages
from ungcuu.remote.host_state.sql import Database

USERS = """# users.auth.php
# <?php exit()?>
quantri:$2y$10$abc:Quản trị:an@example.test:admin,user
khach:$2y$10$def:Khách:k@example.test:user
"""


@pytest.fixture
def wiki(tmp_path: Path) -> Iterator[Path]:
    """A DokuWiki as its own installer lays it out, and the reader's configuration for it."""
    for folder in ("conf", "data/pages/tin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "conf/users.auth.php").write_text(USERS, "utf-8")
    (tmp_path / "conf/acl.auth.php").write_text("# acl\n*\t@ALL\t1\n*\t@user\t8\n", "utf-8")
    (tmp_path / "conf/local.php").write_text("<?php\n$conf['title'] = 'Wiki';\n$conf['useacl'] = 1;\n", "utf-8")
    (tmp_path / "data/pages/start.txt").write_text("====== Chào ======\n[[https://example.test|liên kết]]\n", "utf-8")
    profile = profiles.load("dokuwiki")
    known = {"seconds": 3600, "web_root": str(tmp_path), "words": heuristics.GAMBLING, "hidden": heuristics.HIDDEN}
    CONFIG.clear()
    CONFIG.update(known | {"profile": json.loads(json.dumps(profile.reading()))})
    yield tmp_path
    CONFIG.clear()


def rows(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, str], str]:
    """What the reader says now: (set or "coverage", name or topic) → detail or why."""
    database.database()
    made = {}
    for line in capsys.readouterr().out.splitlines():
        row: dict[str, Any] = json.loads(line)
        if row["k"] == "coverage":
            made["coverage", row["topic"]] = row["why"]
        else:
            made[row["set"], row["name"]] = row["detail"]
    return made


def test_accounts_and_pages_that_are_files(wiki: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new administrator, a right for everybody and a hidden link are lines of files there."""
    before = rows(capsys)
    assert {key for key in before if key[0] == "administrator"} == {("administrator", "quantri")}
    assert "$2y$10$abc" not in str(before)
    assert {key: why for key, why in before.items() if key[0] == "coverage" and why} == {
        ("coverage", "tokens"): "not-in-profile"
    }
    (wiki / "conf/users.auth.php").write_text(USERS.replace("abc", "abd") + "x:$1$a:X:x@x.test:admin\n", "utf-8")
    (wiki / "conf/acl.auth.php").write_text("*\t@ALL\t16\n", "utf-8")
    (wiki / "conf/local.php").write_text("<?php\n$conf['title'] = 'Wiki';\n$conf['htmlok'] = 1;\n", "utf-8")
    (wiki / "data/pages/tin/moi.txt").write_text(
        '<html><div style="display:none">[[https://x.test|nhà cái]]</div><script src=x></script></html>', "utf-8"
    )
    after = rows(capsys)
    assert {key for key in after if key not in before or after[key] != before[key]} == {
        ("administrator", "x"),
        ("administrator", "quantri"),  # its password
        ("capability", "* @ALL"),
        ("option", "$conf['htmlok']"),
        ("content", "page tin/moi.txt"),
        ("script", "page tin/moi.txt"),
    }
    assert after["content", "page tin/moi.txt"].endswith("links=1 hidden=1")


def test_what_is_not_there_or_too_much_is_said(
    wiki: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence must not be taken for innocence."""
    monkeypatch.setattr(pages, "MOST_FILES", 0)
    (wiki / "conf/users.auth.php").unlink()
    found = rows(capsys)
    assert (found["coverage", "administrators"], found["coverage", "content"]) == ("no-file", "too-many")
    CONFIG["profile"] = None
    assert set(rows(capsys).values()) == {"no-profile", "no-database"}


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ({"engine": "", "database": "x"}, "no-database"),
        ({"engine": "mariadb", "database": "x`; --"}, "no-database"),
        ({"engine": "oracle", "database": "x"}, "engine"),
        ({"engine": "postgresql", "database": "x"}, "no-login"),
    ],
)
def test_a_database_that_can_not_be_asked_is_said(
    wiki: Path, capsys: pytest.CaptureFixture[str], stated: dict[str, str], why: str
) -> None:
    """PostgreSQL is never asked as its administrator: without the application's own login it is a gap."""
    CONFIG.update(stated, profile=json.loads(json.dumps(profiles.load("mediawiki").reading())))
    found = rows(capsys)
    assert {found["coverage", topic] for topic in application.TOPICS} == {why}


def test_a_query_that_is_refused_is_said(
    wiki: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An intruder may rename a table. Seen failing with the gap of a refused query taken out."""
    monkeypatch.setattr(Database, "ask", lambda _self, query: [["1"]] if query == "SELECT 1" else None)
    CONFIG.update(engine="mariadb", database="portal")
    CONFIG["profile"] = json.loads(json.dumps(profiles.load("wordpress").reading()))
    application.application()
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["topic"]: row["why"] for row in found} == dict.fromkeys(application.TOPICS, "no-table")


def test_names_of_another_form_reach_no_query(wiki: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prefix of the tables comes from a file that the website may write; only one of the right form is put in."""
    asked: list[str] = []

    def ask(_self: Database, query: str) -> list[list[str]]:
        asked.append(query)
        return [["1"]] if query == "SELECT 1" else []

    monkeypatch.setattr(Database, "ask", ask)
    (wiki / "LocalSettings.php").write_text(
        "<?php $wgDBname = 'wiki'; $wgDBpassword = 'p'; $wgDBprefix = 'x\" UNION SELECT 1'; $wgDBmwschema='a\";';",
        "utf-8",
    )
    CONFIG.update(engine="postgresql", database="wiki")
    CONFIG["profile"] = json.loads(json.dumps(profiles.load("mediawiki").reading()))
    application.application()
    assert len(asked) > 5 and not any("UNION" in query or "{prefix}" in query for query in asked)


def test_the_program_takes_the_reader_of_configurations_along() -> None:
    """It runs on a host where nothing of ours is installed."""
    assert b"def connection(" in remote_program.program("host_state", {})
    assert b"def connection(" not in remote_program.program("packages", {})
