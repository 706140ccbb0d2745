"""Rotation by profile, without a host: nothing changes before all is known; a page that fails brings all back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ungcuu.detect import database
from ungcuu.hosts import profile_form, profiles
from ungcuu.hosts.deployed_files import ADMINISTRATOR
from ungcuu.hosts.typed_data import Mismatch
from ungcuu.remote import site_config

PROGRAM = Path(__file__).parents[3] / "roles/website_backup/files"
NEW = "N" * 48
SECRETS = {
    "database_password": "db.password",
    "keys": ["mail.key"],
    "added": [],
    "files": ["salt"],
    "session_files": "",
    "ended": [],
    "breaks": ["sessions"],
    "kept": [],
}
INI = '[db]\nname = tay\nuser = tay\npassword = old-word\n[mail]\nkey = "old-key"\n'
ACCOUNTS = {"hash": "mediawiki", "files": ["users"], "pattern": r"^(\w+):(\S*):admin$"}


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The host's program with a website below a temporary folder, and a database account that notes what it is told."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(PROGRAM))
    from ungcuu_site import common, database_account, health, login, rotate

    told: list[str] = []

    class Account:
        def __init__(self, *_: object) -> None:
            for step in ("before", "after", "settle", "back"):
                setattr(self, step, lambda step=step: told.append(step))

    monkeypatch.setattr(common, "AREA", tmp_path / "area")
    monkeypatch.setattr(rotate, "AREA", tmp_path / "area")
    monkeypatch.setattr(database_account, "account", Account)
    monkeypatch.setattr(health, "wait_for", lambda *_: {"status": 200})
    monkeypatch.setattr(health, "works", lambda *_: True)
    monkeypatch.setattr(login.Login, "opens", lambda self: self.password == NEW)
    monkeypatch.setattr(os, "fchown", lambda *_: None)
    (tmp_path / "area/restore").mkdir(parents=True)
    (tmp_path / "www").mkdir()
    (tmp_path / "www/db.ini").write_text(INI, "utf-8")
    (tmp_path / "www/salt").write_text("s", "utf-8")
    (tmp_path / "www/users").write_text("mai:old-hash:admin\nlan:other:user\n", "utf-8")
    rotate.told = told
    return rotate


def request(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """Return a request for a site with a database and a file of accounts."""
    config = {
        "paths": ["db.ini"],
        "parser": "ini",
        "names": {"name": "db.name", "user": "db.user"},
        "defaults": {"engine": "mariadb"},
    }
    facts = {
        "root": str(tmp_path / "www"),
        "user": "root",
        "database": {"engine": "mariadb", "name": "tay", "user": "t"},
    }
    people = {"administrators": {"mai": "P" * 48}, "secrets": {"database_password": NEW, "mail.key": "K" * 48}}
    return {"site": facts, "profile": {"config": config, "secrets": SECRETS, "accounts": ACCOUNTS}} | people | changes


def test_password_key_salt_and_administrator_change(agent: Any, tmp_path: Path) -> None:
    done = agent.rotate(request(tmp_path))
    assert agent.told == ["before", "after", "settle"]
    assert all(row["passed"] for row in done["proofs"]), done["proofs"]
    assert site_config.values((tmp_path / "www/db.ini").read_text("utf-8"), "ini") == {
        "db.name": "tay",
        "db.user": "tay",
        "db.password": NEW,
        "mail.key": "K" * 48,
    }
    assert not (tmp_path / "www/salt").exists() and list((tmp_path / "area/rotated").rglob("salt"))
    users = (tmp_path / "www/users").read_text("utf-8")
    assert "old-hash" not in users and "lan:other:user" in users
    assert NEW not in json.dumps(done) and "P" * 48 not in json.dumps(done)


def test_a_page_that_fails_brings_configuration_and_account_back(
    agent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing without the way back: a site that is down with a password that nobody wrote down."""
    from ungcuu_site import common, health

    def down(*_: object) -> None:
        raise common.RefusedError("/ answers 500")

    monkeypatch.setattr(health, "wait_for", down)
    with pytest.raises(common.RefusedError) as refused:
        agent.rotate(request(tmp_path))
    assert refused.value.state == "the old ones are in use"
    assert agent.told == ["before", "after", "back"]
    assert (tmp_path / "www/db.ini").read_text("utf-8") == INI
    assert "old-hash" in (tmp_path / "www/users").read_text("utf-8") and (tmp_path / "www/salt").exists()


