"""Make new secrets, store them, set them on the host; none of them is in a result, an argument or a log.

1. The store is written before the host is touched: a secret that is in use and nowhere else would lock the owner out.
2. The store is what ansible-vault reads; its password file is made once, mode 0600.
3. The host gets the secrets on the standard input of its own program, which answers with proofs only.
"""

from __future__ import annotations

import json
import secrets
import string
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins.action import ActionBase

from ungcuu.files import make_private, put

_PROGRAM = "/usr/local/sbin/ungcuu-site"
_KEYS = ("auth", "secure_auth", "logged_in", "nonce")
_LENGTH = 48
_MOST_BYTES = 64 * 1024


def new_secrets() -> dict[str, str]:
    """A database password and WordPress's eight keys and salts; letters and digits, so that nothing needs quoting."""
    names = ["database_password", *(f"{key}_{kind}" for key in _KEYS for kind in ("key", "salt"))]
    alphabet = string.ascii_letters + string.digits
    return {name: "".join(secrets.choice(alphabet) for _ in range(_LENGTH)) for name in names}


class Store:
    """An ansible-vault file: `current` is in use, `pending` may be."""

    def __init__(self, path: Path, password: Path) -> None:
        self._path, self._password = path, password

    def _vault(self) -> VaultLib:
        if not self._password.exists():
            self._password.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            put(self._password, secrets.token_urlsafe(32) + "\n")
        return VaultLib([("default", VaultSecret(self._password.read_bytes().strip()))])

    def read(self) -> dict[str, Any]:
        """What is stored; empty at first."""
        if not self._path.exists():
            return {}
        return dict(yaml.safe_load(self._vault().decrypt(self._path.read_bytes())) or {})

    def write(self, content: dict[str, Any]) -> None:
        """Replace the file in one step."""
        make_private(self._path.parent)
        put(self._path, self._vault().encrypt(yaml.safe_dump(content)).decode("ascii"))


class ActionModule(ActionBase):  # type: ignore[misc]
    """``rotate_credentials: {site: {...}, store: FILE, store_password: FILE}``."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Rotate; the result holds proofs and nothing secret."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.check_mode:
            return result | {"changed": True, "ungcuu": []}
        arguments = self._task.args
        store = Store(Path(arguments["store"]), Path(arguments["store_password"]))
        known, fresh = store.read(), new_secrets()
        store.write(known | {"pending": fresh, "pending_since": datetime.now(UTC).isoformat(timespec="seconds")})
        request = {"do": "rotate", "site": arguments["site"], "secrets": fresh}
        answer = self._ask((json.dumps(request) + "\n").encode())
        if answer.get("event") != "done":
            reason, state = str(answer.get("reason", "the host gave no answer")), str(answer.get("state", "unknown"))
            return result | {"failed": True, "msg": f"{reason}. State: {state}. The secrets tried are kept as pending"}
        store.write({"current": fresh, "since": datetime.now(UTC).isoformat(timespec="seconds")})
        proofs = [{"kind": "proof", "data": _proof(row)} for row in answer.get("proofs", [])]
        change = {"action": "rotate", "what": sorted(fresh), "passed": True}
        return result | {"changed": True, "ungcuu": [*proofs, {"kind": "change", "data": change}]}

    def _ask(self, request: bytes) -> dict[str, Any]:
        done = self._low_level_execute_command(_PROGRAM, in_data=request, sudoable=True)
        lines = str(done.get("stdout", ""))[-_MOST_BYTES:].strip().splitlines()
        try:
            document = json.loads(lines[-1]) if lines else {}
        except ValueError:
            document = {}
        return document if isinstance(document, dict) else {}


def _proof(row: Any) -> dict[str, Any]:
    known = row if isinstance(row, dict) else {}
    return {
        "name": str(known.get("name"))[:80],
        "side": "host",
        "passed": known.get("passed") is True,
        "detail": str(known.get("detail"))[:200],
    }
