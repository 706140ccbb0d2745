"""Websites of a host: read from real servers' configuration, whose a pool is, and what is shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import plugin_runs
import pytest
from plugin_runs import answering

from ungcuu.core.sentences import plain
from ungcuu.hosts.remote_program import question
from ungcuu.plugins.action.ungcuu_controls import of_websites
from ungcuu.prepare import web_sites
from ungcuu.remote import neighbour_pages
from ungcuu.remote import web_sites as on_host
from ungcuu.remote.apache_config import Config

POOLS = {"8.2/www": "/run/php/shared.sock", "8.2/portal": "/run/php/portal.sock", "8.2/port": "9000"}
NGINX = """# configuration file /etc/nginx/nginx.conf:
http {
    root /srv/above;
    include /etc/nginx/conf.d/*.conf;
    include sites-enabled/*;
}
# configuration file /etc/nginx/conf.d/up.conf:
upstream shared { server unix:/run/php/shared.sock; }
# configuration file /etc/nginx/sites-enabled/mot.conf:
server {
    listen 80 default_server; listen [::]:443 ssl;   # both { ; }
    server_name "mot.lab.test" *.mot.lab.test;
    root '/var/www/mot';
    include snippets/php.conf;
    location ~ ^/a\\{1\\} { alias /srv/a; fastcgi_pass 127.0.0.1:9000; }
}
server { listen 8080; server_name above.lab.test; }
# configuration file /etc/nginx/snippets/php.conf:
location ~ \\.php$ { fastcgi_pass shared; }
"""
APACHE = {
    "apache2.conf": "Define WHERE /var/www\nIncludeOptional conf/*.conf\nInclude sites\n",
    "conf/alias.conf": "Alias /wiki /var/lib/wiki\n<FilesMatch x>\nSetHandler 'proxy:unix:/run/php/shared.sock|fcgi://x'\n",
    "sites/a.conf": """<VirtualHost *:443 [::1]:8443>
  ServerName https://a.lab.test:443
  ServerAlias b.lab.test \\
     c.lab.test
  DocumentRoot "${WHERE}/a"
  SSLEngine on
</VirtualHost>
# <VirtualHost *:80>
<VirtualHost *:443>
  ServerName d.lab.test
  DocumentRoot /var/www/d
  ProxyPassMatch ^/(.*\\.php)$ fcgi://localhost:9000/var/www/d/$1
</VirtualHost>""",
}


def test_nginx_is_read_as_nginx_reads_it() -> None:
    """Includes, upstreams, quotes, comments, what stands above a server, and a root of none."""
    first, second = [site.as_data(POOLS) for site in on_host.nginx_sites(NGINX)]
    assert first["names"] == ["mot.lab.test", "*.mot.lab.test"]
    assert (first["roots"], first["aliases"]) == (["/var/www/mot"], ["/srv/a"])
    assert first["pools"] == ["8.2/port", "8.2/www"]
    assert first["listens"] == [
        {"address": "127.0.0.1", "port": 80, "tls": False, "default": True},
        {"address": "::1", "port": 443, "tls": True, "default": False},
    ]
    assert first["file"] == "/etc/nginx/sites-enabled/mot.conf"
    assert (second["roots"], second["pools"], second["listens"][0]["port"]) == (["/srv/above"], [], 8080)


def test_an_address_in_a_variable_may_be_any_pool() -> None:
    text = NGINX.replace("fastcgi_pass shared", "fastcgi_pass $where")
    assert on_host.nginx_sites(text)[0].as_data(POOLS)["pools"] == sorted(POOLS)


def test_apache_is_read_with_what_counts_for_every_site() -> None:
    files = {f"/etc/apache2/{name}": text for name, text in APACHE.items()}
    first, second = [site.as_data(POOLS) for site in on_host.apache_sites(Config(files))]
    assert first["names"] == ["a.lab.test", "b.lab.test", "c.lab.test"]
    assert (first["roots"], first["aliases"]) == (["/var/www/a"], ["/var/lib/wiki"])
    assert [(row["port"], row["tls"], row["default"]) for row in first["listens"]] == [
        (443, True, True),
        (8443, True, True),
    ]
    assert (first["pools"], second["pools"]) == (["8.2/www"], ["8.2/port", "8.2/www"])
    assert second["listens"][0]["default"] is False


def test_a_broken_file_of_nginx_is_read_to_its_end() -> None:
    """Cut anywhere, or with its marks in disorder."""
    for at in range(len(NGINX)):
        on_host.nginx_sites(NGINX[:at])
        on_host.nginx_sites(NGINX[:at] + NGINX[at:].translate(str.maketrans("{};'\"", "}{'\";")))


def site(name: str, root: str, *pools: str, server: str = "nginx") -> dict[str, Any]:
    """One site as a host names it."""
    listens = [{"address": "127.0.0.1", "port": 80, "tls": False, "default": False}]
    return {
        "names": [name],
        "roots": [root],
        "aliases": [],
        "pools": list(pools),
        "listens": listens,
        "file": f"/etc/nginx/sites-available/{name}.conf",
        "server": server,
    }


@pytest.mark.parametrize(
    ("others", "alone", "shared", "units"),
    [
        ([], {"8.2": ["www"]}, {}, {}),
        ([site("b.vn", "/var/www/b", "8.2/www")], {}, {"8.2/www": ["b.vn"]}, {"php8.2-fpm.service": ["b.vn"]}),
        ([site("b.vn", "/var/www/b", "8.2/own")], {"8.2": ["www"]}, {}, {"php8.2-fpm.service": ["b.vn"]}),
        ([site("b.vn", "/var/www/b", "7.4/old")], {"8.2": ["www"]}, {}, {"php7.4-fpm.service": ["b.vn"]}),
        ([site("www.a.vn", "/var/www/a", "8.2/www")], {"8.2": ["www"]}, {}, {}),
        (
            [site("www.a.vn", "/var/www/ab", "8.2/www")],
            {},
            {"8.2/www": ["www.a.vn"]},
            {"php8.2-fpm.service": ["www.a.vn"]},
        ),
        ([site("b.vn", "/var/www/b")], {"8.2": ["www"]}, {}, {}),
    ],
    ids=["alone", "shared", "another pool", "another version", "a second name", "a root that begins alike", "no PHP"],
)
def test_whose_a_pool_is(
    others: list[dict[str, Any]], alone: dict[str, Any], shared: dict[str, Any], units: dict[str, Any]
) -> None:
    """Seen failing with `shared` empty."""
    found = web_sites.whose(web_sites.checked([site("a.vn", "/var/www/a", "8.2/www"), *others]), "a.vn", "/var/www/a")
    assert (found["pools"], found["shared_pools"], found["shared_units"]) == (alone, shared, units)
    assert found["own_files"] == ["/etc/nginx/sites-available/a.vn.conf"]


def test_a_unit_that_runs_listed_websites_alone_is_sandboxed() -> None:
    """What each of them writes is known. With the list left out, PHP of a host with two websites is never sandboxed."""
    rows = web_sites.checked([site(f"{name}.vn", f"/var/www/{name}", f"8.2/{name}") for name in "abc"])
    listed = [("a.vn", "/var/www/a"), ("b.vn", "/var/www/b")]
    found = web_sites.whose(rows, "a.vn", "/var/www/a", listed=listed)
    assert found["shared_units"] == {"php8.2-fpm.service": ["c.vn"]}
    assert web_sites.whose(rows[:2], "a.vn", "/var/www/a", listed=listed)["shared_units"] == {}


def test_a_file_with_another_website_in_it_is_shared() -> None:
    """A server block that only redirects is no other website; one with a root or a pool of its own is."""
    rows = [site("a.vn", "/var/www/a"), site("b.vn", "/var/www/b")]
    for row in rows:
        row["file"] = "/etc/nginx/sites-available/default"
    assert web_sites.whose(web_sites.checked(rows), "a.vn", "/var/www/a")["shared_files"] == [rows[0]["file"]]
    rows[1]["roots"] = []
    assert web_sites.whose(web_sites.checked(rows), "a.vn", "/var/www/a")["shared_files"] == []


def test_files_of_a_website_that_is_not_listed_any_more_are_left_over() -> None:
    """A renamed entry would leave its controls behind, twice. Nothing else that a host names is ever removed."""
    ours = ["/etc/php/8.2/fpm/pool.d/zz-ungcuu.conf", "/etc/nginx/snippets/ungcuu-site-old.conf"]
    kept = ["/etc/nginx/conf.d/00-ungcuu-site-a.conf", "/etc/passwd", "/etc/nginx/snippets/../ungcuu-site-x.conf"]
    listed = [{"name": "a"}, {"name": "b"}]
    found = of_websites(listed, "a", [*ours, *kept])
    assert (found["left_over"], found["suffix"], found["suffixes"]) == (sorted(ours), "-a", ["-a", "-b"])
    flat = of_websites([{"website_root": "/var/www/a"}], "", [*ours, *kept])
    assert flat["left_over"] == sorted([ours[1], kept[0]]) and flat["suffix"] == ""


def test_a_run_about_one_website_leaves_what_protects_another() -> None:
    """Seen failing: `harden web01/new` took the controls away from the website that had been there alone."""
    flat, mine = "/etc/nginx/snippets/ungcuu-site.conf", "/etc/nginx/snippets/ungcuu-site-new.conf"
    theirs, listed = "/etc/nginx/snippets/ungcuu-site-old.conf", [{"name": "old"}, {"name": "new"}]
    alone = of_websites(listed, "new", [flat, mine], whole=False)
    assert (alone["left_over"], alone["suffixes"]) == ([], ["-old", "-new", ""]), "its line in the server stays too"
    assert of_websites(listed, "new", [flat, mine, theirs], whole=False)["left_over"] == [flat]
    assert of_websites(listed, "old", [flat], whole=True)["left_over"] == [flat]


def test_a_run_about_the_first_website_replaces_what_was_made_for_it() -> None:
    """Seen failing: `harden web01/old` kept zz-ungcuu.conf, which PHP reads after its own new file."""
    flat, listed = "/etc/php/8.2/fpm/pool.d/zz-ungcuu.conf", [{"name": "old"}, {"name": "new"}]
    alone = of_websites(listed, "old", [flat], whole=False)
    assert (alone["left_over"], alone["suffixes"]) == ([flat], ["-old", "-new"])


def test_a_site_without_a_root_counts_as_another() -> None:
    rows = [site("a.vn", "/var/www/a", "8.2/www"), site("b.vn", "", "8.2/www")]
    found = web_sites.whose(web_sites.checked(rows), "a.vn", "/var/www/a")
    assert found["shared_pools"] == {"8.2/www": ["b.vn"]}


def test_mod_php_runs_every_site_of_apache() -> None:
    rows = [site("a.vn", "/var/www/a", server="apache"), site("b.vn", "/var/www/b", server="apache")]
    found = web_sites.whose(web_sites.checked(rows), "a.vn", "/var/www/a", mod_php=True)
    assert found["shared_units"] == {"apache2.service": ["b.vn"]}


def test_nothing_of_a_host_is_taken_unchecked() -> None:
    odd = site("a;b", "/var/../etc", "x y") | {"file": "/etc/passwd"}
    assert web_sites.checked([odd, "x", None]) == (web_sites.WebSite((), (), (), ""),)
    assert web_sites.checked({"a": 1}) == ()
    page = {"trial": "page of b.vn:80", "address": "127.0.0.1", "tls": False}
    assert web_sites.page(page) == page | {"host": "b.vn", "port": 80}
    assert web_sites.page(page | {"address": "$(x)"}) is None
    assert web_sites.page(page | {"trial": "page of b vn:80"}) is None


@pytest.mark.parametrize(
    ("name", "root", "why"),
    [
        ("a.vn", "{}/a", ""),
        ("a.vn", "{}/b", "elsewhere"),
        ("a.vn", "{}/typo", "missing"),
        ("x.wild.vn", "{}/b", ""),
        ("nobody.vn", "{}/a", "elsewhere"),
        ("nobody.vn", "{}/b", ""),
    ],
)
def test_the_root_is_the_one_of_the_host_that_answers(tmp_path: Path, name: str, root: str, why: str) -> None:
    """By name, by a wildcard, by default. Seen failing with the comparison of roots taken out."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    other = site("*.wild.vn", str(tmp_path / "b"))
    other["listens"][0]["default"] = True
    sites = [site("a.vn", str(tmp_path / "a")), other]
    found = neighbour_pages.wrong_root(sites, name, root.format(tmp_path))
    assert found.get("why", "") == why


def test_what_is_shared_is_reported_with_its_controls() -> None:
    """The plan and the run show it; nothing is set in silence, or left out in silence."""
    sites = [site("a.vn", "/var/www/a", "8.2/www"), site("b.vn", "/var/www/b", "8.2/www")]
    reply = {"has": ["nginx", "php", "web"], "php": ["8.2"], "sites": sites, "root": "/var/www/a"}
    given = {"roles": str(plugin_runs.ROOT / "roles"), "level": 3, "name": "a.vn", "root": "/var/www/a"}

    def skipped(reply: dict[str, Any]) -> dict[str, list[str]]:
        rows = plugin_runs.run("ungcuu_controls", given, answering(lambda _order: reply))["ungcuu"]
        return {plain(row["data"]["reason"]): row["data"]["controls"] for row in rows}

    pooled = ["php-functions", "php-paths", "php-sessions", "php-remote"]
    assert skipped(reply) == {
        "not applicable: 8.2/www also runs b.vn": pooled,
        "not applicable: php8.2-fpm.service also runs b.vn": ["sandbox-php"],
    }
    assert skipped(reply | {"sites": sites[:1]}) == {}
    assert skipped(reply | {"sites": []}) == {"not applicable: no PHP-FPM pool was found that runs the website": pooled}


def test_a_program_takes_along_what_it_imports() -> None:
    """And nothing more: each module is a kilobyte on a slow line."""
    text = question("survey", {}).decode()
    assert "ungcuu.remote.web_sites" in text
    assert "ungcuu.remote.page_client" not in text
