"""Answer one of two questions, as one JSON document: what serves here, or what some websites are made of."""

from __future__ import annotations

import json

from ungcuu.remote.config import CONFIG
from ungcuu.remote.discovery.reading import LEFT_OUT
from ungcuu.remote.discovery.servers import servers
from ungcuu.remote.discovery.sites import sites


def main() -> None:
    """Print the document; what could not be looked at stands in it."""
    found = sites(CONFIG["ask"]) if "ask" in CONFIG else servers()
    print(json.dumps({**found, "left_out": LEFT_OUT}))
