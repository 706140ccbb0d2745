"""A file that only its passphrase opens. Encryption is that of ``cryptography``: scrypt and AES-256-GCM.

The form, so that it can be opened without ungcuu: a first line that names it; a second line, a JSON document with the
parameters and the SHA-256 of what follows; then the ciphertext with its tag. The lines are authenticated with it, all
but the sum: that is no protection, by it a damaged file and a wrong passphrase are known apart.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any

from ungcuu.core.errors import Refused, UsageFault
from ungcuu.core.i18n import _

FIRST_LINE = b"ungcuu kit 1\n"
SHORTEST = 14  # characters of a passphrase; the file may fall into anybody's hands
_COST = {"n": 1 << 17, "r": 8, "p": 1}  # 128 MiB and half a second for each guess
_DEAREST = {"n": 1 << 20, "r": 16, "p": 4}  # what a file may demand of this machine


def seal(content: bytes, passphrase: str) -> bytes:
    """Return the sealed file.

    Raises:
        UsageFault: The passphrase is too short.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(passphrase) < SHORTEST:
        raise UsageFault(
            _("The passphrase is shorter than {count} characters.").format(count=SHORTEST),
            _("Nothing was written."),
            _("Choose five or more words at random, and keep them apart from the kit."),
        )
    salt, nonce = os.urandom(16), os.urandom(12)
    fixed = {**_COST, "salt": _text(salt), "nonce": _text(nonce)}
    cipher = AESGCM(_key(passphrase, salt, _COST)).encrypt(nonce, content, FIRST_LINE + _line(fixed))
    return FIRST_LINE + _line({**fixed, "sha256": hashlib.sha256(cipher).hexdigest()}) + cipher


def unseal(sealed: bytes, passphrase: str, name: str) -> bytes:
    """Return what was sealed.

    Raises:
        Refused: It is no kit, it is damaged, or the passphrase is not the right one; ``name`` is what people call it.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    parameters, cipher = _parts(sealed, name)
    fixed = {key: parameters[key] for key in (*_COST, "salt", "nonce")}
    salt, nonce = base64.b64decode(fixed["salt"]), base64.b64decode(fixed["nonce"])
    try:
        return AESGCM(_key(passphrase, salt, fixed)).decrypt(nonce, cipher, FIRST_LINE + _line(fixed))
    except InvalidTag:
        raise Refused(
            _("The passphrase does not open {file}, or somebody changed the file on purpose.").format(file=name),
            _("Nothing was unpacked."),
            _("Type the passphrase again; compare the file's SHA-256 with the one on the printed sheet."),
        ) from None


def _parts(sealed: bytes, name: str) -> tuple[dict[str, Any], bytes]:
    """The parameters and the ciphertext; refuses what is no kit, and what is damaged."""
    head, _separator, rest = sealed.removeprefix(FIRST_LINE).partition(b"\n")
    parameters = _parameters(head) if sealed.startswith(FIRST_LINE) else None
    if parameters is None:
        raise Refused(
            _("{file} is no controller-loss kit, or its beginning is damaged.").format(file=name),
            _("Nothing was unpacked."),
            _("Name the file that ungcuu kit make wrote, or take another copy of it."),
        )
    if hashlib.sha256(rest).hexdigest() != parameters.get("sha256"):
        raise Refused(
            _("{file} is damaged: it was cut short, or bytes of it were changed.").format(file=name),
            _("Nothing was unpacked."),
            _("Take another copy of the kit."),
        )
    return parameters, rest


def _parameters(head: bytes) -> dict[str, Any] | None:
    """The parameters of a second line; None where it is none, or demands too much of this machine."""
    try:
        found = json.loads(head[:1024])
        costs = {key: found[key] for key in _COST}
        fit = all(type(value) is int and 1 <= value <= _DEAREST[key] for key, value in costs.items())
        lengths = [len(base64.b64decode(found[key], validate=True)) for key in ("salt", "nonce")]
    except (ValueError, KeyError, TypeError):
        return None
    return found if fit and costs["n"].bit_count() == 1 < costs["n"] and lengths == [16, 12] else None


def _key(passphrase: str, salt: bytes, cost: dict[str, Any]) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=32, n=cost["n"], r=cost["r"], p=cost["p"]).derive(passphrase.encode())


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode() + b"\n"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
