"""A website on PostgreSQL: saved in one snapshot, restored row for row, and no dump runs as the administrator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
TEXT = "Sở Công Thương"
SETUP = f"""
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update; apt-get -qq install -y --no-install-recommends nginx-light postgresql curl >/dev/null
systemctl start postgresql nginx
install -d -o root -g www-data /var/www/portal; install -d -o www-data -g www-data /var/www/portal/uploads
echo '<p>{TEXT}</p>' > /var/www/portal/index.html
sed -i 's,root /var/www/html,root /var/www/portal,' /etc/nginx/sites-available/default; systemctl reload nginx
"""
TABLES = """
CREATE ROLE portal LOGIN PASSWORD 'a-word-for-the-test'; CREATE DATABASE portal OWNER portal; \\c portal
SET ROLE portal; CREATE SCHEMA news AUTHORIZATION portal;
CREATE TABLE news.article (id serial PRIMARY KEY, title text, body bytea);
INSERT INTO news.article (title, body) SELECT 'bài ' || n, decode(md5(n::text), 'hex') FROM generate_series(1, 500) n;
CREATE TABLE "odd ""name" (a int); INSERT INTO "odd ""name" VALUES (NULL), (1);
CREATE VIEW news.recent AS SELECT * FROM news.article WHERE id > 400;
"""


def on(lab: Lab, command: str, given: str = "") -> str:
    """Run a shell command as root on the website's host."""
    done = lab.exec("spare01", ["sh", "-c", command], given.encode())
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


def sql(lab: Lab, text: str, name: str = "portal") -> str:
    """Ask the database as its administrator."""
    return on(lab, f"cd /; runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d {name}", text)


def rows(lab: Lab) -> str:
    """Everything that the site's tables hold."""
    ask = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t"
    return "".join(sql(lab, ask.format(table=table)) for table in ("news.article", "news.recent", '"odd ""name"'))


@pytest.fixture(scope="module")
def saved(fresh: Callable[..., Lab], tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, Callable[..., Any]]:
    """A website on PostgreSQL with one restore point, and the way to run a playbook on it."""
    lab, folder = fresh("spare01", "vault01"), tmp_path_factory.mktemp("site")
    on(lab, SETUP)
    sql(lab, TABLES, "postgres")
    site = {
        "ansible_host": lab.address("spare01"),
        "website_user": "www-data",
        "website_writable_paths": ["uploads"],
        "website_config_paths": ["/etc/nginx"],
        "website_application": "static",
        "website_database_engine": "postgresql",
    }
    children = {
        "website": {"hosts": {"web09": site}},
        "vault": {"hosts": {"vault01": {"ansible_host": lab.address("vault01")}}},
    }
    (folder / "group_vars").symlink_to(ROOT / "inventory/lab/group_vars")
    (folder / "hosts.yml").write_text(json.dumps({"all": {"children": children}}), encoding="utf-8")

    # As a hardened host has it: everything below happens with the sandbox on.
    seal = folder.with_name("seal.yml")
    seal.write_text(json.dumps([{"hosts": "web09", "gather_facts": False, "roles": ["service_sandbox"]}]), "utf-8")

    def play(name: str, **variables: object) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(folder)]
        command += ["-e", json.dumps(variables), str(seal if name == "seal" else f"playbooks/{name}.yml")]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)

    for name in ("seal", "backup"):
        done = play(name)
        assert done.returncode == 0, done.stdout[-3000:]
    unit = "systemctl list-units --plain --no-legend 'postgresql@*' | cut -d' ' -f1"
    assert on(lab, f"systemctl show -p ProtectSystem --value $({unit})").strip() == "strict"
    return lab, play


def test_restored_row_for_row(saved: tuple[Lab, Callable[..., Any]]) -> None:
    """Tables, schemas, views and odd names come back; what was written since is kept beside them."""
    lab, play = saved
    before = rows(lab)
    sql(lab, 'DROP TABLE "odd ""name"; DELETE FROM news.article WHERE id < 100; INSERT INTO news.article VALUES (9999)')
    done = play("restore", website_restore_prove=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert rows(lab) == before
    assert sql(lab, "SELECT count(*) FROM pg_roles WHERE rolname = 'ungcuu_import'", "postgres").strip() == "0"
    assert sql(lab, "SELECT tableowner FROM pg_tables WHERE tablename = 'article'").strip() == "portal"
    kept = sql(lab, "SELECT datname FROM pg_database WHERE datname LIKE 'ungcuu_kept_%'", "postgres").strip()
    assert sql(lab, "SELECT count(*) FROM news.article WHERE id = 9999", kept).strip() == "1"
    assert on(lab, "ls /var/lib/ungcuu/backup").strip() == ""


def test_undo_brings_back_what_was_live(saved: tuple[Lab, Callable[..., Any]]) -> None:
    """The restore point may turn out to be the wrong one."""
    lab, _ = saved
    restore = on(lab, "ls /var/lib/ungcuu/compromised").split()[-1]
    on(lab, f"ungcuu-site undo {restore}")
    assert sql(lab, "SELECT count(*) FROM news.article WHERE id = 9999").strip() == "1"


@pytest.mark.nightly
def test_a_dump_does_not_run_as_the_administrator(saved: tuple[Lab, Callable[..., Any]]) -> None:
    """Whoever held the host could put code into the dump that only the administrator may make."""
    lab, play = saved
    sql(lab, "CREATE FUNCTION evil(int4) RETURNS int4 LANGUAGE internal AS 'int4um'")
    assert play("backup").returncode == 0
    before = sql(lab, "SELECT count(*) FROM news.article")
    done = play("restore")
    assert done.returncode != 0
    assert "database import: " in done.stdout
    assert sql(lab, "SELECT count(*) FROM news.article") == before
