"""What the probes must leave behind: a working website, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from ungcuu.prepare.visitor import Visitor


def test_the_website_shows_its_home_page(visitor: Visitor) -> None:
    """A hardened host whose website is dead is no success."""
    seen = visitor.page()
    assert seen["passed"], seen


def test_no_probe_account_is_left(host: Host, site: Mapping[str, Any]) -> None:
    """An account that nobody watches is a door."""
    if site.get("website_application") != "wordpress" or site.get("website_database_engine") != "mariadb":
        pytest.skip("the probe makes accounts on WordPress only")
    tables = host.check_output(
        "mariadb -Nse %s",
        "SELECT TABLE_NAME FROM information_schema.tables WHERE TABLE_SCHEMA = "  # noqa: S608  (inventory values)
        f"'{site['website_database_name']}' AND TABLE_NAME LIKE '%\\_users'",
    )
    for table in tables.split():
        ask = f"SELECT COUNT(*) FROM `{table}` WHERE user_login LIKE 'ungcuu-probe-%'"  # noqa: S608  (its own names)
        assert host.check_output("mariadb %s -Nse %s", str(site["website_database_name"]), ask) == "0"
