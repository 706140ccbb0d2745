"""An attack is sent to the running server; what it answers, and what it writes down, is looked at."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host


@pytest.mark.control("waf")
def test_an_attack_is_noticed(host: Host, site: Mapping[str, Any]) -> None:
    """Detecting, it is in the log; blocking, it is refused; honest visitors get their page either way."""
    if not host.file("/usr/sbin/nginx").exists:
        pytest.skip("no nginx on this host")
    token = secrets.token_hex(8)
    ask = "curl -s -o /dev/null -w '%%{http_code}' -H %s %s"
    name = f"Host: {site['website_name']}"
    attack = f"http://127.0.0.1/?q=1%27%20UNION%20SELECT%20user,password%20FROM%20mysql.user--%20{token}"
    status = host.check_output(ask, name, attack)
    noticed = host.run("grep -q %s /var/log/nginx/error.log /var/log/nginx/modsecurity.log", token).rc == 0
    if site.get("web_application_firewall_mode", "detect") == "block":
        assert status == "403"
    assert noticed
    assert host.check_output(ask, name, "http://127.0.0.1/") == "200"
