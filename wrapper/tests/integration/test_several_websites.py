"""Two managed websites on one host: WordPress, and one written by hand, each with a pool and a database of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from neighbours import FACTS, INSTALL, MOT

from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
PORTAL = {
    "name": "portal",
    "website_name": "portal.lab.test",
    "website_root": "/var/www/portal",
    "website_writable_paths": ["wp-content/uploads"],
    "website_user": "portal",
    "website_application": "wordpress",
    "website_health_path": "/",
    "website_health_text": "Sở Công Thương",
    "website_database_engine": "mariadb",
    "website_database_name": "portal",
    "website_database_user": "portal",
}
PRICES = {"name": "mot", **FACTS, "website_database_engine": "mariadb", "website_database_user": "www-data"}
Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture(scope="module")
def host(fresh: Callable[..., Lab]) -> Lab:
    """web01 with both, and a vault."""
    lab = fresh("web01", "vault01")
    made = lab.exec("web01", ["sh", "-c", INSTALL], stdin=MOT.encode())
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    return lab


@pytest.fixture(scope="module")
def run(host: Lab, ungcuu: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`run("backup", "web01/mot")` on the lab's inventory, with both websites listed."""
    folder = tmp_path_factory.mktemp("site") / "inventory"
    shutil.copytree(ROOT / "inventory" / "lab", folder)
    (folder / "host_vars").mkdir()
    (folder / "host_vars" / "web01.yml").write_text(json.dumps({"websites": [PORTAL, PRICES]}), "utf-8")
    return lambda *words: ungcuu("--inventory", str(folder), *words)


def did(result: tuple[int, dict[str, Any], str]) -> dict[str, Any]:
    """The document of a command that ended well."""
    assert result[0] == 0, json.dumps(result[1].get("error") or result[1])[-3000:] + result[2][-1500:]
    return result[1]


def inside(lab: Lab, script: str) -> str:
    """What a script on the website's host says."""
    done = lab.exec("web01", ["sh", "-ec", script])
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


def test_one_website_comes_back_and_its_neighbour_stays(host: Lab, run: Run) -> None:
    """A restore of one that took the other back with it would lose a day of somebody else's work."""
    done = did(run("backup", "web01"))
    assert {name: row["outcome"] for name, row in done["hosts"].items()} == {
        "web01/portal": "DONE",
        "web01/mot": "DONE",
    }
    code, refused, _said = run("restore", "web01", "--confirm-host", "web01")
    assert code == 4 and "web01/portal, web01/mot" in refused["error"]["what"]
    inside(
        host,
        "echo broken > /var/www/mot/index.php; mariadb mot -e 'UPDATE pages SET title=\"Hacked\"';"
        "echo note > /var/www/portal/wp-content/uploads/since.txt;"
        "mariadb portal -e 'CREATE TABLE since (n INT); INSERT INTO since VALUES (7)'",
    )
    inside(host, "echo '# since' >> /etc/nginx/sites-available/wiki.conf")  # the configuration is the host's
    did(run("restore", "web01/mot", "--confirm-host", "web01/mot"))
    inside(host, "grep -q '# since' /etc/nginx/sites-available/wiki.conf")
    assert inside(host, "cat /var/www/mot/index.php") == MOT
    assert (
        inside(host, "mariadb --default-character-set=utf8mb4 -N mot -e 'SELECT title FROM pages'").strip()
        == "Chợ đầu mối"
    )
    assert inside(
        host, "cat /var/www/portal/wp-content/uploads/since.txt; mariadb -N portal -e 'SELECT n FROM since'"
    ) == ("note\n7\n")


@pytest.mark.nightly
def test_each_is_scanned_rotated_and_audited_by_itself(host: Lab, run: Run) -> None:
    """A finding of one is no finding of the other, and new credentials of one are no finding at all."""
    did(run("baseline", "web01"))
    shell = "<?php eval(base64_decode($_POST['c']));"
    host.exec("web01", ["sh", "-c", "cat > /var/www/portal/wp-content/uploads/x.php"], stdin=shell.encode())
    code, done, said = run("scan", "web01")
    assert code == 13, said
    found = {run["hosts"].popitem()[0]: {row["path"] for row in run["findings"]} for run in done["runs"]}
    assert "/var/www/portal/wp-content/uploads/x.php" in found["web01/portal"]
    assert found["web01/mot"] == set()
    inside(host, "rm /var/www/portal/wp-content/uploads/x.php")
    did(run("rotate", "web01/portal", "--website-only", "--confirm-host", "web01/portal"))
    for name in ("mot", "portal"):
        did(run("scan", f"web01/{name}"))
        assert (
            inside(host, f"curl -s -o /dev/null -w '%{{http_code}}' -H 'Host: {name}.lab.test' http://127.0.0.1/")
            == "200"
        )
    _code, done, said = run("audit", "web01/mot")
    assert done["audits"][0]["host"] == "web01/mot", said
