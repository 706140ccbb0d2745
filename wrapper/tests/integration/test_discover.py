"""Discovery on really installed websites: WordPress and a hand-written site on nginx, DokuWiki on Apache with mod_php.

What is found is compared with the inventory that a person wrote for the lab; nothing on a host may change by it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
Run = Callable[..., tuple[int, dict[str, Any], str]]

NEIGHBOUR = """
set -eu
php=$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
cat > /etc/php/$php/fpm/pool.d/www.conf <<'CONF'
[www]
user = www-data
group = www-data
listen = /run/php/php$pool.sock
listen.owner = www-data
pm = ondemand
pm.max_children = 2
CONF
sed -i "s|php.pool.sock|php$php-fpm.sock|" /etc/php/$php/fpm/pool.d/www.conf
ln -sf php$php-fpm.sock /run/php/php-fpm.sock
install -d /srv/thongke/public /srv/thongke/public/anh
chown -R www-data: /srv/thongke
cat > /srv/thongke/public/index.php <<'PHP'
<?php $db = new PDO('mysql:host=localhost;dbname=thongke;charset=utf8mb4', 'thongke', 'only-in-the-lab'); ?>
<!DOCTYPE html><html><head><title>{{ lookup('pipe', 'id') }} | Thống kê thương mại</title></head>
<body><h1>Thống kê thương mại</h1><p><?= date('H:i:s') . bin2hex(random_bytes(4)) ?></p></body></html>
PHP
mariadb -e "CREATE DATABASE thongke; GRANT ALL ON thongke.* TO thongke@localhost IDENTIFIED BY 'only-in-the-lab'"
echo x > /srv/thongke/public/anh/bieu-do.png
cat > /etc/nginx/conf.d/thongke.conf <<'CONF'
upstream thongke_php { server unix:/run/php/php-fpm.sock; }
server { listen 8080; server_name thongke.lab.test "~^(?<part>.+)\\.lab\\.test$"; root "/srv/thongke/public";
  location / { index index.php; try_files $uri /index.php; }
  location ~ \\.php$ { include fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
    fastcgi_pass thongke_php; } }
