"""Where a visitor comes in: a door of the machine at which another website answers is none of this one."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from ungcuu.prepare.visitor import Visitor

SITE = {"website_name": "gia.lab.test", "website_health_path": "/", "website_health_text": "giá"}


def visitor(**healthy: bool) -> Visitor:
    """A visitor of a machine that answers on both ports; ``healthy``: over which scheme with this website's page."""

    def page(order: Mapping[str, Any]) -> dict[str, Any]:
        if order["do"] == "doors":
            return {"doors": [["http", 80], ["https", 443]]}
        scheme = order.get("scheme", "http")
        return {"scheme": scheme, "port": 443 if scheme == "https" else 80, "passed": healthy[scheme], "status": 200}

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
