"""A hand-written site: stock Apache with mod_php as www-data, no database, TLS on a port of its own, no curl."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
WEB = "/var/www/portal"
PAGE = """<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>Sở Công Thương</title></head><body>
<p>Sở Công Thương</p><?php file_put_contents(__DIR__ . '/uploads/visits', time()); ?></body></html>
"""
VHOST = """Listen 8443
<VirtualHost *:80>
    ServerName portal.lab.test
    Redirect permanent / https://portal.lab.test:8443/
</VirtualHost>
<VirtualHost *:8443>
    ServerName portal.lab.test
    DocumentRoot /var/www/portal
    SSLEngine on
    SSLCertificateFile /etc/ssl/certs/portal.pem
    SSLCertificateKeyFile /etc/ssl/private/portal.key
</VirtualHost>
"""
SETUP = f"""
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update; apt-get -qq install -y --no-install-recommends apache2 libapache2-mod-php openssl >/dev/null
install -d -o root -g www-data {WEB}/assets/about; install -d -o www-data -g www-data {WEB}/uploads
openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=portal -addext subjectAltName=DNS:portal.lab.test \\
    -keyout /etc/ssl/private/portal.key -out /etc/ssl/certs/portal.pem 2>/dev/null
cat > {WEB}/index.php
"""
Run = Callable[..., tuple[int, dict[str, Any], str]]


def on(lab: Lab, command: str, given: str = "") -> str:
    """Run a shell command as root on the website's host."""
    done = lab.exec("spare01", ["sh", "-ec", command], given.encode())
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


@pytest.fixture(scope="module")
def site(
    fresh: Callable[..., Lab], ungcuu_on: Callable[[Path], Run], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Lab, Run]:
    """The host, and `ungcuu` on an inventory that keeps known_hosts beside itself."""
    lab, folder = fresh("spare01", "vault01"), tmp_path_factory.mktemp("inventory")
    on(lab, SETUP, PAGE)
    on(lab, "cat > /etc/apache2/sites-available/portal.conf", VHOST)
    on(lab, "a2dissite -q 000-default; a2enmod -q ssl; a2ensite -q portal; systemctl restart apache2")
    facts = yaml.safe_load((ROOT / "inventory/lab/group_vars/website.yml").read_text("utf-8"))
    facts = {name: value for name, value in facts.items() if not name.startswith("website_database")} | {
        "website_application": "static",
        "website_user": "www-data",
        "website_writable_paths": ["uploads", "assets/about"],
        "website_config_paths": ["/etc/apache2", "/etc/php"],
        "website_ports": [80, 8443],
    }
    (folder / "group_vars").mkdir()
    (folder / "group_vars/all.yml").symlink_to(ROOT / "inventory/lab/group_vars/all.yml")
    (folder / "group_vars/website.yml").write_text(json.dumps(facts), "utf-8")
    (folder / "known_hosts").write_bytes((lab.folder / "known_hosts").read_bytes())
    groups = {"website": "spare01", "vault": "vault01"}
    hosts = {group: {"hosts": {name: {"ansible_host": lab.address(name)}}} for group, name in groups.items()}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"children": hosts}}), "utf-8")

    def run(*words: str) -> tuple[int, dict[str, Any], str]:
        code, document, text = ungcuu_on(folder)(*words)
        said = json.dumps(document) + text
        assert "KeyError" not in said and "WARNING" not in said and "is missing" not in said, said[-3000:]
        return code, document, text

    return lab, run


def did(result: tuple[int, dict[str, Any], str]) -> dict[str, Any]:
    """The document of a verb that ended well."""
    assert result[0] == 0, json.dumps(result[1].get("error") or result[1])[-3000:] + result[2][-1500:]
    return result[1]


def test_it_is_hardened_and_every_check_is_taken(site: tuple[Lab, Run]) -> None:
    """Sixteen checks failed for a program that was not there, one for a line of Apache's own, one for a single port.

    A folder of root's that the inventory calls writable is one afterwards.
    """
    lab, run = site
    done = did(run("harden", "spare01", "--confirm-host", "spare01"))
    checks = [row["data"] for row in done["records"] if row["kind"] == "check"]
    assert {"passed"} < {check["outcome"] for check in checks} <= {"passed", "skipped"}
    assert "test_apache_speaks_tls_1_2_and_later" in {row["name"] for row in checks if row["outcome"] == "passed"}
    on(lab, f"runuser -u www-data -- touch {WEB}/assets/about/anh.png; ! command -v curl")


def test_files_and_configuration_come_back_without_a_database(site: tuple[Lab, Run]) -> None:
    """Every verb of the vault wanted a database: "website_database_engine is missing"."""
    lab, run = site
    for words in (("backup",), ("restore-points",), ("doctor",)):
        did(run(words[0], "spare01"))
    on(lab, f"rm {WEB}/index.php; echo x > {WEB}/assets/about/anh.png")
    did(run("restore", "spare01", "--confirm-host", "spare01"))
    assert on(lab, f"cat {WEB}/index.php") == PAGE
    done = did(run("rotate", "spare01", "--website-only", "--confirm-host", "spare01"))
    (change,) = [row["data"] for row in done["records"] if row["kind"] == "change" and row["data"].get("left")]
    assert change["what"] == [] and change["left"] == [{"code": "website_without_database"}]


def test_a_stock_apache_has_no_finding(site: tuple[Lab, Run]) -> None:
    """Its workers run as the website's account: one finding each, with a new id after each restart."""
    lab, run = site
    did(run("baseline", "spare01"))
    on(lab, "systemctl restart apache2; ls -A /var/www")
    found = [row["data"] for row in did(run("scan", "spare01"))["records"] if row["kind"] == "finding"]
    assert [row for row in found if row["severity"] != "low"] == []
