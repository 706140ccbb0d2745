"""The running web server is asked over its sockets, its effective configuration by `nginx -T` and `apache2ctl`."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from testinfra.host import Host

from ungcuu.prepare.visitor import Visitor

# Where each application's login form is sent to; what other sites are asked for needs no page.
_LOGINS = {
    "drupal": "/user/login",
    "joomla": "/administrator/index.php",
    "mediawiki": "/index.php?title=Special:UserLogin",
    "nukeviet": "/admin/index.php",
}
_PROGRAMS = {"nginx": "/usr/sbin/nginx", "apache": "/usr/sbin/apache2ctl"}


@pytest.fixture(autouse=True)
def _server(request: pytest.FixtureRequest, host: Host) -> None:
    """Skip the controls of a web server that visitors of this host do not meet."""
    wanted = str(request.node.get_closest_marker("control").args[0]).partition("-")[0]
    installed = [name for name, program in _PROGRAMS.items() if host.file(program).exists]
    if len(installed) > 1:
        listening = host.run("ss -Hltnp 'sport = :80 or sport = :443'").stdout
        installed = [name for name in installed if name in listening] or installed
    if not installed or (wanted != "web" and wanted not in installed):
        pytest.skip(f"no {wanted} on this host")


def check_tls(host: Host, site: Mapping[str, Any], visitor: Visitor) -> None:
    """Which versions of TLS a client gets at the lowest security level that it has."""
    if not (port := visitor.port("https")):
        pytest.skip("this site does not answer over TLS")
    ask = f"openssl s_client -connect 127.0.0.1:{port} -servername %s -cipher 'ALL:@SECLEVEL=0'"
    works = {
        version: host.run(f"{ask} -{version} </dev/null", str(site["website_name"])).rc == 0
        for version in ("tls1", "tls1_1", "tls1_2", "tls1_3")
    }
    assert works == {"tls1": False, "tls1_1": False, "tls1_2": True, "tls1_3": True}


@pytest.mark.control("nginx-tls")
def test_only_tls_1_2_and_later(host: Host, site: Mapping[str, Any], visitor: Visitor) -> None:
    """The wire is asked: a file says nothing of a daemon that has not read it."""
    check_tls(host, site, visitor)


@pytest.mark.control("apache-tls")
def test_apache_speaks_tls_1_2_and_later(host: Host, site: Mapping[str, Any], visitor: Visitor) -> None:
    """The wire is asked: a site's own SSLProtocol would stand over the server's."""
    check_tls(host, site, visitor)


@pytest.mark.control("nginx-version")
def test_no_version_in_answers(visitor: Visitor) -> None:
    """A version number picks the exploit for the attacker; error pages show it too."""
    assert re.search(r"^server: nginx$", visitor.get().head, re.MULTILINE)
    assert "nginx/" not in visitor.get("/%zz").text


@pytest.mark.control("apache-version")
def test_apache_shows_no_version(visitor: Visitor) -> None:
    """Asked on a page and on an error page, which Debian signs with version and name; TRACE echoes cookies."""
    assert re.search(r"^server: apache$", visitor.get().head, re.MULTILINE)
    assert "Apache/" not in visitor.get("/%zz").text
    assert visitor.get(method="TRACE").status == 405


def check_headers(site: Mapping[str, Any], visitor: Visitor) -> None:
    """Each header once, on a page and on an error page."""
    for path in ("/", f"/{secrets.token_hex(6)}.png"):
        answer = visitor.get(path).head
        assert answer.count("x-content-type-options: nosniff") == 1
        assert answer.count("x-frame-options:") == 1
        assert answer.count("referrer-policy:") == 1
    if visitor.port("https") and site.get("web_hardening_hsts_seconds", 1) > 0:
        assert "strict-transport-security: max-age=" in visitor.get(scheme="https").head


@pytest.mark.control("nginx-headers")
def test_security_headers(site: Mapping[str, Any], visitor: Visitor) -> None:
    """A location of the site with headers of its own would lose ours."""
    check_headers(site, visitor)


@pytest.mark.control("apache-headers")
def test_apache_sends_security_headers(site: Mapping[str, Any], visitor: Visitor) -> None:
    """Apache keeps headers of answers and of its own error pages apart: both need them, and neither twice."""
    check_headers(site, visitor)


@pytest.mark.control("nginx-limits")
def test_request_limits(host: Host) -> None:
    """A handful of slow clients must not hold every worker."""
    effective = host.check_output("nginx -T 2>/dev/null")
    for line in ("client_header_timeout 15s;", "client_body_timeout 30s;", "limit_conn ungcuu_connections"):
        assert re.search(rf"^\s*{re.escape(line)}", effective, re.MULTILINE), line


@pytest.mark.control("nginx-login-rate")
def test_login_attempts_are_slowed(visitor: Visitor, site: Mapping[str, Any]) -> None:
    """Guessing runs at thousands a minute without it. Nobody's password is among the requests.

    All at once: a slow host would answer one after the other so slowly that the rate is never reached.
    """
    application = str(site.get("website_application", ""))
    if application == "dokuwiki" and not site.get("web_hardening_login_paths"):
        pytest.skip("not applicable: DokuWiki's login can't be distinguished from its other requests")
    answers = visitor.get_all([_LOGINS.get(application, "/wp-login.php")] * 30, method="POST")
    assert 429 in [answer.status for answer in answers]
    assert visitor.get().status == 200


def check_uploads(host: Host, site: Mapping[str, Any], visitor: Visitor, *suffixes: str) -> None:
    """A harmless page is put into each writable folder and asked for."""
    for folder in site["website_writable_paths"]:
        for suffix in ("php", "phtml", "PHP", "php5", *suffixes):
            name = f"ungcuu-{secrets.token_hex(8)}.{suffix}"
            path = f"{site['website_root']}/{folder}/{name}"
            try:
                host.check_output("printf %%s %s > %s && chmod 0644 %s", "<?php echo 6*7;", path, path)
                answer = visitor.get(f"/{folder}/{name}")
            finally:
                host.run("rm -f %s", path)
            assert answer.status in (403, 404), suffix
            assert "42" not in answer.text


@pytest.mark.control("nginx-no-php-in-uploads")
def test_uploaded_code_is_not_run(host: Host, site: Mapping[str, Any], visitor: Visitor) -> None:
    """The commonest way in: code in a folder that PHP may write."""
    check_uploads(host, site, visitor)


@pytest.mark.control("apache-no-php-in-uploads")
def test_apache_runs_no_uploaded_code(host: Host, site: Mapping[str, Any], visitor: Visitor) -> None:
    """The commonest way in; on Apache also a .htaccess that names pictures as programs, or opens what we closed."""
    check_uploads(host, site, visitor, "php.jpg")
    name = f"ungcuu-{secrets.token_hex(8)}"
    for folder in site["website_writable_paths"]:
        place = f"{site['website_root']}/{folder}/{name}"
        socket = host.run("ls -S /run/php/*.sock | grep -v /run/php/php-fpm.sock | head -1").stdout.strip()
        lines = (f'SetHandler "proxy:unix:{socket}|fcgi://localhost"', "Require all granted", "Options +Indexes")
        try:
            host.check_output("install -d %s && printf %%s %s > %s/x.jpg", place, "<?php echo 6*7;", place)
            host.check_output(
                "cp %s/x.jpg %s/x.php && printf '%%s\\n' %s %s %s > %s/.htaccess", place, place, *lines, place
            )
            picture = visitor.get(f"/{folder}/{name}/x.jpg").text
            page = visitor.get(f"/{folder}/{name}/x.php").status
        finally:
            host.run("rm -rf %s", place)
        assert picture != "42"
        assert page == 403


def check_hidden(host: Host, site: Mapping[str, Any], visitor: Visitor) -> None:
    """What robots ask for, where it is there: harmless files of such names, for a moment."""
    mark = secrets.token_hex(8)
    names = (f".ungcuu-{mark}", f"ungcuu-{mark}.sql", f"ungcuu-{mark}.php.bak")
    root = site["website_root"]
    try:
        for name in names:
            host.check_output("printf ungcuu > %s && chmod 0644 %s", f"{root}/{name}", f"{root}/{name}")
        answers = {name: visitor.get(f"/{name}").status for name in (*names, ".git/config")}
    finally:
        for name in names:
            host.run("rm -f %s", f"{root}/{name}")
    assert {name for name, code in answers.items() if code not in (403, 404)} == set()


@pytest.mark.control("nginx-hidden-files")
def test_hidden_and_leftover_files_are_not_served(host: Host, site: Mapping[str, Any], visitor: Visitor) -> None:
    """`.git`, `.env`, dumps and editor copies give away passwords; certificates' challenges must go on working."""
    check_hidden(host, site, visitor)


