"""What is signed, and with what: canonical JSON, this controller's Ed25519 key, signatures in their one spelling."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ungcuu.core.atomic import make_private, put, write_beside
from ungcuu.core.clock import format_time
from ungcuu.core.errors import JournalError, Tampered
from ungcuu.core.i18n import _

KEY = "journal_ed25519"


def canonical(value: Mapping[str, Any]) -> bytes:
    """Canonical JSON: ASCII, sorted keys, no spaces, no NaN. Control bytes, bidi and DEL stand as ``\\uXXXX``.

    Raises:
        JournalError: the value can't be written as JSON.
    """
    try:
        return canonical_of_parsed(_plain(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise JournalError(_("A record can't be written as JSON: {error}").format(error=repr(error))) from error


def canonical_of_parsed(value: object) -> bytes:
    """The same of a value that JSON was parsed to: nothing in it has to be made plain first.

    Raises:
        ValueError: it holds NaN or an infinity.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.replace("\x7f", "\\u007f").encode("ascii")


def signed(message: bytes, sig: object, key: Ed25519PublicKey) -> bool:
    """Whether ``sig`` is this key's signature over the message, base64 in its one spelling."""
    try:
        raw = base64.b64decode(sig, validate=True) if isinstance(sig, str) else b""
        if base64.b64encode(raw).decode() != sig:  # spare bits of the last character: one signature, one spelling
            return False
        key.verify(raw, message)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _plain(value: object) -> object:
    """Mappings and sequences of any make as plain JSON; keys must be text, times and paths are written as text."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("keys must be text")
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return format_time(value)
    return str(value) if isinstance(value, str | Path) else value


def signing_key(key_dir: Path) -> Ed25519PrivateKey:
    """Return the key that signs journals and baselines; make it on first use (mode 0600, public half beside it).

    Raises:
        JournalError: it can't be read or made.
    """
    path = key_dir / KEY
    try:
        if not path.exists():
            _make_key(path)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise JournalError(_("{path} is not an Ed25519 key").format(path=path))
        if not path.with_suffix(".pub").exists():
            put(path.with_suffix(".pub"), public_pem(key.public_key()), mode=0o644)
    except (OSError, ValueError) as error:
        raise JournalError(
            _("The key that signs the journal can't be used: {error}").format(error=error),
            _("Nothing was done: without a journal there is no run."),
            _("Free space on this machine or fix the state folder, then run the command again."),
        ) from error
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """Load the public key from its file or from the folder that holds it.

    Raises:
        Tampered: there is none, or it is of another kind.
    """
    try:
        file = path / f"{KEY}.pub" if path.is_dir() else path
        key = serialization.load_pem_public_key(file.read_bytes())
    except (OSError, ValueError) as error:
        raise Tampered(_("The public key of the journal can't be read: {error}").format(error=error)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise Tampered(_("{path} is not an Ed25519 key").format(path=path))
    return key


def public_pem(key: Ed25519PublicKey) -> bytes:
    """PEM of a public key, as ``openssl`` reads it."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 over the key's DER form: what people compare by telephone."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _make_key(path: Path) -> None:
    make_private(path.parent)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    spare = write_beside(path, pem, mode=0o600)
    try:
        with contextlib.suppress(FileExistsError):  # another process was first: its key is the key
            os.link(spare, path)
    finally:
        spare.unlink()