@pytest.mark.parametrize(("worked", "words"), [(True, "the site fails with"), (False, "the site failed before")])
def test_a_site_that_failed_before_is_not_laid_at_the_new_credentials(
    agent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worked: bool, words: str
) -> None:
    from ungcuu_site import common, health

    def down(*_: object) -> None:
        raise common.RefusedError("/ answers 500")

    monkeypatch.setattr(health, "wait_for", down)
    monkeypatch.setattr(health, "works", lambda *_: worked)
    with pytest.raises(common.RefusedError, match=words):
        agent.rotate(request(tmp_path))


@pytest.mark.parametrize(
    "changes",
    [
        {"profile": {"config": None, "secrets": SECRETS, "accounts": None}},
        {"administrators": {"somebody": "P" * 48}},
        {"administrators": {"mai": "short"}},
        {"secrets": {"database_password": NEW, "mail.key": "'; --" + "K" * 48}},
    ],
)
def test_what_is_missing_or_wrong_is_refused_before_anything_changes(
    agent: Any, tmp_path: Path, changes: Mapping[str, Any]
) -> None:
    from ungcuu_site import common

    with pytest.raises(common.RefusedError):
        agent.rotate(request(tmp_path, **changes))
    assert agent.told == [] and (tmp_path / "www/db.ini").read_text("utf-8") == INI
    assert "old-hash" in (tmp_path / "www/users").read_text("utf-8")


def test_a_rotation_that_was_cut_off_is_finished_by_another_one(agent: Any, tmp_path: Path) -> None:
    """Where administrators had to be listed, the site stayed down, and the way out was refused too."""
    asked = {key: value for key, value in request(tmp_path).items() if key in ("site", "profile")}
    assert agent.administrators(asked) == {"administrators": [], "others": 0, "closed": True}
    assert agent.rotate(request(tmp_path, administrators={}))["proofs"][0]["passed"]
    assert agent.administrators(asked) == {"administrators": ["mai"], "others": 0}


def test_an_older_point_gets_the_secrets_in_use(agent: Any, tmp_path: Path) -> None:
    """Old keys must not come back with old pages: they are what the rotation took from the intruder."""
    agent.rotate(request(tmp_path))
    staged = tmp_path / "staged"
    staged.mkdir()
    (staged / "db.ini").write_text(INI, "utf-8")
    site = request(tmp_path)["site"]
    assert agent.carry_over(site, staged, "20260101T000000Z-0123abcd")
    assert (staged / "db.ini").read_text("utf-8") == (tmp_path / "www/db.ini").read_text("utf-8")
    assert not agent.carry_over(site | {"root": "/elsewhere"}, staged, "20260101T000000Z-0123abcd")


def test_a_file_of_accounts_is_replaced_through_no_link(agent: Any, tmp_path: Path) -> None:
    """Its folder is the website's: a link there would give an intruder a file of root's."""
    from ungcuu_site import common, configuration

    (tmp_path / "target").write_text("root's", "utf-8")
    (tmp_path / "www/link").symlink_to(tmp_path / "target")
    with pytest.raises(common.RefusedError):
        configuration.replace(tmp_path / "www/link", "x")
    assert (tmp_path / "target").read_text("utf-8") == "root's"
    (tmp_path / "www/.users.ungcuu-new").symlink_to(tmp_path / "target")
    configuration.replace(tmp_path / "www/users", "fresh")
    assert ((tmp_path / "www/users").read_text("utf-8"), (tmp_path / "target").read_text("utf-8")) == (
        "fresh",
        "root's",
    )


