"""Read one request (a line of JSON on standard input, or two words), do it, answer in lines of JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from ungcuu_site import accounts, check, rotate, save, stage, swap, update, usage
from ungcuu_site.common import RefusedError, say

_LONGEST_REQUEST = 256 * 1024
_FROM_VAULT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "probe": save.probe,
    "save": save.save,
    "stage": stage.stage,
}
_FROM_OPERATOR = _FROM_VAULT | {
    "check": check.check,
    "swap": swap.swap,
    "undo": swap.undo,
    "state": swap.state,
    "drop": stage.drop,
    "prove": swap.prove,
    "update_prepare": update.prepare,
    "update": update.update,
    "update_undo": update.undo,
    "update_keep": update.keep,
    "updates": update.standing,
    "rotate": rotate.rotate,
    "administrators": rotate.administrators,
    "accounts": accounts.listed,
    "rotate_accounts": accounts.rotate,
}


def _request(words: list[str]) -> dict[str, Any]:
    """From `ungcuu-site swap ID` (so that a unit can start it), else from standard input."""
    if words and words != ["vault"]:
        return {"do": words[0], "restore": words[1] if words[1:] else ""}
    document = json.loads(sys.stdin.buffer.readline(_LONGEST_REQUEST))
    if not isinstance(document, dict):
        raise RefusedError("a request is one JSON object")
    return document


def main() -> int:
    """0: done; 3: refused or failed, the last line says why and what state the host is in."""
    os.umask(0o077)
    os.environ.update({"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    if set(sys.argv[1:]) & set(usage.ASKED):
        print(usage.text(sys.argv[1:]))
        return 0
    known = _FROM_VAULT if sys.argv[1:] == ["vault"] else _FROM_OPERATOR
    try:
        request = _request(sys.argv[1:])
        action = known.get(str(request.get("do")))
        if action is None:
            raise RefusedError(f"this account may not ask for {request.get('do')!r}", "nothing was done")
        answer = action(request)
    except RefusedError as refusal:
        say("failed", reason=refusal.reason, state=refusal.state)
        return 3
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        say(
            "failed",
            reason=f"{type(error).__name__}: {error}",
            state="see `ungcuu-site state`; nothing live was deleted",
        )
        return 3
    say("done", **answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