@pytest.mark.control("apache-hidden-files")
def test_apache_serves_no_hidden_files(host: Host, site: Mapping[str, Any], visitor: Visitor) -> None:
    """`.git`, `.env`, dumps and editor copies give away passwords."""
    check_hidden(host, site, visitor)


def check_listing(site: Mapping[str, Any], visitor: Visitor) -> None:
    """What a folder without an index page shows."""
    for folder in site["website_writable_paths"]:
        assert "Index of /" not in visitor.get(f"/{folder}/").text


@pytest.mark.control("nginx-no-listing")
def test_folders_are_not_listed(site: Mapping[str, Any], visitor: Visitor) -> None:
    """A listing shows every upload to whoever asks."""
    check_listing(site, visitor)


@pytest.mark.control("apache-no-listing")
def test_apache_lists_no_folders(site: Mapping[str, Any], visitor: Visitor) -> None:
    """Debian's apache2.conf lists every folder below /var/www."""
    check_listing(site, visitor)


@pytest.mark.control("apache-limits")
def test_apache_limits_requests(host: Host, visitor: Visitor) -> None:
    """The running daemon refuses a header and a body that no visitor sends, and has the module against slow ones."""
    assert "reqtimeout_module" in host.check_output("apache2ctl -t -D DUMP_MODULES 2>/dev/null")
    assert visitor.get(headers={"X-Long": "x" * 20000}).status in (400, 431)
    needed = host.check_output("cat /etc/apache2/conf-enabled/zz-ungcuu.conf")
    if found := re.search(r"^LimitRequestBody (\d+)", needed, re.MULTILINE):
        over = {"Content-Length": str(int(found.group(1)) + 1)}
        assert visitor.get("/index.php", method="POST", headers=over, timeout=10).status == 413


