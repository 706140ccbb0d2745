"""Answers what the roles' tests ask of a host, over the standard input and output of one session.

Each order is one JSON line with a ``number`` and what is asked, each answer one with the same number:

- ``command``: run by ``/bin/sh``, as over a session of its own, its output in base64.
- ``page``: an order of :mod:`ungcuu.remote.page`, carried out here, without starting another Python.

Orders are carried out one after the other, but for those marked ``ahead``, which run beside the others.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ungcuu.remote import page

BESIDE = 2  # a small host must go on serving its website meanwhile

_writing = threading.Lock()


def answer(order: dict[str, Any]) -> dict[str, Any]:
    """What one order gives."""
    if "page" in order:
        return {"page": page.main(order["page"])}
    command = ["/bin/sh", "-c", order["command"].encode()]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    out, err = (base64.b64encode(text).decode("ascii") for text in (done.stdout, done.stderr))
    return {"code": done.returncode, "out": out, "err": err}


def say(document: dict[str, Any]) -> None:
    """Write one line, whole."""
    with _writing:
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()


def serve(order: dict[str, Any]) -> None:
    """Carry out one order; an error is an answer too, so that nobody waits for one in vain."""
    try:
        say({"number": order["number"], **answer(order)})
    except Exception as error:  # whatever it is, the side that asks must hear of it
        say({"number": order["number"], "error": repr(error)})


def main() -> int:
    """Answer until the other side hangs up."""
    say({"ready": True})
    with ThreadPoolExecutor(max_workers=BESIDE) as pool:
        for line in sys.stdin.buffer:
            order = json.loads(line)
            if order.get("ahead"):
                pool.submit(serve, order)
            else:
                serve(order)
    return 0
