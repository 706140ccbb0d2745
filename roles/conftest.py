"""Fixtures of every ``roles/<role>/tests``: Molecule and ``ungcuu verify`` run the same files with them.

``host`` comes from testinfra: the host under test, as root. ``ungcuu verify HOST --role ROLE`` brings everything; by
hand, ``pytest roles/<role>/tests --hosts=ssh://web01 --ssh-config=FILE --sudo`` does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import testinfra


@pytest.fixture(scope="session")
def site_facts() -> Mapping[str, Mapping[str, Any]]:
    """Every host's resolved inventory variables, by host. The tests have no second copy of a site's facts."""
    if file := os.environ.get("UNGCUU_SITE_FACTS"):
        return json.loads(Path(file).read_text("utf-8"))
    from ungcuu.settings import Settings
    from ungcuu.site import Site

    return Site.load(Settings.from_environment()).hosts


@pytest.fixture
def site(host: testinfra.host.Host, site_facts: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The resolved inventory variables of the host under test."""
    return site_facts[host.backend.get_hostname()]


@pytest.fixture(scope="session")
def neighbour() -> Callable[[str], testinfra.host.Host]:
    """Another host of the site by its name, as root: ``neighbour("intruder01")`` looks from outside."""
    config = os.environ.get("UNGCUU_SSH_CONFIG", "")

    def connect(name: str) -> testinfra.host.Host:
        return testinfra.get_host(f"ssh://{name}?ssh_config={config}&controlpersist=0&sudo=true")

    return connect
