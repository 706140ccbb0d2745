"""The website, asked on the host the way a visitor asks."""

from __future__ import annotations

import os
import shlex

NAME = os.environ.get("UNGCUU_WEBSITE_NAME", "portal.lab.test")
PROGRAM = (
    "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 80, timeout=15);"
    "c.request('GET', '/', headers={'Host': sys.argv[1]}); print(c.getresponse().status)"
)


def test_health_page_answers(host):
    """A score or a green run means nothing while the site is dead: the site's own answer comes first."""
    status = host.check_output(f"/usr/bin/python3 -I -c {shlex.quote(PROGRAM)} {shlex.quote(NAME)}")
    assert status in {"200", "301", "308"}, status  # a hardened site sends plain HTTP to HTTPS
