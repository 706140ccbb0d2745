"""PHP is asked through the web server: a page in a folder of its own shows what the running pool allows."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from testinfra.host import Host

from ungcuu.prepare.visitor import Visitor

_PAGE = (
    "<?php foreach (['expose_php','display_errors','disable_functions','open_basedir','allow_url_include',"
    "'session.cookie_httponly','session.use_strict_mode','session.cookie_samesite'] as $k) $o[$k]=(string)ini_get($k);"
    "$o['outside']=@file_get_contents('/etc/passwd')!==false;"
    "$o['code']=@file_put_contents(__DIR__.'/written-'.bin2hex(random_bytes(4)).'.php','x')!==false;"
    "$o['user']=posix_geteuid();$o['run']=[];"
    "foreach(['exec','system','proc_open','popen'] as $f) if(function_exists($f)) $o['run'][]=$f;"
    "echo json_encode($o);"
)


@pytest.fixture(scope="module", autouse=True)
def _php(host: Host) -> None:
    if host.run("ls /etc/php/*/fpm/php-fpm.conf").rc != 0:
        pytest.skip("no PHP-FPM on this host")


@pytest.fixture(scope="module")
def pool(
    host: Host, site_facts: Mapping[str, Mapping[str, Any]], visitor: Visitor, _php: None
) -> Iterator[dict[str, Any]]:
    """What the website's running pool says of itself. The page lives for one request; nobody can guess its name."""
    site = site_facts[host.backend.get_hostname()]
    path = f"{site['website_root']}/ungcuu-{secrets.token_hex(12)}.php"
    try:
        host.run_test("install -m 0644 /dev/null %s", path)
        host.check_output("printf %%s %s > %s", _PAGE, path)
        text = visitor.get("/" + path.rsplit("/", 1)[1]).text
    finally:
        host.run("rm -f %s", path)
    yield json.loads(text)


@pytest.mark.control("php-expose")
def test_php_does_not_introduce_itself(pool: dict[str, Any], visitor: Visitor) -> None:
    """Messages show visitors paths, queries and versions."""
    assert pool["display_errors"] in ("", "0", "Off")
    assert "x-powered-by" not in visitor.get().head


@pytest.mark.control("php-functions")
def test_command_functions_are_off(pool: dict[str, Any]) -> None:
    """Most web shells need exactly these."""
    off = set(pool["disable_functions"].split(","))
    assert {"exec", "passthru", "shell_exec", "system", "proc_open", "popen"} - off == set()
    assert pool["run"] == []


@pytest.mark.control("php-paths")
def test_php_stays_in_the_site(pool: dict[str, Any], site: Mapping[str, Any]) -> None:
    """A hole in a plugin must not read the rest of the host."""
    assert pool["open_basedir"].split(":")[0] == site["website_root"]
    assert pool["outside"] is False


@pytest.mark.control("php-sessions")
def test_session_cookies_are_protected(pool: dict[str, Any]) -> None:
    """A stolen or fixed session is a login without password."""
    assert (pool["session.cookie_httponly"], pool["session.use_strict_mode"]) == ("1", "1")
    assert pool["session.cookie_samesite"] in ("Lax", "Strict")


@pytest.mark.control("php-remote")
def test_php_includes_no_remote_code(pool: dict[str, Any]) -> None:
    """Turns an inclusion bug from code execution into an error."""
    assert pool["allow_url_include"] in ("", "0", "Off")


@pytest.mark.control("php-pool-user")
def test_pool_user_cannot_write_code(host: Host, pool: dict[str, Any], site: Mapping[str, Any]) -> None:
    """What PHP can write, an intruder in PHP can rewrite; what it owns, it can make writable. Uploads must go on."""
    assert pool["user"] != 0
    assert pool["code"] is False
    root, user = str(site["website_root"]), str(site["website_user"])
    writable = [f"{root}/{folder}" for folder in site["website_writable_paths"]]
    apart = " ".join(f"-path '{folder}' -prune -o" for folder in writable)
    find = f"runuser -u %s -- find %s {apart} ! -type l \\( -writable -o -user %s \\) -print 2>/dev/null | head -5"
    assert host.run(find, user, root, user).stdout == ""
    for folder in writable:
        assert host.run("runuser -u %s -- test -w %s", user, folder).rc == 0, folder
