"""The website, asked on the host the way a visitor asks."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

PROBE = Path(__file__).parents[1] / "files" / "page.py"


def test_health_page_answers(host, site):
    """A score or a green run means nothing while the site is dead: the site's own answer comes first."""
    if "website_name" not in site:
        pytest.skip("this host has no website")
    question = {
        "do": "wait",
        "name": site["website_name"],
        "address": "127.0.0.1",
        "scheme": site.get("website_health_scheme", ""),
        "port": site.get("website_health_port", 0),
        "ports": site.get("website_ports", []),
        "path": site.get("website_health_path", "/"),
        "text": site.get("website_health_text", ""),
        "tries": 3,
        "pause": 2,
        "timeout": 15,
    }
    program, words = shlex.quote(PROBE.read_text("utf-8")), shlex.quote(json.dumps(question))
    answer = json.loads(host.check_output(f"/usr/bin/python3 -I -c {program} {words}"))
    assert answer["passed"], answer
