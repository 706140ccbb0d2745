"""Web server, PHP, firewall and database on real hosts: what is refused, what goes on working, what is reverted."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ungcuu.hosts.remote_program import answer_in, question
from ungcuu.lab import Lab
from ungcuu.prepare import controls

ROOT = Path(__file__).parents[3]
ROLES = ("php_hardening", "web_hardening", "web_application_firewall", "service_sandbox")
CATALOGUE = controls.load(ROOT / "roles")
FOREIGN = "https://thongke.example.vn"
UNTRIED = {"website_probe_enabled": False}  # where the run before has tried the website already

APACHE = """
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get purge -y -q nginx nginx-common $(dpkg-query -W -f '${Package} ' 'libnginx-mod-*' 2>/dev/null)
apt-get update -q && apt-get install -y -q --no-install-recommends apache2
a2enmod -q proxy_fcgi ssl rewrite
a2dissite -q 000-default
cat > /etc/apache2/sites-available/portal.conf <<'CONF'
<VirtualHost *:80>
    ServerName portal.lab.test
    Include /etc/apache2/portal.inc
</VirtualHost>
<VirtualHost *:443>
    ServerName portal.lab.test
    Include /etc/apache2/portal.inc
    SSLEngine on
    SSLCertificateFile /etc/ssl/certs/portal.pem
    SSLCertificateKeyFile /etc/ssl/private/portal.key
    SSLProtocol all
    SSLCipherSuite ALL:@SECLEVEL=0
</VirtualHost>
CONF
cat > /etc/apache2/portal.inc <<'CONF'
    DocumentRoot /var/www/portal
    DirectoryIndex index.php index.html
    <Directory /var/www/portal>
        Options Indexes FollowSymLinks
        AllowOverride All
        RewriteEngine On
        RewriteCond %{REQUEST_FILENAME} !-f
        RewriteCond %{REQUEST_FILENAME} !-d
        RewriteRule . /index.php [L]
    </Directory>
    <FilesMatch "\\.ph(p[0-9]?|tml)$">
        SetHandler "proxy:unix:/run/php/portal.sock|fcgi://localhost"
    </FilesMatch>
CONF
a2ensite -q portal
systemctl restart apache2
curl -sf -H 'Host: portal.lab.test' http://127.0.0.1/ | grep -q 'Sở Công Thương'
"""

POSTGRESQL = """
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q && apt-get install -y -q --no-install-recommends postgresql
cd /
version=$(ls /etc/postgresql)
echo "listen_addresses = '*'" >> /etc/postgresql/$version/main/postgresql.conf
printf '%s\\n' 'local all all trust' 'host all all 127.0.0.1/32 trust' 'host all all ::1/128 md5' \
    'host all all 0.0.0.0/0 md5' > /etc/postgresql/$version/main/pg_hba.conf
