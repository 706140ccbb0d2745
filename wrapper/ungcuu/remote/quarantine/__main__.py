"""Do the actions that were asked for, one answer each."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

from ungcuu.remote.config import CONFIG
from ungcuu.remote.quarantine.basis import Action, Answer, RefusedError
from ungcuu.remote.quarantine.give_back import put_back
from ungcuu.remote.quarantine.take_files import move, remove_lines, set_mode
from ungcuu.remote.quarantine.take_system import kill, lock_account, remove_member, stop_unit

DO: dict[str, Callable[[Action], Answer]] = {
    "move": move,
    "remove_lines": remove_lines,
    "stop_unit": stop_unit,
    "lock_account": lock_account,
    "remove_member": remove_member,
    "set_mode": set_mode,
    "kill": kill,
}


def perform(action: Action) -> Answer:
    """Do one action; whatever goes wrong with it must not keep the others from being done."""
    try:
        return put_back(action) if CONFIG.get("put_back") else DO[action["do"]](action)
    except FileNotFoundError:
        return {"outcome": "gone"}
    except RefusedError as error:
        return {"outcome": "refused", "why": str(error)[:300]}
    except Exception as error:
        return {"outcome": "failed", "why": f"{type(error).__name__}: {error}"[:300]}


def main() -> None:
    """Perform the actions in their order."""
    os.umask(0o077)
    for action in CONFIG.get("actions", []):
        sys.stdout.write(json.dumps({"id": action["id"], **perform(action)}) + "\n")
        sys.stdout.flush()
    sys.stdout.write(json.dumps({"end": True}) + "\n")
