"""A really installed MediaWiki: Debian's package on Apache with mod_php, its data in PostgreSQL or MariaDB."""

from __future__ import annotations

import json
from pathlib import Path

from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
HOST = "spare01"
PACKAGES = {
    "postgresql": ("postgresql", "php-pgsql"),
    "mariadb": ("mariadb-server", "php-mysql"),
}
DATABASES = {
    "postgresql": "runuser -u postgres -- psql -qX -c \"CREATE ROLE wiki LOGIN PASSWORD 'word'\" "
    "-c 'CREATE DATABASE wiki OWNER wiki'",
    "mariadb": "mariadb -e \"CREATE DATABASE wiki; GRANT ALL ON wiki.* TO wiki@localhost IDENTIFIED BY 'word'\"",
}
INSTALL = """
set -e; export DEBIAN_FRONTEND=noninteractive; cd /
apt-get -qq update
apt-get -qq install -y --no-install-recommends mediawiki apache2 libapache2-mod-php php-mbstring php-xml php-intl \
  curl {packages} >/dev/null
systemctl start {engine} apache2
{database}
php /var/lib/mediawiki/maintenance/install.php --dbtype {dbtype} --dbserver localhost --dbname wiki --dbuser wiki \
  --dbpass word --dbschema mediawiki --server http://wiki.lab.test --scriptpath '' --pass 'a-Long-word-3' \
  'Cong thong tin' Quantri >/dev/null
sed -i 's,DocumentRoot .*,DocumentRoot /var/lib/mediawiki,' /etc/apache2/sites-available/000-default.conf
a2dissite -q 000-default >/dev/null; a2ensite -q 000-default >/dev/null; systemctl reload apache2
curl -fsSL --resolve wiki.lab.test:80:127.0.0.1 http://wiki.lab.test/ | grep -q 'MediaWiki has been installed'
"""


def install(lab: Lab, engine: str, folder: Path) -> Path:
    """Install it on the spare host; return an inventory that names it as a website."""
    packages = " ".join(PACKAGES[engine])
    dbtype = {"postgresql": "postgres", "mariadb": "mysql"}[engine]
    run(lab, INSTALL.format(packages=packages, engine=engine, database=DATABASES[engine], dbtype=dbtype))
    site = {
        "ansible_host": lab.address(HOST),
        "website_name": "wiki.lab.test",
        "website_root": "/var/lib/mediawiki",
        "website_user": "www-data",
        "website_writable_paths": ["images", "cache"],
        "website_config_paths": ["/etc/apache2", "/etc/mediawiki"],
        "website_application": "mediawiki",
        "website_database_engine": engine,
        "website_database_name": "wiki",
        "website_database_user": "wiki",
    }
    children = {
        "website": {"hosts": {HOST: site}},
        "vault": {"hosts": {"vault01": {"ansible_host": lab.address("vault01")}}},
    }
    (folder / "group_vars").symlink_to(ROOT / "inventory/lab/group_vars")
    (folder / "hosts.yml").write_text(json.dumps({"all": {"children": children}}), encoding="utf-8")
    return folder


def run(lab: Lab, command: str, given: str = "") -> str:
    """Run a shell command as root on the host."""
    done = lab.exec(HOST, ["bash", "-c", command], given.encode())
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


def edit(lab: Lab, page: str, text: str) -> None:
    """Save a page as its administrator does, by MediaWiki's own program."""
    run(lab, f"php /var/lib/mediawiki/maintenance/edit.php -u Quantri -s x '{page}' 2>&1", text)


def maintain(lab: Lab, script: str) -> None:
    """Run one of MediaWiki's own maintenance scripts."""
    run(lab, f"php /var/lib/mediawiki/maintenance/{script} 2>&1")
