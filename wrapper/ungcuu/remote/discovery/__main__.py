"""Answer one of two questions, as one JSON document: what serves here, or what some websites are made of."""

from __future__ import annotations

import json

from ungcuu.remote.bounded import LEFT_OUT, stop_after
from ungcuu.remote.config import CONFIG
from ungcuu.remote.discovery.servers import servers
from ungcuu.remote.discovery.sites import sites


def main() -> None:
    """Print the document; what could not be looked at stands in it."""
    stop_after(30)
    found = sites(CONFIG["ask"]) if "ask" in CONFIG else servers()
    print(json.dumps({**found, "left_out": LEFT_OUT}))
