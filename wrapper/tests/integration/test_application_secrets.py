"""Credentials of really installed applications are rotated: MediaWiki, DokuWiki, and a site that was written by hand.

Each old credential is tried over the way that it opens: the database's own client, the application's login over HTTP,
a session that was open before.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import mediawiki_host
import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from baselines import signed
from dokuwiki_site import DOKUWIKI
from mediawiki_host import HOST, ROOT, run

from ungcuu.lab import Lab
from ungcuu.remote.page_client import Browser

Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
ENGINES = ["postgresql", "mariadb"]
TODAY = ENGINES[date.today().toordinal() % 2]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BY_HAND = """<?php
session_start();
$db = parse_ini_file('/etc/tay/db.ini', true)['database'];
$pdo = new PDO('mysql:host=localhost;dbname=tay', $db['user'], $db['password']);
if (isset($_POST['login'])) {
    $row = $pdo->prepare('SELECT password FROM staff WHERE login = ?');
    $row->execute([$_POST['login']]);
    if (password_verify($_POST['password'], (string) $row->fetchColumn())) { $_SESSION['staff'] = $_POST['login']; }
}
echo 'Sở Công Thương ', $_SESSION['staff'] ?? 'khách';
"""
TABLES = """CREATE DATABASE tay CHARACTER SET utf8mb4; USE tay;
CREATE TABLE staff (login VARCHAR(40) PRIMARY KEY, password VARCHAR(255), role VARCHAR(20), token VARCHAR(64));
CREATE TABLE tokens (login VARCHAR(40), token VARCHAR(64));
INSERT INTO staff VALUES ('mai', '{made}', 'admin', '');
INSERT INTO tokens VALUES ('mai', 'an-old-token');
GRANT ALL ON tay.* TO tay@localhost IDENTIFIED BY 'word-of-old';
"""
FACTS: dict[str, Any] = {
    "config": {
        "paths": ["/etc/tay/db.ini"],
        "parser": "ini",
        "names": {"name": "database.name", "user": "database.user", "password": "database.password"},
        "defaults": {"engine": "mariadb"},
    },
    "data": {"engines": ["mariadb"], "tokens": {}, "persistence": {}, "content": {}, "administrators": {
        "queries": [{"set": "administrator", "sql": "SELECT login, password FROM staff WHERE role = 'admin'",
                     "columns": ["name", "digest"]}]}},
    "secrets": {
        "database_password": "database.password",
        "keys": ["mail.key"],
        "session_files": r"staff\|",
        "ended": [{"what": "tokens", "table": "tokens", "where": "login <> ''"}],
        "breaks": ["sessions", "tokens"],
    },
    "accounts": {
        "hash": "bcrypt",
        "administrators": "SELECT login FROM staff WHERE role = 'admin'",
        "table": "staff",
        "login": "login",
        "password": "password",
    },
}  # fmt: skip # a table


def site(lab: Lab, folder: Path, **facts: Any) -> Path:
    """An inventory with one website on the host."""
    folder.mkdir()
    (folder / "group_vars").symlink_to(ROOT / "inventory/lab/group_vars")
    known = {"ansible_host": lab.address(HOST), "website_user": "www-data", "website_ports": [80]} | facts
    groups = {"website": {HOST: known}, "vault": {"vault01": {"ansible_host": lab.address("vault01")}}}
    children = {group: {"hosts": hosts} for group, hosts in groups.items()}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"children": children}}), "utf-8")
    return folder


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[] if name == TODAY else [pytest.mark.nightly]) for name in ENGINES],
)
def host(
    request: pytest.FixtureRequest, fresh: Callable[..., Lab], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Lab, Path, Path]:
    """The host with its websites: lab, MediaWiki's inventory, a folder for others."""
    lab, folder = fresh(HOST, "vault01"), tmp_path_factory.mktemp("sites")
    wiki = mediawiki_host.install(lab, request.param, tmp_path_factory.mktemp("wiki"))
    mediawiki_host.edit(lab, "Main Page", "Sở Công Thương")  # the text of the inventory's health page
    run(lab, DOKUWIKI)
    return lab, wiki, folder


def browser(lab: Lab, name: str) -> Browser:
    """A visitor of one of the host's websites."""
    return Browser(name, address=lab.address(HOST))


