"""`ungcuu-vault ACTION SITE`: the answer is one line of JSON, with its `outcome`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tarfile
from collections.abc import Callable
from typing import Any

from ungcuu_vault import commandline, keep, known, points, restore, review, sweep, take
from ungcuu_vault.common import ODD_ANSWER, VaultError, printable
from ungcuu_vault.site import Site

_ACTIONS: dict[str, Callable[[Site, argparse.Namespace], dict[str, Any]]] = {
    "backup": take.backup,
    "run": take.run,
    "prepare": take.prepare,
    "probe": take.probe,
    "points": points.list_points,
    "choose": points.choose,
    "judge": points.look,
    "know": known.know,
    "accept": review.accept,
    "stage": restore.stage,
    "check": keep.check,
    "tidy": keep.tidy,
    "disown": keep.disown,
    "proven": points.proven,
    "hashes": points.hashes,
    "seen": review.seen,
    "packages": points.packages,
    "sweep": sweep.sweep,
}


def main() -> int:
    """0: done; 2: not done; 4: unknown (the host was lost on the way)."""
    os.umask(0o077)
    os.environ.update({"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/var/lib/ungcuu-vault"})
    arguments = commandline.parser().parse_args()
    try:
        answer = {"outcome": "DONE"} | _ACTIONS[arguments.action](Site.load(arguments.site), arguments)
        code = 0
    except VaultError as error:
        answer = {"outcome": error.outcome, "reason": error.reason, "state": error.state}
        code = 4 if error.outcome == "UNKNOWN" else 2
    except (OSError, tarfile.TarError, *ODD_ANSWER) as error:
        words = printable(f"{type(error).__name__}: {error}")
        answer = {"outcome": "NOT DONE", "reason": words, "state": "earlier restore points are whole"}
        code = 2
    print(json.dumps(answer))
    return code


if __name__ == "__main__":
    sys.exit(main())
