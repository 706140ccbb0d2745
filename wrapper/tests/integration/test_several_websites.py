"""Two managed websites on one host: WordPress, and one written by hand, each with a pool and a database of its own."""

from __future__ import annotations

import json
import re
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


def changed(document: dict[str, Any]) -> dict[str, list[str]]:
    """What each run of a command on all websites changed."""
    return {name: [row["item"] for row in part["changes"]] for part in document["runs"] for name in part["hosts"]}


@pytest.mark.nightly
def test_the_host_is_hardened_once_and_each_website_by_itself(host: Lab, run: Run) -> None:
    """One file held one website's facts: the second one's run would have taken the first one's controls away.

    Run again it changes nothing. Both sites of one file get their own controls in their own server blocks alone.
    """
    inside(
        host,
        "cd /etc/nginx; cat sites-available/wiki.conf >> sites-available/mot.conf;"
        "rm sites-enabled/wiki.conf sites-available/wiki.conf; systemctl reload nginx",
    )
    first = changed(did(run("harden", "web01")))
    assert list(first) == ["web01", "web01/mot"]
    assert [path for path in first["web01/mot"] if "ssh" in path or path.endswith("00-ungcuu.conf")] == []
    blocks = inside(host, "cat /etc/nginx/sites-available/mot.conf").split("server {")[1:]
    marks = {re.findall(r"server_name (\w+)", block)[0]: "ungcuu-site-mot.conf" in block for block in blocks}
    assert marks == {"mot": True, "wiki": False}
    assert changed(did(run("harden", "web01"))) == {"web01": [], "web01/mot": []}
    shown = inside(host, "cat /etc/systemd/system/php*-fpm.service.d/90-ungcuu.conf /etc/audit/rules.d/90-ungcuu.rules")
    assert "-w /var/www/portal -p wa" in shown and "-w /var/www/mot -p wa" in shown


@pytest.mark.nightly
def test_a_control_that_breaks_one_website_is_taken_back_for_it_alone(host: Lab, run: Run) -> None:
    """The other website needs nothing of that and keeps it."""
    inside(
        host,
        "install -d /var/www/mot/.nen; echo 'p {}' > /var/www/mot/.nen/a.css;"
        'sed -i \'s|<head>|<head><link rel="stylesheet" href="/.nen/a.css">|\' /var/www/mot/index.php;'
        "rm -f /etc/nginx/snippets/ungcuu-site-mot.conf;"
        "sed -i '/ungcuu-site-mot/d' /etc/nginx/sites-available/mot.conf; systemctl reload nginx",
    )
    code, refused, said = run("harden", "web01/mot")
    assert code != 0 and "nginx-hidden-files" in refused["error"]["what"], said
    assert "nginx-hidden-files" not in inside(host, "cat /etc/nginx/snippets/ungcuu-site-mot.conf")
    assert "nginx-hidden-files" in inside(host, "cat /etc/nginx/snippets/ungcuu-site-portal.conf")
    ask = "curl -s -o /dev/null -w '%{http_code}' -H 'Host: mot.lab.test' http://127.0.0.1/.nen/a.css"
    assert inside(host, ask) == "200"


@pytest.mark.nightly
def test_a_release_opens_the_host_when_every_website_was_re_assessed(host: Lab, run: Run) -> None:
    """The isolation is the host's: what is opened is opened for all of them."""
    did(run("backup", "web01"))
    did(run("baseline", "web01"))
    did(run("isolate", "web01"))
    words = ("--entry-closed", "a stolen password; it was replaced")
    did(run("reassess", "web01/portal", *words))
    code, refused, _said = run("release", "web01", "--confirm-host", "web01")
    assert code == 4 and "web01/mot" in refused["error"]["what"], refused
    did(run("reassess", "web01/mot", *words))
    did(run("release", "web01", "--confirm-host", "web01"))


@pytest.mark.nightly
def test_a_watch_looks_at_each_website(host: Lab, run: Run) -> None:
    """A web shell of the second website is an alert, as one of the first is."""
    did(run("baseline", "web01"))
    did(run("watch", "approve", "web01"))
    run("watch", "round", "web01", "--full")
    host.exec("web01", ["sh", "-c", "cat > /var/www/mot/x.php"], stdin=b"<?php eval(base64_decode($_POST['c']));")
    _code, document, said = run("watch", "round", "web01")
    assert "/var/www/mot/x.php" in json.dumps(document), said
    inside(host, "rm /var/www/mot/x.php")
