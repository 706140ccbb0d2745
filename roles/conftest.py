"""Fixtures of every ``roles/<role>/tests``: Molecule and ``ungcuu verify`` run the same files with them.

``host`` comes from testinfra: the host under test, as root. ``ungcuu verify HOST --role ROLE`` brings everything; by
hand, ``pytest roles/<role>/tests --hosts=ssh://web01 --ssh-config=FILE --sudo`` does.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import testinfra

if TYPE_CHECKING:
    from ungcuu.prepare.visitor import Visitor


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker that ties a test to its control."""
    config.addinivalue_line("markers", "control(id): the control of roles/controls/catalogue.yml that this test proves")


@pytest.fixture(autouse=True)
def _only_enforced_controls(request: pytest.FixtureRequest, site_facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Skip the test of a control that the site does not enforce; the audit looks at those too (UNGCUU_AUDIT)."""
    mark = request.node.get_closest_marker("control")
    if mark is None:
        return
    from ungcuu.prepare import controls

    known = controls.load(Path(__file__).parent)
    variables = site_facts[request.getfixturevalue("host").backend.get_hostname()]
    state = controls.wanted(known, variables)[mark.args[0]]
    if state == "off" or (state == "audit" and not os.environ.get("UNGCUU_AUDIT")):
        pytest.skip(f"the site has set the control {mark.args[0]} to {state}")
    scope = next(control.scope for control in known if control.id == mark.args[0])
    if scope in ("pool", "unit"):
        _skip_what_is_shared(request.getfixturevalue("whose"), scope, mark.args[0])


def _skip_what_is_shared(whose: Mapping[str, Any], scope: str, control: str) -> None:
    """Skip the test of a control that harden does not set, since it would change another website."""
    for name, others in whose[f"shared_{scope}s"].items():
        if scope == "pool" or name.startswith(control.removeprefix("sandbox-")):
            pytest.skip(f"not applicable: {name} also runs {', '.join(others)}")


_SURVEYED: dict[str, Mapping[str, Any]] = {}


@pytest.fixture
def whose(host: testinfra.host.Host, site: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of PHP on the host is the website's alone, and what it shares (ungcuu.prepare.web_sites); asked once."""
    from ungcuu.plugins.on_host import parse_reply, program_text
    from ungcuu.prepare import web_sites

    name = host.backend.get_hostname()
    if name not in _SURVEYED:
        root = str(site.get("website_root", ""))
        program = base64.b64encode(program_text("survey", {"root": root}).encode()).decode()
        reply = parse_reply(host.check_output("printf %%s %s | base64 -d | /usr/bin/python3 -I -S -B -", program))
        sites = web_sites.checked(reply.get("sites"))
        of_apache = "modphp" in reply.get("has", [])
        _SURVEYED[name] = web_sites.whose(sites, str(site.get("website_name", "")), str(reply["root"]), of_apache)
    return _SURVEYED[name]


@pytest.fixture(scope="session")
def site_facts() -> Mapping[str, Mapping[str, Any]]:
    """Every host's resolved inventory variables, by host. The tests have no second copy of a site's facts."""
    if file := os.environ.get("UNGCUU_SITE_FACTS"):
        return json.loads(Path(file).read_text("utf-8"))
    from ungcuu.core.settings import Settings
    from ungcuu.hosts.site import Site

    return Site.load(Settings.from_environment()).hosts


@pytest.fixture
def site(host: testinfra.host.Host, site_facts: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The resolved inventory variables of the host under test."""
    from ungcuu.prepare.site_facts import SiteFacts

    return SiteFacts(site_facts[host.backend.get_hostname()])


@pytest.fixture(scope="module")
def visitor(host: testinfra.host.Host, site_facts: Mapping[str, Mapping[str, Any]]) -> Visitor:
    """Asks the website on the host, as its visitors do; no curl is needed there."""
    from ungcuu.prepare.site_facts import SiteFacts
    from ungcuu.prepare.visitor import Visitor

    return Visitor(host, SiteFacts(site_facts[host.backend.get_hostname()]))


@pytest.fixture(scope="session")
def neighbour() -> Callable[[str], testinfra.host.Host]:
    """Another host of the site by its name, as root: ``neighbour("intruder01")`` looks from outside."""
    config = os.environ.get("UNGCUU_SSH_CONFIG", "")

    def connect(name: str) -> testinfra.host.Host:
        return testinfra.get_host(f"ssh://{name}?ssh_config={config}&controlpersist=0&sudo=true")

    return connect