server { listen 8080; server_name www.thongke.lab.test; return 301 http://thongke.lab.test:8080$request_uri; }
CONF
echo '*/5 * * * * www-data /usr/bin/php /srv/thongke/public/index.php' > /etc/cron.d/thongke
systemctl restart "php$php-fpm" nginx
"""
WIKI = """
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null
echo 'dokuwiki dokuwiki/webservers multiselect apache2' | debconf-set-selections
apt-get install -y -q --no-install-recommends apache2 libapache2-mod-php php-xml dokuwiki >/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=wiki.lab.test' -keyout /etc/ssl/private/wiki.key \\
    -out /etc/ssl/certs/wiki.pem 2>/dev/null
cat > /etc/apache2/sites-available/wiki.conf <<'CONF'
<VirtualHost *:80>
    ServerName wiki.lab.test
    ServerAlias tri-thuc.lab.test *.wiki.lab.test
    DocumentRoot /usr/share/dokuwiki
</VirtualHost>
<IfModule mod_ssl.c>
<VirtualHost *:443>
    ServerName wiki.lab.test
    DocumentRoot /usr/share/dokuwiki
    SSLEngine on
    SSLCertificateFile /etc/ssl/certs/wiki.pem
    SSLCertificateKeyFile /etc/ssl/private/wiki.key
</VirtualHost>
</IfModule>
CONF
a2enmod -q ssl
a2ensite -q wiki
systemctl restart apache2
"""


@pytest.fixture(scope="module")
def hosts(fresh: Callable[..., Lab]) -> Lab:
    """A WordPress with a neighbour on one host, a wiki on another."""
    lab = fresh("web01", "spare01")
    for host, script in (("web01", NEIGHBOUR), ("spare01", WIKI)):
        lab.exec(host, ["sh", "-s"], stdin=script.encode())
    return lab


@pytest.fixture
def wrong(hosts: Lab, tmp_path: Path) -> Callable[..., Path]:
    """The lab's inventory with other facts of web01."""

    def make(**facts: object) -> Path:
        folder = tmp_path / "inventory"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(ROOT / "inventory" / "lab", folder)
        (folder / "host_vars").mkdir()
        (folder / "host_vars" / "web01.yml").write_text(yaml.safe_dump(facts, allow_unicode=True), "utf-8")
        return folder

    return make


def facts(document: dict[str, Any]) -> dict[str, Any]:
    return {fact["name"]: fact["value"] for fact in document["facts"]}


def sure(document: dict[str, Any]) -> dict[str, str]:
    return {fact["name"]: fact["sure"] for fact in document["facts"]}


def test_what_is_found_is_what_a_person_wrote(hosts: Lab, ungcuu: Run) -> None:
    """Twelve facts, each as in the hand-written inventory; the text of the page may be a longer one."""
    code, document, said = ungcuu("discover", "web01")
    assert code == 0, said
    found = facts(document)
    written = yaml.safe_load((ROOT / "inventory/lab/group_vars/website.yml").read_text("utf-8"))
    assert written.pop("website_health_text") in found.pop("website_health_text")
    written["website_config_paths"].sort()
    assert found == {name: written[name] for name in found}
    assert len(found) == 11
    assert document["left_out"] == []


def test_a_neighbour_is_listed_and_can_be_named(hosts: Lab, ungcuu: Run) -> None:
    """An upstream's name, a quoted root, a pattern among the names, a socket by its alternative's link."""
    _code, document, _said = ungcuu("discover", "web01")
    assert [row["name"] for row in document["websites"]] == ["portal.lab.test", "thongke.lab.test"]
    assert "neighbour: thongke.lab.test in /srv/thongke/public" in document["draft"]
    code, document, said = ungcuu("discover", "web01", "--website", "thongke.lab.test")
    assert code == 0, said
    found = facts(document)
    assert found["website_root"] == "/srv/thongke/public"
    assert found["website_user"] == "www-data"
    assert found["website_ports"] == [8080]
    assert found["website_writable_paths"] == ["anh"]
    assert sure(document)["website_writable_paths"] == "guess", (
        "all of it is writable: the host can't say which are meant"
    )
    assert [found[f"website_database_{part}"] for part in ("engine", "name", "user")] == [
        "mariadb",
        "thongke",
        "thongke",
    ]
    assert "only-in-the-lab" not in json.dumps(document), "a password left the reading"
    assert "cron: /etc/cron.d/thongke: */5" in document["draft"]
    code, document, _said = ungcuu("discover", "web01", "--website", "khac.lab.test")
    assert code == 3
    assert "thongke.lab.test" in document["error"]["what"]


def test_nothing_of_a_page_becomes_a_template(hosts: Lab, ungcuu: Run) -> None:
    """Ansible would run what stands in braces on the controller. Its unit test was seen to fail when open."""
    _code, document, _said = ungcuu("discover", "web01", "--website", "thongke.lab.test")
    assert facts(document)["website_health_text"] == "Thống kê thương mại"
    assert "{" not in document["draft"]


def test_a_wiki_of_debian_on_apache(hosts: Lab, ungcuu: Run) -> None:
    """mod_php, a package's own root, data outside of it, a start page behind a redirect, no database."""
    code, document, said = ungcuu("discover", "spare01")
    assert code == 0, said
    found = facts(document)
    assert found["website_name"] == "wiki.lab.test"
    assert found["website_root"] == "/usr/share/dokuwiki"
    assert found["website_user"] == "www-data"
    assert found["website_application"] == "dokuwiki"
    assert found["website_ports"] == [80, 443]
    assert found["website_health_path"] == "/doku.php?id=start"
    assert found["website_health_text"] == "Debian DokuWiki"
    assert found["website_config_paths"] == [
        "/etc/apache2",
        "/etc/dokuwiki",
        "/etc/php",
        "/etc/ssl/certs/wiki.pem",
        "/etc/ssl/private/wiki.key",
        "/var/lib/dokuwiki",
    ]
    evidence = next(fact["evidence"] for fact in document["facts"] if fact["name"] == "website_root")
    assert "it belongs to the Debian package dokuwiki" in evidence
    assert found["website_database_engine"] == "none"


def test_doctor_finds_each_fact_that_is_wrong(hosts: Lab, ungcuu: Run, wrong: Callable[..., Path]) -> None:
    """Root, database, user and health text wrong together: none was found before, and harden took the site down.

    Seen failing with the comparison taken out of doctor.
    """
    place = wrong(
        website_root="/var/www/portla",
        website_database_name="portl",
        website_user="www-data",
        website_health_text="Sở Công Nghệ",
    )
    bad = wrong_facts(ungcuu, place)
    assert set(bad) == {"website_root", "website_database_name", "website_user", "website_health_text"}
    assert "Set website_root: /var/www/portal " in bad["website_root"]["fix"]
    assert "host_vars/web01.yml:3" in bad["website_root"]["fix"], "the place of the mistake"
    assert "Set website_user: portal " in bad["website_user"]["fix"]


def test_doctor_finds_every_other_kind_of_mistake(hosts: Lab, ungcuu: Run, wrong: Callable[..., Path]) -> None:
    """Name, ports, page, engine, account, application and paths; nothing that is right is called wrong."""
    mistakes = {
        "website_name": "portal.lab.tets",
        "website_ports": [80, 8443],
        "website_health_path": "/wp-content/khong-co.php",
        "website_database_engine": "postgresql",
        "website_database_user": "root",
        "website_application": "joomla",
        "website_config_paths": ["/etc/nginx", "/etc/php", "/etc/mysqll"],
        "website_writable_paths": ["wp-content/upload"],
    }
    assert wrong_facts(ungcuu, wrong(**mistakes)).keys() == mistakes.keys()


def test_doctor_agrees_with_a_right_inventory(hosts: Lab, ungcuu: Run) -> None:
    """A false alarm a day teaches people to look away."""
    _code, document, said = ungcuu("doctor", "web01")
    rows = [row for row in document["checks"] if row["subject"].startswith(("website_", "facts"))]
    assert [row["level"] for row in rows] == ["good"], said


def test_init_ends_with_a_host_that_doctor_agrees_with(hosts: Lab, ungcuu: Run, tmp_path: Path) -> None:
    """Options, no terminal: an inventory from nothing. Typed again it goes on, and replaces nothing.

    The first run makes the key and is refused by the host; what it shows for the console lets the second one in.
    """
    folder, key = tmp_path / "site", tmp_path / "ssh" / "key"
    given = ["--address", hosts.address("web01"), "--contact", "mailto:baomat@portal.lab.test", "--key", str(key)]
    given += ["--account", "truc", "--website", "portal.lab.test", "--fingerprint", fingerprint(hosts, "web01")]
    code, document, said = ungcuu("init", "--out", str(folder), *given)
    assert code == 4, said
    assert f"ungcuu init --out {folder}" in document["error"]["next"]
    console = [line for line in said.splitlines() if line.startswith("    ")]
    assert hosts.exec("web01", ["sh", "-e"], stdin="\n".join(console).encode()).returncode == 0
    code, document, said = ungcuu("init", "--out", str(folder), "--website", "portal.lab.test")
    bad = [row for row in document["doctor"]["checks"] if row["level"] == "bad" and row["subject"] != "vault"]
    assert bad == [], said
    assert code in (0, 13), said
    assert document["discover"]["website"] == "portal.lab.test"
    draft = folder / "host_vars" / "web01.yml"
    draft.write_text(draft.read_text("utf-8").replace("website_user: portal", "website_user: www-data"), "utf-8")
    code, document, said = ungcuu("init", "--out", str(folder))
    assert code == 13, said
    assert "website_user" in {row["subject"] for row in document["doctor"]["checks"] if row["level"] == "bad"}
    assert "website_user: www-data" in draft.read_text("utf-8"), "a person's correction was lost"


def test_a_draft_replaces_nothing_in_silence(hosts: Lab, ungcuu: Run, tmp_path: Path) -> None:
    """A person's corrections stand in the same file."""
    own = tmp_path / "host_vars" / "web01.yml"
    own.parent.mkdir()
    own.write_text("website_root: /srv/www\n", "utf-8")
    code, document, _said = ungcuu("discover", "web01", "--out", str(tmp_path))
    assert code == 4
    assert "--replace" in document["error"]["next"]
    assert own.read_text("utf-8") == "website_root: /srv/www\n"
    code, _document, said = ungcuu("discover", "web01", "--out", str(tmp_path), "--replace")
    assert code == 0, said
    assert yaml.safe_load(own.read_text("utf-8"))["website_root"] == "/var/www/portal"
    assert own.with_name("web01.yml~").read_text("utf-8") == "website_root: /srv/www\n"


def test_nothing_changes_on_the_host(hosts: Lab, ungcuu: Run) -> None:
    """Discovery may be run on any host at any time. Logs and the login's own records are not its doing."""
    hosts.exec("web01", ["sh", "-c", "sleep 1; touch /root/before; sleep 1"])
    code, _document, said = ungcuu("discover", "web01")
    assert code == 0, said
    logged = "/run|/proc|/sys|/dev|/tmp|/var/log|/var/lib/mysql|/var/lib/systemd|/root/before"
    find = f"find / -xdev -newer /root/before -type f | grep -Ev '^({logged})' || true"
    assert hosts.exec("web01", ["sh", "-c", find]).stdout.decode() == ""


def wrong_facts(ungcuu: Run, place: Path) -> dict[str, dict[str, Any]]:
    """The facts that doctor calls wrong."""
    _code, document, _said = ungcuu("doctor", "web01", "-i", str(place))
    rows = [row for row in document["checks"] if row["level"] == "bad"]
    return {row["subject"]: row for row in rows if row["subject"].startswith("website_")}


def fingerprint(hosts: Lab, host: str) -> str:
    """What a person reads on the machine's own console."""
    said = hosts.exec(host, ["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"])
    return str(said.stdout.decode().split()[1])