systemctl restart postgresql
runuser -u postgres -- psql -qc "CREATE ROLE portal SUPERUSER LOGIN PASSWORD 'only-in-the-lab'"
runuser -u postgres -- psql -qc "GRANT pg_execute_server_program TO portal"
runuser -u postgres -- createdb -O portal portal
install -d -o postgres -g postgres -m 0700 /srv/fast/space
runuser -u postgres -- psql -qc "CREATE TABLESPACE fast LOCATION '/srv/fast/space'"
"""


@pytest.fixture(scope="module")
def web(fresh: Callable[..., Lab]) -> Lab:
    """A web host as its image has it, and a bare one."""
    return fresh("web01", "spare01")


class Stack:
    """An inventory of its own beside the lab's: what a site would write into host_vars."""

    def __init__(self, folder: Path, host: str, *roles: str) -> None:
        self.host, self.roles, self.inventory = host, roles, folder / "inventory"
        shutil.copytree(ROOT / "inventory" / "lab", self.inventory)
        (self.inventory / "more.yml").write_text(json.dumps({"website": {"hosts": {host: {}}}}), "utf-8")
        (self.inventory / "host_vars").mkdir()

    def facts(self, *only: str, **variables: object) -> None:
        """Write the host's variables: only the named controls are wanted, or all of the roles."""
        wanted = only or tuple(control.id for control in CATALOGUE if control.role in self.roles)
        given: dict[str, Any] = {
            "controls_states": {control.id: "off" for control in CATALOGUE if control.id not in wanted},
            "website_probe_roles": [role for role in self.roles if role != "database_hardening"],
        }
        states = given["controls_states"] | variables.pop("controls_states", {})
        host_vars = self.inventory / "host_vars" / f"{self.host}.yml"
        host_vars.write_text(json.dumps(given | variables | {"controls_states": states}), "utf-8")

    def run(self, *only: str, **variables: object) -> subprocess.CompletedProcess[str]:
        """Harden with these roles and these facts."""
        self.facts(*only, **variables)
        again = {"name": "Again", "ansible.builtin.import_role": {"name": "website_probe", "tasks_from": "again"}}
        play = {"hosts": self.host, "gather_facts": False, "roles": ["website_probe", *self.roles], "tasks": [again]}
        file = self.inventory.parent / "play.yml"
        file.write_text(json.dumps([play]), encoding="utf-8")
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.inventory), str(file)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)

    def changed(self, done: subprocess.CompletedProcess[str]) -> int:
        """How many tasks changed something; the run must have ended well."""
        assert done.returncode == 0, done.stdout[-4000:]
        found = re.search(r"changed=(\d+)", done.stdout)
        return int(found[1]) if found else -1