@pytest.mark.control("web-csp")
def test_pages_carry_a_content_policy(site: Mapping[str, Any], visitor: Visitor) -> None:
    """Scripts of foreign origin steal what visitors type. Reporting comes before refusing."""
    mode = site.get("web_hardening_csp_mode", "report")
    answer = visitor.get().head
    name = "content-security-policy" + ("-report-only" if mode == "report" else "")
    found = re.findall(rf"^{name}: (.*?)$", answer, re.MULTILINE)
    assert len(found) == 1
    # A site that shows documents in its pages names itself here; nobody names the whole world.
    assert mode == "off" or re.search(r"object-src ('none'|[^;*]+)(;|$)", found[0])


@pytest.mark.control("web-security-txt")
def test_security_txt_names_whom_to_call(site: Mapping[str, Any], visitor: Visitor) -> None:
    """Who finds a vulnerability must find a contact for it. An expired one says that nobody looks (RFC 9116)."""
    if not site.get("web_hardening_security_contacts", site.get("website_contacts")):
        if not os.environ.get("UNGCUU_AUDIT"):
            pytest.skip("the inventory names no website_contacts")
        pytest.fail("the inventory names no website_contacts, so there is no security.txt")
    answer = visitor.get("/.well-known/security.txt", scheme="https" if visitor.port("https") else "http")
    assert answer.status == 200
    assert "content-type: text/plain; charset=utf-8" in answer.head
    fields = [line.split(": ", 1) for line in answer.text.splitlines() if line and not line.startswith("#")]
    assert [value for name, value in fields if name == "Contact"]
    assert ["Preferred-Languages", "vi, en"] in fields
    expires = [datetime.fromisoformat(value) for name, value in fields if name == "Expires"]
    now = datetime.now(UTC)
    assert len(expires) == 1
    assert now < expires[0] <= now + timedelta(days=366)


@pytest.mark.control("web-certificate")
def test_certificate_is_valid_for_two_weeks(host: Host, site: Mapping[str, Any], visitor: Visitor) -> None:
    """An expired certificate teaches visitors to click warnings away. Two weeks are time to act."""
    if not (port := visitor.port("https")):
        pytest.skip("this site does not answer over TLS")
    name = str(site["website_name"])
    ask = f"openssl s_client -connect 127.0.0.1:{port} -servername %s </dev/null 2>/dev/null | openssl x509 -noout"
    lasting = host.run(f"{ask} -enddate -checkend 1209600", name)
    assert lasting.rc == 0, lasting.stdout
    assert "does match certificate" in host.run(f"{ask} -checkhost %s", name, name).stdout
