"""Where a visitor comes in: a door of the machine at which another website answers is none of this one."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from ungcuu.prepare.visitor import Visitor

SITE = {"website_name": "gia.lab.test", "website_health_path": "/", "website_health_text": "giá"}


def visitor(status: int = 200, **healthy: bool) -> Visitor:
    """A visitor of a machine that answers on both ports; ``healthy``: over which scheme with this website's page.

    ``status``: of the other answers.
    """

    def page(order: Mapping[str, Any]) -> dict[str, Any]:
        if order["do"] == "doors":
            return {"doors": [["http", 80], ["https", 443]]}
        scheme = order.get("scheme", "http")
        passed, port = healthy[scheme], 443 if scheme == "https" else 80
        return {"scheme": scheme, "port": port, "passed": passed, "status": 200 if passed else status}

    return Visitor(SimpleNamespace(backend=SimpleNamespace(page=page)), SITE)


@pytest.mark.parametrize(
    ("http", "https", "port"),
    [
        (True, True, 443),
        (True, False, 0),  # seen failing: security.txt and certificate of the neighbour were judged as this website's
        (False, False, 443),  # a website that is down has the ports that answer
    ],
)
def test_a_port_at_which_another_website_answers_is_not_its_own(http: bool, https: bool, port: int) -> None:
    assert visitor(http=http, https=https).port("https") == port


@pytest.mark.parametrize("status", [502, 403, 301, 0])
def test_a_port_that_is_broken_is_still_the_websites(status: int) -> None:
    """Seen failing: its own TLS answered 502, was taken for a neighbour's, and every test of TLS was skipped."""
    assert visitor(status, http=True, https=False).port("https") == 443
