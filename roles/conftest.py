"""Fixtures of every ``roles/<role>/tests``: Molecule and ``ungcuu verify`` run the same files with them.

``host`` comes from testinfra: the host under test, as root. ``ungcuu verify HOST --role ROLE`` brings everything; by
hand, ``pytest roles/<role>/tests --hosts=ssh://web01 --ssh-config=FILE --sudo`` does, each question over a session of
its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import testinfra

if TYPE_CHECKING:
    from ungcuu.prepare.visitor import Visitor

ROLES = Path(__file__).parent
# By host, for the whole run: whose slow commands were begun, what of PHP is shared, which servers are off, who visits.
_BEGUN: set[str] = set()
_SURVEYED: dict[str, Mapping[str, Any]] = {}
_IDLE: dict[str, set[str]] = {}
_VISITORS: dict[str, Visitor] = {}


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers of the roles' tests."""
    config.addinivalue_line("markers", "control(id): the control of roles/controls/catalogue.yml that this test proves")
    config.addinivalue_line("markers", "ahead(command): is slow, and no other test changes its answer: asked early")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Come last to the tests whose answers take long."""
    items.sort(key=lambda item: item.get_closest_marker("ahead") is not None)


@pytest.fixture(scope="module", autouse=True)
def _slow_commands_first(
    request: pytest.FixtureRequest, host: testinfra.host.Host, site_facts: Mapping[str, Mapping[str, Any]]
) -> None:
    """Let the host begin with its slow commands (marker ``ahead``) before the first test, of tests that will run."""
    ahead, name = getattr(host.backend, "ahead", None), host.backend.get_hostname()
    if ahead is None or name in _BEGUN:
        return
    _BEGUN.add(name)
    wanted = [item for item in request.session.items if not _not_wanted(item, site_facts[name])]
    ahead(mark.args[0] for item in wanted for mark in item.iter_markers("ahead"))


def _not_wanted(item: pytest.Item, variables: Mapping[str, Any]) -> str:
    """Why the test's control is not looked at: the site does not enforce it. The audit looks at those too."""
    from ungcuu.prepare import controls

    mark = item.get_closest_marker("control")
    state = controls.wanted(controls.load(ROLES), variables)[mark.args[0]] if mark else "enforce"
    if state == "off" or (state == "audit" and not os.environ.get("UNGCUU_AUDIT")):
        return f"the site has set the control {mark.args[0]} to {state}"
    return ""


@pytest.fixture(autouse=True)
def _only_enforced_controls(request: pytest.FixtureRequest, site_facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Skip the test of a control that the site does not enforce, or that harden does not set here."""
    mark = request.node.get_closest_marker("control")
    if mark is None:
        return
    from ungcuu.prepare import controls

    if why_not := _not_wanted(request.node, site_facts[request.getfixturevalue("host").backend.get_hostname()]):
        pytest.skip(why_not)
    control = next(control for control in controls.load(ROLES) if control.id == mark.args[0])
    if control.needs and (idle := set(control.needs) & _switched_off(request.getfixturevalue("host"))):
        pytest.skip(f"not applicable: {', '.join(sorted(idle))} is not installed, or switched off")
    scope = control.scope
    if scope in ("pool", "unit"):
        _skip_what_is_shared(request.getfixturevalue("whose"), scope, mark.args[0])


_UNITS = {"nginx": "nginx", "apache2": "apache", "mariadb": "mariadb"}


def _switched_off(host: testinfra.host.Host) -> set[str]:
    """Servers that neither run nor start with the host: harden sets nothing of them (ungcuu.remote.survey)."""
    name = host.backend.get_hostname()
    if name not in _IDLE:
        asked = "echo $unit $(systemctl is-active $unit) $(systemctl is-enabled $unit 2>/dev/null)"
        rows = host.run(f"for unit in {' '.join(_UNITS)}; do {asked}; done").stdout.splitlines()
        states = [row.split() for row in rows]
        off = {
            row[0] for row in states if row[1:2] in (["inactive"], ["failed"]) and "enabled" not in " ".join(row[2:])
        }
        _IDLE[name] = {server for unit, server in _UNITS.items() if unit in off}
    return _IDLE[name]


def _skip_what_is_shared(whose: Mapping[str, Any], scope: str, control: str) -> None:
    """Skip the test of a control that harden does not set, since it would change another website."""
    for name, others in whose[f"shared_{scope}s"].items():
        if scope == "pool" or name.startswith(control.removeprefix("sandbox-")):
            pytest.skip(f"not applicable: {name} also runs {', '.join(others)}")


@pytest.fixture
def whose(host: testinfra.host.Host, site: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of PHP on the host is the website's alone, and what it shares (ungcuu.prepare.web_sites); asked once."""
    from ungcuu.prepare import web_sites
    from ungcuu.prepare.one_session import answer_of

    name = host.backend.get_hostname()
    if name not in _SURVEYED:
        root = str(site.get("website_root", ""))
        reply = answer_of(host, "survey", {"root": root})
        sites = web_sites.checked(reply.get("sites"))
        of_apache = "modphp" in reply.get("has", [])
        listed = [(one["website_name"], one["website_root"]) for one in site.get("websites") or []]
        known = str(site.get("website_name", "")), str(reply["root"])
        _SURVEYED[name] = web_sites.whose(sites, *known, of_apache, listed)
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

    name = host.backend.get_hostname()
    if name not in _VISITORS:
        _VISITORS[name] = Visitor(host, SiteFacts(site_facts[name]))
    return _VISITORS[name]
