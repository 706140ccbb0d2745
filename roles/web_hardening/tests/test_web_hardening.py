"""The running web server is asked over its sockets, its effective configuration by `nginx -T`."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host


@pytest.fixture(autouse=True)
def _nginx(host: Host) -> None:
    if not host.file("/usr/sbin/nginx").exists:
        pytest.skip("no nginx on this host")


def headers(host: Host, site: Mapping[str, Any], path: str = "/", scheme: str = "http", *options: str) -> str:
    """Status line and headers of one answer, in lower case."""
    extra = " ".join(options)
    return host.check_output(
        f"curl -skD - -o /dev/null {extra} -H %s %s", f"Host: {site['website_name']}", f"{scheme}://127.0.0.1{path}"
    ).lower()


def status(host: Host, site: Mapping[str, Any], path: str, *options: str) -> int:
    """Status code of one answer."""
    return int(headers(host, site, path, "http", *options).split()[1])


def has_tls(host: Host) -> bool:
    """Whether the site answers over TLS at all."""
    return host.run("ss -Hltn 'sport = :443' | grep -q .").rc == 0


@pytest.mark.control("nginx-tls")
def test_only_tls_1_2_and_later(host: Host, site: Mapping[str, Any]) -> None:
    """The wire is asked, at the lowest security level that a client has."""
    if not has_tls(host):
        pytest.skip("this site does not answer over TLS")
    works = {
        version: host.run(
            f"openssl s_client -connect 127.0.0.1:443 -servername %s -{version} -cipher 'ALL:@SECLEVEL=0' </dev/null",
            str(site["website_name"]),
        ).rc
        == 0
        for version in ("tls1", "tls1_1", "tls1_2", "tls1_3")
    }
    assert works == {"tls1": False, "tls1_1": False, "tls1_2": True, "tls1_3": True}


@pytest.mark.control("nginx-version")
def test_no_version_in_answers(host: Host, site: Mapping[str, Any]) -> None:
    """A version number picks the exploit for the attacker; error pages tell it too."""
    assert re.search(r"^server: nginx\r?$", headers(host, site), re.MULTILINE)
    assert "nginx/" not in host.run("curl -s http://127.0.0.1/%%zz").stdout


@pytest.mark.control("nginx-headers")
def test_security_headers(host: Host, site: Mapping[str, Any]) -> None:
    """Asked on a page, and on an error page: a location of the site with headers of its own would lose ours."""
    for path in ("/", f"/{secrets.token_hex(6)}.png"):
        answer = headers(host, site, path)
        assert answer.count("x-content-type-options: nosniff") == 1
        assert answer.count("x-frame-options:") == 1
        assert answer.count("referrer-policy:") == 1
    if has_tls(host) and site.get("web_hardening_hsts_seconds", 1) > 0:
        assert "strict-transport-security: max-age=" in headers(host, site, "/", "https")


@pytest.mark.control("nginx-limits")
def test_request_limits(host: Host) -> None:
    """A handful of slow clients must not hold every worker."""
    effective = host.check_output("nginx -T 2>/dev/null")
    for line in ("client_header_timeout 15s;", "client_body_timeout 30s;", "limit_conn ungcuu_connections"):
        assert re.search(rf"^\s*{re.escape(line)}", effective, re.MULTILINE), line


@pytest.mark.control("nginx-login-rate")
def test_login_attempts_are_slowed(host: Host, site: Mapping[str, Any]) -> None:
    """Guessing runs at thousands a minute without it. A path without a page is asked for."""
    path = f"/wp-login.php/{secrets.token_hex(4)}"
    answers = host.check_output(
        "for i in $(seq 1 30); do curl -s -o /dev/null -w '%%{http_code} ' -X POST -H %s %s; done",
        f"Host: {site['website_name']}", f"http://127.0.0.1{path}",
    )  # fmt: skip
    assert "429" in answers
    assert status(host, site, "/") == 200


@pytest.mark.control("nginx-no-php-in-uploads")
def test_uploaded_code_is_not_run(host: Host, site: Mapping[str, Any]) -> None:
    """The commonest way in: code in a folder that PHP may write. A harmless page is put there and asked for."""
    for folder in site["website_writable_paths"]:
        for suffix in ("php", "phtml", "PHP", "php5"):
            name = f"ungcuu-{secrets.token_hex(8)}.{suffix}"
            path = f"{site['website_root']}/{folder}/{name}"
            try:
                host.check_output("printf %%s %s > %s && chmod 0644 %s", "<?php echo 6*7;", path, path)
                answer = host.check_output(
                    "curl -s -w '%%{http_code}' -H %s %s",
                    f"Host: {site['website_name']}",
                    f"http://127.0.0.1/{folder}/{name}",
                )
            finally:
                host.run("rm -f %s", path)
            assert answer[-3:] in ("403", "404"), suffix
            assert "42" not in answer[:-3]


@pytest.mark.control("nginx-hidden-files")
def test_hidden_and_leftover_files_are_not_served(host: Host, site: Mapping[str, Any]) -> None:
    """`.git`, `.env`, dumps and editor copies give away passwords; certificates' challenges must go on working."""
    for path in ("/.git/config", "/.env", "/wp-config.php.bak", "/backup.sql"):
        assert status(host, site, path) in (403, 404), path


@pytest.mark.control("nginx-no-listing")
def test_folders_are_not_listed(host: Host, site: Mapping[str, Any]) -> None:
    """A listing shows every upload to whoever asks."""
    for folder in site["website_writable_paths"]:
        body = host.check_output("curl -s -H %s %s", f"Host: {site['website_name']}", f"http://127.0.0.1/{folder}/")
        assert "Index of /" not in body
