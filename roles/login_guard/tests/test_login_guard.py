"""The running fail2ban is asked, and its filter is tried on lines as the server writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

_LINE = '203.0.113.9 - - [22/Nov/2026:20:00:00 +0700] "POST {} HTTP/1.1" {} 6141 "-" "x"'
# For each application: a wrong login as the server logs it, a right one, and an editor at work.
_LOGINS = {
    "wordpress": (("/wp-login.php", 200), ("/wp-login.php", 302), ("/wp-admin/post.php", 200)),
    "drupal": (("/user/login", 200), ("/user/login", 303), ("/node/1/edit", 200)),
    "joomla": (
        ("/administrator/index.php", 429),
        ("/administrator/index.php", 303),
        ("/administrator/index.php?x=1", 429),
    ),
    "mediawiki": (
        ("/index.php?title=Special:UserLogin", 200),
        ("/index.php?title=Special:UserLogin", 302),
        ("/index.php?title=Trang&action=submit", 200),
    ),
    "nukeviet": (("/admin/index.php", 429), ("/admin/index.php", 200), ("/admin/index.php?nv=news&op=content", 429)),
}


def banned_never(host: Host, jail: str, site: Mapping[str, Any]) -> list[str]:
    """Management addresses that the jail would ban."""
    said = host.check_output("fail2ban-client get %s ignoreip", jail)
    return [str(address) for address in site["management_addresses"] if str(address) not in said]


def ports(host: Host, jail: str) -> str:
    """What the jail's ban shuts. A port by its name needs /etc/services; without it nobody is banned."""
    return host.check_output("fail2ban-client get %s action nftables-multiport port", jail).strip()


@pytest.mark.control("login-guard-ssh")
def test_guessing_at_ssh_is_banned(host: Host, site: Mapping[str, Any]) -> None:
    """Robots guess for days; the management must never be locked out by it."""
    assert "Status for the jail: sshd" in host.check_output("fail2ban-client status sshd")
    assert banned_never(host, "sshd", site) == []
    assert ports(host, "sshd").replace(",", "").isdigit()


@pytest.mark.control("login-guard-site")
def test_guessing_at_the_site_is_banned(host: Host, site: Mapping[str, Any]) -> None:
    """A wrong login counts; a right one, and an editor's work, do not."""
    application = str(site.get("website_application", ""))
    if application == "dokuwiki" and not site.get("login_guard_failed"):
        pytest.skip("not applicable: DokuWiki's login can't be distinguished from its other requests")
    if not any(host.file(program).exists for program in ("/usr/sbin/nginx", "/usr/sbin/apache2")):
        pytest.skip("no web server on this host")
    assert "Status for the jail" in host.check_output("fail2ban-client status ungcuu-site-login")
    assert banned_never(host, "ungcuu-site-login", site) == []
    assert ports(host, "ungcuu-site-login") == ",".join(map(str, site.get("website_ports", [80, 443])))
    lines = [_LINE.format(path, status) for path, status in _LOGINS.get(application, _LOGINS["wordpress"])]
    name = "/etc/fail2ban/filter.d/ungcuu-site-login.conf"
    found = [host.run("fail2ban-regex %s %s", line, name).stdout for line in lines]
    assert ["1 matched" in text for text in found] == [True, False, False]
