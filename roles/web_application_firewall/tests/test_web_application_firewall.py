"""Attacks are sent to the running server; what it answers, and what it writes down, is looked at."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from ungcuu.prepare.visitor import Visitor

_ATTACKS = {
    "SQL injection": "/?q=1%27%20UNION%20SELECT%20user,password%20FROM%20mysql.user--%20",
    "cross-site scripting": "/?q=%3Cscript%3Ealert(document.cookie)%3C/script%3E",
    "path traversal": "/?file=../../../../../../etc/passwd&q=",
    "command injection": "/?q=;cat%20/etc/shadow;%20",
}
_LOGS = {"nginx": "/var/log/nginx", "apache2": "/var/log/apache2"}


def check_attacks(host: Host, site: Mapping[str, Any], visitor: Visitor, server: str) -> None:
    """Detecting, they are in the log; blocking, they are refused; honest visitors get their page either way."""
    logs = _LOGS[server]
    tokens = {attack: secrets.token_hex(8) for attack in _ATTACKS}
    answers = visitor.get_all([path + tokens[attack] for attack, path in _ATTACKS.items()])
    for (attack, token), answer in zip(tokens.items(), answers, strict=True):
        status = answer.status
        noticed = host.run("grep -q %s %s/error.log %s/modsecurity.log", token, logs, logs).rc == 0
        blocking = site.get("web_application_firewall_mode", "detect") == "block"
        assert noticed, attack
        assert (status == 403) is blocking, f"{attack}: {status}"
    seen = visitor.page()
    assert seen["passed"], seen


@pytest.mark.control("waf")
def test_an_attack_is_noticed(host: Host, site: Mapping[str, Any], visitor: Visitor) -> None:
    """What a robot sends to every site, on the running nginx."""
    if not host.file("/usr/sbin/nginx").exists:
        pytest.skip("no nginx on this host")
    check_attacks(host, site, visitor, "nginx")


@pytest.mark.control("apache-waf")
def test_apache_notices_an_attack(host: Host, site: Mapping[str, Any], visitor: Visitor) -> None:
    """What a robot sends to every site, on the running Apache."""
    if not host.file("/usr/sbin/apache2ctl").exists:
        pytest.skip("no Apache on this host")
    check_attacks(host, site, visitor, "apache2")