def rotated(ungcuu: Ungcuu) -> tuple[dict[str, Any], set[str]]:
    """Rotate the website's credentials: what is stored now, and what was proven."""
    code, done, said = ungcuu("rotate", HOST, "--website-only", "--confirm-host", HOST)
    assert code == 0, json.dumps(done)[-2000:] + said
    rows = [row["data"] for row in done["records"] if row["kind"] == "proof"]
    assert all(row["passed"] for row in rows), rows
    state = Path(os.environ["UNGCUU_STATE"])
    vault = VaultLib([("default", VaultSecret((state / "keys/secrets_password").read_bytes().strip()))])
    stored = dict(yaml.safe_load(vault.decrypt((state / f"hosts/{HOST}/secrets.yml").read_bytes())))
    secret = [*stored["current"].values(), *stored.get("administrators", {}).values()]
    assert not [word for word in secret if word in json.dumps(done) + said]
    return stored, {row["name"] for row in rows}


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    found = re.search(r'value="([^"]*)"', tag[0]) if tag else None
    assert found, page[:500]
    return found[1].replace("&#43;", "+")


def mediawiki_login(visitor: Browser, password: str) -> str:
    """Log in as its administrator; who MediaWiki then says that one is."""
    address = "/index.php?title=Special:UserLogin"
    token = hidden(visitor.ask("GET", address)[2].decode(), "wpLoginToken")
    form = {"wpName": "Quantri", "wpPassword": password, "wpLoginToken": token, "authAction": "login", "wpRemember": 1}
    visitor.ask("POST", address, urlencode(form).encode(), FORM)
    return mediawiki_user(visitor)


def mediawiki_user(visitor: Browser) -> str:
    """Who a visitor is to MediaWiki."""
    answer = visitor.ask("GET", "/api.php?action=query&meta=userinfo&format=json")[2]
    return str(json.loads(answer)["query"]["userinfo"]["name"])


def test_mediawiki(host: tuple[Lab, Path, Path], ungcuu_on: Callable[[Path], Ungcuu]) -> None:
    """Its database password, keys, sessions, bot passwords and administrators' passwords are dead afterwards."""
    lab, wiki, _ = host
    engine = "mariadb" if "mariadb" in (wiki / "hosts.yml").read_text("utf-8") else "postgresql"
    client = {
        "mariadb": "mariadb -uwiki -p'{word}' wiki -e 'SELECT 1'",
        "postgresql": "cd /; PGPASSWORD='{word}' psql -qX -h localhost -U wiki wiki -c 'SELECT 1'",
    }[engine]
    old, bot = "a-Long-word-3", "abcdefghijklmnopqrstuvwxyz012345"
    mediawiki_host.maintain(lab, f"createBotPassword.php --appid tool --grants basic Quantri '{bot}'")
    before = browser(lab, "wiki.lab.test")
    assert mediawiki_login(before, old) == "Quantri"
    config = run(lab, "cat /etc/mediawiki/LocalSettings.php")
    ungcuu = ungcuu_on(wiki)
    assert ungcuu("baseline", HOST, "--reason", "test")[0] == 0
    stored, proofs = rotated(ungcuu)
    assert {
        "old_database_password",
        "old_sessions",
        "application_passwords",
    } < proofs
    assert mediawiki_user(before) != "Quantri", "a session of before still counts"
    assert mediawiki_login(browser(lab, "wiki.lab.test"), old) != "Quantri"
    assert mediawiki_login(browser(lab, "wiki.lab.test"), stored["administrators"]["Quantri"]) == "Quantri"
    for word, opens in (("word", False), (stored["current"]["database_password"], True)):
        assert (lab.exec(HOST, ["sh", "-c", client.format(word=word)]).returncode == 0) is opens
    now = run(lab, "cat /etc/mediawiki/LocalSettings.php")
    for name in ("$wgSecretKey", "$wgUpgradeKey"):
        was = re.search(rf'{re.escape(name)} = "(\w+)"', config)
        assert was and was[1] not in now and stored["current"][name] in now
    code, found, said = ungcuu("scan", HOST)
    serious = [row for row in found["findings"] if row["severity"] != "low"]
    assert serious == [], said  # what rotate changed is no intruder's
    assert code == 0 or {row["rule"] for row in found["findings"]} == {"database.application-password"}, said


def dokuwiki_login(visitor: Browser, password: str) -> bool:
    """Log in as its administrator; whether DokuWiki then takes one for logged in."""
    token = hidden(visitor.ask("GET", "/doku.php?id=start&do=login")[2].decode(), "sectok")
    form = {"u": "admin", "p": password, "r": "1", "sectok": token, "do": "login", "id": "start"}
    visitor.ask("POST", "/doku.php?id=start&do=login", urlencode(form).encode(), FORM)
    return dokuwiki_knows(visitor)


def dokuwiki_knows(visitor: Browser) -> bool:
    """Whether DokuWiki takes a visitor for logged in."""
    return b"do=logout" in visitor.ask("GET", "/doku.php?id=start")[2]