@pytest.mark.usefixtures("agent")
def test_postgresql_gets_a_verifier_as_the_standard_makes_it() -> None:
    """RFC 7677's example: what the server would answer with it is what stands there."""
    from ungcuu_site import database_account

    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    kind, rounds, keys = database_account.verifier("pencil", salt).split("$")
    assert (kind, rounds) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    server = base64.b64decode(keys.split(":")[1])
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    message = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}"
    signed = base64.b64encode(hmac.digest(server, message.encode(), "sha256"))
    assert signed == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.usefixtures("agent")
def test_stored_passwords_are_of_the_applications_form() -> None:
    from ungcuu_site import administrators

    _, kind, method, rounds, length, salt, made = administrators.hashed("mediawiki", "x").split(":")
    again = hashlib.pbkdf2_hmac(method, b"x", base64.b64decode(salt), int(rounds), int(length))
    assert (kind, base64.b64decode(made)) == ("pbkdf2", again)
    raw = base64.b64decode(administrators.hashed("nukeviet", "x").removeprefix("{SSHA512}"))
    assert raw[:64] == hashlib.sha512(b"x" + raw[64:]).digest()


def test_a_configuration_gets_other_values_and_nothing_else() -> None:
    php = "<?php // $a = 'no';\n$a = \"one\"; define('B', 'two');\nclass C { public $d = 'three'; }\n?>\n"
    fresh = {"$a": "N1", "B": "N2", "$d": "N3", "$e": "N4"}
    wanted = "<?php // $a = 'no';\n$a = 'N1'; define('B', 'N2');\nclass C { public $d = 'N3'; }\n$e = 'N4';\n"
    assert site_config.replaced(php, "php", fresh, ["$e"]) == wanted
    assert site_config.replaced("A=x\nexport B='y' # z\n", "env", {"A": "N1"}) == "A=N1\nexport B='y' # z\n"


@pytest.mark.parametrize("text", ["$a = f();", "$a = 'x'; $a = 'x';", "$a = 'x' . 'y';", "$b = 'x';", ""])
def test_a_value_that_does_not_stand_there_once_is_refused(text: str) -> None:
    """A secret that is computed, or set twice, would stay in use beside the new one."""
    with pytest.raises(ValueError, match=r"\$a"):
        site_config.replaced(f"<?php {text}", "php", {"$a": "N"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"table": "t; DROP TABLE x"},
        {"table": 't"'},
        {"where": "1=1; DELETE FROM x"},
        {"where": "a = '\\'"},
        {"values": {"a b": "x"}},
        {"values": {"a": "x'"}},
    ],
)
def test_a_statement_is_made_of_parts_that_can_not_end_it(wrong: Mapping[str, Any]) -> None:
    given = {"what": "tokens", "table": "{prefix}t", "where": "id > 0", "values": {}} | wrong
    with pytest.raises(Mismatch):
        profile_form.Ended(**given)


def test_only_the_password_that_rotate_gave_is_taken_as_right() -> None:
    """An administrator whose password somebody else changed is a finding; so is any other change beside it."""

    class Known:
        def __init__(self, digest: str) -> None:
            self.policy = self
            self.expected = {f"{ADMINISTRATOR}{digest}": digest}

    old = {"name": "Mai", "detail": "mai@x.test 1111111111111111"}
    new = {"name": "Mai", "detail": "mai@x.test 2222222222222222"}
    moved = {"name": "Mai", "detail": "intruder@x.test 2222222222222222"}
    ours: Any = Known("2222222222222222")
    theirs: Any = Known("3333333333333333")
    assert database._is_our_administrator(ours, old, new)
    assert not database._is_our_administrator(theirs, old, new)
    assert not database._is_our_administrator(ours, old, moved)


def test_what_a_profile_can_not_replace_is_named() -> None:
    """Silence would pass for done."""
    codes = {name: [row["code"] for row in profiles.load(name).unrotated(database=True)] for name in profiles.known()}
    assert codes == {
        "dokuwiki": ["unrotated_database"],
        "drupal": [],
        "joomla": [],
        "mediawiki": [],
        "nukeviet": ["unrotated_kept"],
        "php": ["unrotated_database", "unrotated_sessions", "unrotated_administrators"],
        "wordpress": [],
    }
    assert profiles.load("dokuwiki").unrotated(database=False) == []