@pytest.fixture(scope="module")
def stack(web: Lab, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The web host with the roles of its stack."""
    return Stack(tmp_path_factory.mktemp("web"), "web01", *ROLES)


def inside(lab: Lab, script: str, host: str = "web01") -> str:
    """What a script on the host says, asked by the container's back door."""
    return lab.exec(host, ["sh", "-c", script]).stdout.decode()


def checks(ungcuu: Callable[..., Any], stack: Stack, *roles: str) -> dict[str, str]:
    """Outcome of each of the roles' tests on the host, by name."""
    options = [word for role in roles for word in ("--role", role)]
    _code, document, said = ungcuu("--inventory", str(stack.inventory), "verify", stack.host, *options)
    assert document.get("checks"), said
    return {row["name"].split("[")[0]: row["outcome"] for row in document["checks"]}


def test_blocking_refuses_attacks_and_lets_editors_work(web: Lab, stack: Stack, ungcuu: Callable[..., Any]) -> None:
    """Login, uploads, a picture, a post and its editing are tried by the run itself, which fails where one broke."""
    block = {"web_application_firewall_mode": "block"}
    assert stack.changed(stack.run(**block)) > 0
    assert stack.changed(stack.run(**block, **UNTRIED)) == 0
    outcomes = checks(ungcuu, stack, *ROLES)
    assert outcomes["test_an_attack_is_noticed"] == "passed"
    assert [name for name, outcome in outcomes.items() if outcome == "failed"] == []


def tried_again(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether the run used the website a second time."""
    said = done.stdout.partition("Test home page, login, uploads, media and posting again]")[2]
    return said.split("[web01]")[0].split()[-1] == "ok:"


def load_foreign_script(lab: Lab) -> None:
    """A plugin of the site that counts visitors elsewhere."""
    plugins = "/var/www/portal/wp-content/mu-plugins"
    script = f"<?php add_action('wp_footer', function () {{ echo '<script src=\"{FOREIGN}/t.js\"></script>'; }});"
    lab.exec("web01", ["sh", "-c", f"install -d -m 0755 {plugins} && cat > {plugins}/t.php"], stdin=script.encode())


def test_what_breaks_pages_or_editors_is_taken_back_by_id(web: Lab, stack: Stack) -> None:
    """A policy that refuses a script of the site, and a firewall that refuses the login, are found one by one."""
    load_foreign_script(web)
    few = ("web-csp", "waf", "nginx-version")
    strict = {"web_hardening_csp_mode": "enforce", "web_application_firewall_mode": "block"}
    done = stack.run(*few, web_application_firewall_paranoia=4, website_probe_most_rules=0, **strict)
    said = " ".join(done.stdout.split())
    assert done.returncode != 0
    found = re.search(r"reverted because they break the website \((.*?)\): (.*?)\. Everything else", said)
    assert found, said[-3000:]
    assert "content policy" in found[1]
    assert sorted(found[2].split(", ")) == ["waf", "web-csp"]
    page = "curl -si -H 'Host: portal.lab.test' http://127.0.0.1/"
    assert "Content-Security-Policy:" not in inside(web, page)
    # Named in the inventory, the script is let through.
    assert stack.changed(stack.run(*few, web_hardening_csp_sources={"script-src": [FOREIGN]}, **strict)) > 0
    assert re.search(rf"^Content-Security-Policy: .*script-src [^;]*{FOREIGN}", inside(web, page), re.MULTILINE)


@pytest.mark.nightly
def test_a_rule_that_refuses_an_editor_is_left_out_by_its_id(web: Lab, stack: Stack) -> None:
    """At the third level of paranoia one rule refuses uploads and Vietnamese; all the others go on refusing attacks."""
    block = {"web_application_firewall_mode": "block", "web_application_firewall_paranoia": 3}
    done = stack.run("waf", "nginx-version", **block)
    said = " ".join(done.stdout.split())
    assert done.returncode != 0
    found = re.search(r"left out because they refuse the website's own trials \((.*?)\): ([\d, ]+)\.", said)
    assert found, said[-3000:]
    assert "rich text" in found[1]
    rules = [int(rule) for rule in found[2].split(", ")]
    assert 920272 in rules
    ask = "curl -s -o /dev/null -w '%{http_code}' -H 'Host: portal.lab.test' 'http://127.0.0.1/?q="
    assert inside(web, ask + "1%27%20UNION%20SELECT%20user,password%20FROM%20mysql.user--%20'") == "403"
    # Named in the inventory, it is done.
    assert stack.changed(stack.run("waf", "nginx-version", web_application_firewall_without=rules, **block)) == 0


# Each way of loading something, from an origin of its own.
EVERYTHING = """<link rel="icon" href="https://icon.example/i.png"><link rel="stylesheet" href="/wp-content/all.css">
<link rel="preload" as="font" href="https://preload.example/a.woff2"><base target="_self">
<style>@import url("https://import.example/a.css"); @font-face { font-family: x; src: url(https://font.example/x) }
#ungcuu { background: url(https://style.example/a.png) }</style>
<p id="ungcuu" style="background: url('https://attribute.example/a.png')"><img src="/x.png" alt=""
srcset="https://srcset.example/a,b.png 2x"><picture><source srcset="https://source.example/a.webp"></picture>
<video poster="https://poster.example/a.jpg"><source src="https://film.example/a.mp4"></video>
<iframe src="https://frame.example/1"></iframe><object data="https://object.example/a.pdf"></object>
<embed src="/wp-content/own.pdf"><script>if (window.never) fetch("https://fetch.example/v1");</script>"""
SHEET = "@font-face { src: url(https://sheet-font.example/x) } p { background: url(https://sheet.example/a.png) }"
LOADED = {
    "img-src": ["icon", "style", "attribute", "srcset", "source", "poster", "sheet"],
    "font-src": ["preload", "font", "sheet-font"],
    "style-src": ["import"],
    "media-src": ["film"],
    "frame-src": ["frame"],
    "object-src": ["object"],
    "connect-src": ["fetch"],
}


def reloaded(rule: str, times: int) -> str:
    """Shell words: load nginx's files, and wait until what it sends has the rule; a loaded machine takes its time."""
    ask = f"curl -sI -H 'Host: portal.lab.test' http://127.0.0.1/wp-content/all.css | grep -c \"{rule}\""
    return f"nginx -s reload; for i in $(seq 60); do [ $({ask}) = {times} ] && break; sleep 0.5; done"


def test_a_policy_is_made_of_all_that_pages_load(web: Lab, stack: Stack) -> None:
    """What was read is let through when the policy is enforced, and the probe sees each origin that it lacks."""
    load_foreign_script(web)
    content = "/var/www/portal/wp-content"
    plugin = f"<?php add_action('wp_footer', function () {{ readfile('{content}/all.txt'); }});"
    for path, text in (("mu-plugins/all.php", plugin), ("all.txt", EVERYTHING), ("all.css", SHEET)):
        web.exec("web01", ["sh", "-c", f"cat > {content}/{path}"], stdin=text.encode())
    page = "curl -si -H 'Host: portal.lab.test' http://127.0.0.1/"
    try:
        stack.changed(stack.run("web-csp"))
        found = re.search(r"^Content-Security-Policy-Report-Only: (.*?)\r?$", inside(web, page), re.MULTILINE)
        read = {rule.split()[0]: rule.split()[1:] for rule in found[1].split("; ")} if found else {}
        wanted = {what: {f"https://{name}.example" for name in names} for what, names in LOADED.items()}
        assert {what: wanted[what] - set(read.get(what, [])) for what in wanted} == {what: set() for what in wanted}
        assert "'self'" in read["object-src"] and "'self'" in read["media-src"]

        # The run tries the pages itself, and fails where they load what is refused.
        named = {what: sorted(origins) for what, origins in wanted.items()}
        named["object-src"].append("'self'")
        named.setdefault("script-src", []).append(FOREIGN)
        strict = {"web_hardening_csp_mode": "enforce", "web_hardening_csp_sources": named}
        assert stack.changed(stack.run("web-csp", **strict)) > 0
        assert re.search(r"^Content-Security-Policy: ", inside(web, page), re.MULTILINE)

        file = "/etc/nginx/conf.d/00-ungcuu.conf"
        order = {
            "name": "portal.lab.test",
            "path": "/",
            "text": "",
            "deep": False,
            "application": "",
            "engine": "",
            "only": ["content policy"],
        }
        program = question("website_probe", order)
        seen: dict[str, object] = {}
        for what, origin in [(what, origin) for what, origins in named.items() for origin in origins]:
            less = f'sed -i -E "s,({what}[^;]*) {origin},\\1," {file}'
            rule = f"{what}[^;]*{origin}"
            inside(web, f"cp {file} /run/kept.conf; {less}; {reloaded(rule, 0)}")
            done = web.exec("web01", ["/usr/bin/python3", "-I", "-"], stdin=program)
            seen[f"{what} {origin}"] = answer_in(done.stdout.decode())["results"]["content policy"]["detail"]
            inside(web, f"cp /run/kept.conf {file}; {reloaded(rule, 1)}")
        assert seen == {missing: {"code": "trial_policy_refuses", "sources": [missing]} for missing in seen}
    finally:
        inside(web, f"rm -f {content}/mu-plugins/all.php {content}/all.txt {content}/all.css")


def test_apache_gets_the_same_controls(web: Lab, stack: Stack, ungcuu: Callable[..., Any]) -> None:
    """The same WordPress behind Apache: each control fails before and holds after; nginx's do not apply."""
    load_foreign_script(web)
    made = web.exec("web01", ["sh", "-c", APACHE])
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    mine = [control for control in CATALOGUE if control.role in ROLES and "apache" in control.needs]
    stack.facts()
    before = checks(ungcuu, stack, "web_hardening", "web_application_firewall", "service_sandbox")
    assert {control.test: before[control.test] for control in mine} == {c.test: "failed" for c in mine}

    first, second = (stack.run(web_application_firewall_mode="block") for _ in range(2))
    assert (stack.changed(first) > 0, stack.changed(second)) == (True, 0)
    # Where nothing changed, the first trial has already shown how the website is.
    assert (tried_again(first), tried_again(second)) == (True, False)
    # What the pages load from elsewhere is in the policy that only reports.
    page = inside(web, "curl -si -H 'Host: portal.lab.test' http://127.0.0.1/")
    assert re.search(rf"^Content-Security-Policy-Report-Only: .*{FOREIGN}", page, re.MULTILINE)
    _code, document, said = ungcuu("--inventory", str(stack.inventory), "audit", "web01")
    rows = {row["id"]: row for row in document["audits"][0]["controls"]}
    assert {control.id: rows[control.id]["status"] for control in mine} == {c.id: "pass" for c in mine}, said
    assert (
        rows["web-csp"]["status"] == rows["web-security-txt"]["status"] == rows["web-certificate"]["status"] == "pass"
    )
    nginx = [control.id for control in CATALOGUE if control.role in ROLES and "nginx" in control.needs]
    assert {rows[name]["status"] for name in nginx} == {"not applicable"}
    assert "# ungcuu: SSLProtocol all" in inside(web, "cat /etc/apache2/sites-available/portal.conf")


def test_security_txt_is_renewed_and_an_expired_one_found(web: Lab, stack: Stack, ungcuu: Callable[..., Any]) -> None:
    """An expired file says that nobody looks any more."""
    inside(
        web, "sed -i 's/^Expires: 20../Expires: 2020/;s/^Expires: 2020[0-9]*/Expires: 2020/' /etc/ungcuu/security.txt"
    )
    assert "Expires: 2020-" in inside(web, "cat /etc/ungcuu/security.txt")
    test = "test_security_txt_names_whom_to_call"
    assert checks(ungcuu, stack, "web_hardening")[test] == "failed"
    assert stack.changed(stack.run("web-security-txt", "apache-headers", **UNTRIED)) > 0
    assert checks(ungcuu, stack, "web_hardening")[test] == "passed"


def test_code_is_taken_from_the_pool_and_given_back(web: Lab, stack: Stack, ungcuu: Callable[..., Any]) -> None:
    """Uploads go on (the run tries them); owner and mode before come back exactly; links are not followed."""
    site = "/var/www/portal"
    inside(
        web, f"chown -R portal:portal {site}/wp-content; chmod 0600 {site}/wp-config.php; chown portal {site}/wp-*.php"
    )
    inside(
        web,
        f"chmod g+w {site}/index.php; install -m 0600 -o portal /dev/null /root/secret;"
        f" ln -s /root/secret {site}/wp-content/link",
    )
    inside(web, f"install -m 0600 -o portal -g adm /dev/null {site}/odd.txt")
    look = f"stat -c '%n %u %g %a' /root/secret $(find {site} -not -path '*/uploads/*' ! -name odd.txt | sort)"
    before = inside(web, look)
    few = ("php-pool-user", "php-expose")
    test = "test_pool_user_cannot_write_code"
    assert stack.changed(stack.run(*few)) > 0
    # One file can't be taken without deciding who else may read it: it is left, and the check goes on failing.
    assert checks(ungcuu, stack, "php_hardening")[test] == "failed"
    inside(web, f"rm {site}/odd.txt")
    assert checks(ungcuu, stack, "php_hardening")[test] == "passed"
    assert stack.changed(stack.run(*few, **UNTRIED)) == 0
    assert inside(web, look).splitlines()[0] == before.splitlines()[0]
    assert stack.changed(stack.run(*few, controls_states={"php-pool-user": "audit"}, **UNTRIED)) > 0
    assert inside(web, look) == before


def test_postgresql_asks_everybody(web: Lab, tmp_path: Path, ungcuu: Callable[..., Any]) -> None:
    """A server that let every local program be its superuser, and the network guess, no longer does; backups go on.

    It is sealed too: it writes its data, also a tablespace elsewhere, and nothing else.
    """
    roles = ("database_hardening", "service_sandbox")
    stack = Stack(tmp_path, "spare01", *roles)
    made = web.exec("spare01", ["sh", "-c", POSTGRESQL])
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    facts = {"website_database_engine": "postgresql", "website_probe_enabled": False}
    only = [control.test for control in CATALOGUE if control.role in roles and "postgresql" in control.needs]
    stack.facts(**facts)
    before = checks(ungcuu, stack, *roles)
    assert {name: before[name] for name in only} == dict.fromkeys(only, "failed")
    open_door = "psql -XAtqw -h 127.0.0.1 -U postgres -c 'SELECT 1' 2>&1"
    assert inside(web, open_door, "spare01").strip() == "1"
    assert stack.changed(stack.run(**facts)) > 0
    assert stack.changed(stack.run(**facts)) == 0
    outcomes = checks(ungcuu, stack, *roles)
    assert {name: outcomes[name] for name in only} == dict.fromkeys(only, "passed")
    assert inside(web, open_door, "spare01").strip() != "1"
    write = "cd /; echo 'CREATE TABLE {0} (a int) TABLESPACE fast; {1}' | runuser -u postgres -- psql -Xqd portal 2>&1"
    assert inside(web, write.format("one", "INSERT INTO one VALUES (1); CHECKPOINT"), "spare01") == ""
    # Owner and mode of the folder would let it; only the sandbox does not.
    inside(web, "install -d -o postgres /var/elsewhere", "spare01")
    refused = inside(web, write.format("two", "COPY one TO $$/var/elsewhere/shell.php$$"), "spare01")
    assert "Read-only file system" in refused
    login = "PGPASSWORD=only-in-the-lab psql -XAtqw -h 127.0.0.1 -U portal -c 'SELECT 1' portal"
    assert inside(web, login, "spare01").strip() == "1"
    order = {
        "name": "x",
        "path": "/",
        "text": "",
        "deep": False,
        "application": "",
        "engine": "postgresql",
        "database": "portal",
        "only": ["database dump"],
    }
    done = web.exec("spare01", ["/usr/bin/python3", "-I", "-"], stdin=question("website_probe", order))
    assert answer_in(done.stdout.decode())["results"]["database dump"]["passed"]


INSIDE = """
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -q --no-install-recommends libapache2-mod-php
a2dismod -q -f mpm_event; a2enmod -q mpm_prefork "php$(ls /etc/php | tail -1)"
sed -i '/<FilesMatch/,/<.FilesMatch/d' /etc/apache2/portal.inc
usermod -aG portal www-data
chown -R www-data /var/www/portal/wp-content/uploads
chmod g+r /var/www/portal/wp-*.php # a test before left them to their owner alone, who is not the web server here
printf '%s' '<?php foreach (["/var/www/portal", "/var/www/portal/wp-content/uploads"] as $folder) {
    echo @file_put_contents("$folder/tried.txt", "x") ? "written " : "refused "; }' > /var/www/portal/tried.php
chmod 0777 /var/www/portal
systemctl restart apache2
"""


def test_php_inside_apache_writes_uploads_and_no_code(web: Lab, stack: Stack, ungcuu: Callable[..., Any]) -> None:
    """With mod_php the web server runs strangers' input: it may write what editors upload, whatever modes say."""
    made = web.exec("web01", ["sh", "-c", INSIDE])
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    ask = "curl -s -H 'Host: portal.lab.test' http://127.0.0.1/tried.php"
    few, facts = ("sandbox-apache", "apache-version"), {"website_user": "www-data"}
    stack.changed(stack.run(*few, controls_states={"sandbox-apache": "off"}, **facts, **UNTRIED))
    assert inside(web, ask).split() == ["written", "written"]
    assert stack.changed(stack.run(*few, **facts)) > 0  # login and uploads are tried by the run
    assert inside(web, ask).split() == ["refused", "written"]
    assert checks(ungcuu, stack, "service_sandbox")["test_apache_is_sealed"] == "passed"