def test_dokuwiki(host: tuple[Lab, Path, Path], ungcuu_on: Callable[[Path], Ungcuu]) -> None:
    """It has no database: the salt of its cookies, PHP's sessions and the file of accounts hold what counts."""
    lab, _, folder = host
    facts = {
        "website_name": "doku.lab.test",
        "website_root": "/usr/share/dokuwiki",
        "website_application": "dokuwiki",
        "website_database_engine": "none",
        "website_config_paths": ["/etc/dokuwiki", "/var/lib/dokuwiki/acl"],
        "website_health_path": "/doku.php",
        "website_health_text": "DokuWiki",
    }
    ungcuu = ungcuu_on(site(lab, folder / "doku", **facts))
    open_before, kept_cookie = browser(lab, "doku.lab.test"), browser(lab, "doku.lab.test")
    assert dokuwiki_login(open_before, "mot-mat-khau-9") and dokuwiki_login(kept_cookie, "mot-mat-khau-9")
    del kept_cookie.cookies["DokuWiki"]  # only what the browser keeps for a year
    assert dokuwiki_knows(kept_cookie)
    signed(ungcuu, HOST)
    stored, proofs = rotated(ungcuu)
    assert proofs == {"old_sessions", "old_administrators"}
    assert not dokuwiki_knows(open_before)
    del kept_cookie.cookies["DokuWiki"]
    assert not dokuwiki_knows(kept_cookie)
    assert not dokuwiki_login(browser(lab, "doku.lab.test"), "mot-mat-khau-9")
    assert dokuwiki_login(browser(lab, "doku.lab.test"), stored["administrators"]["admin"])
    _code, found, said = ungcuu("scan", HOST)
    assert [row for row in found["findings"] if "users.auth" in row["path"] or "administrator" in row["path"]] == [], (
        said
    )


def by_hand_login(visitor: Browser, password: str) -> str:
    """Log in to the site that was written by hand; what its page says."""
    form = urlencode({"login": "mai", "password": password}).encode()
    return visitor.ask("POST", "/index.php", form, FORM)[2].decode()


def test_a_site_that_was_written_by_hand(host: tuple[Lab, Path, Path], ungcuu_on: Callable[[Path], Ungcuu]) -> None:
    """Its inventory says where its secrets stand; a wrong name there is refused before anything changes."""
    lab, _, folder = host
    run(
        lab,
        "apt-get -qq install -y --no-install-recommends mariadb-server php-mysql >/dev/null; systemctl start mariadb",
    )
    run(lab, "systemctl restart apache2; cat > /var/www/tay/index.php; install -d /etc/tay", BY_HAND)
    old, ini = secrets.token_hex(12), '[database]\nname = tay\nuser = tay\npassword = word-of-old\n[mail]\nkey = "k1"\n'
    run(lab, "cat > /etc/tay/db.ini; chgrp www-data /etc/tay/db.ini; chmod 640 /etc/tay/db.ini", ini)
    made = run(lab, f"php -r 'echo password_hash(\"{old}\", PASSWORD_BCRYPT);'")
    run(lab, "mariadb", TABLES.replace("{made}", made))
    facts: dict[str, Any] = {
        "website_name": "tay.lab.test",
        "website_root": "/var/www/tay",
        "website_application": "php",
        "website_database_engine": "mariadb",
        "website_database_name": "tay",
        "website_database_user": "tay",
        "website_health_text": "Sở Công Thương",
    }
    misspelt: Mapping[str, Any] = FACTS["secrets"] | {"keys": ["mail.kez"]}
    wrong = site(lab, folder / "wrong", **facts, website_profile_facts=FACTS | {"secrets": misspelt})
    code, done, said = ungcuu_on(wrong)("rotate", HOST, "--website-only", "--confirm-host", HOST)
    assert code != 0 and "mail.kez" in json.dumps(done) + said
    assert run(lab, "cat /etc/tay/db.ini") == ini
    before = browser(lab, "tay.lab.test")
    assert "mai" in by_hand_login(before, old)
    stored, _ = rotated(ungcuu_on(site(lab, folder / "right", **facts, website_profile_facts=FACTS)))
    assert "khách" in before.ask("GET", "/index.php")[2].decode(), "a session of before still counts"
    assert "khách" in by_hand_login(browser(lab, "tay.lab.test"), old)
    assert "mai" in by_hand_login(browser(lab, "tay.lab.test"), stored["administrators"]["mai"])
    assert run(lab, "mariadb -N tay -e 'SELECT COUNT(*) FROM tokens'").strip() == "0"
    for word, opens in (("word-of-old", False), (stored["current"]["database_password"], True)):
        login = ["mariadb", "-utay", f"-p{word}", "tay", "-e", "SELECT 1"]
        assert (lab.exec(HOST, login).returncode == 0) is opens
