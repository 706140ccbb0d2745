"""One record of a journal: how it is written in a line, sealed with hash and signature, and read again.

The form of a line stands in :mod:`ungcuu.journal`, whose protocol this carries out; nothing here touches a journal.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ungcuu.errors import JournalError, Tampered
from ungcuu.files import make_private, put, write_beside
from ungcuu.i18n import _

KEY = "journal_ed25519"

_TRAILER = re.compile(rb',"hash":"([0-9a-f]{64})","sig":"([A-Za-z0-9+/]{86}==)"\}\n\Z')
_BODY_KEYS = {"data", "kind", "prev", "seq", "time"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")


@dataclass(frozen=True)
class Record:
    """One line of a journal. ``time`` is UTC, ISO 8601 with milliseconds; ``hash`` is hexadecimal, ``sig`` base64."""

    seq: int
    time: str
    prev: str
    kind: str
    data: Mapping[str, Any]
    hash: str
    sig: str

    @property
    def moment(self) -> datetime:
        """``time`` as an aware datetime."""
        return parse_time(self.time)


def now() -> str:
    """The present in the form that records carry."""
    return format_time(datetime.now(UTC))


def format_time(moment: datetime) -> str:
    """An aware datetime as UTC, ISO 8601, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Inverse of :func:`format_time`.

    Raises:
        ValueError: not such a time.
    """
    if not _TIME.match(text):
        raise ValueError(text)
    return datetime.fromisoformat(text)


def canonical(value: Mapping[str, Any]) -> bytes:
    """Canonical JSON: ASCII, sorted keys, no spaces, no NaN. Control bytes, bidi and DEL stand as ``\\uXXXX``.

    Raises:
        JournalError: the value can't be written as JSON.
    """
    try:
        text = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise JournalError(_("A record can't be written as JSON: {error}").format(error=repr(error))) from error
    return text.replace("\x7f", "\\u007f").encode("ascii")


def genesis(case: str) -> str:
    """``prev`` of a journal's first record: it binds the chain to the case's name."""
    return hashlib.sha256(f"ungcuu journal v1\n{case}\n".encode()).hexdigest()


def seal(body: Mapping[str, Any], key: Ed25519PrivateKey) -> tuple[bytes, Record]:
    """Return the line of a body, sealed, and the record as a reader will see it."""
    text = canonical(body)
    digest = hashlib.sha256(text).hexdigest()
    sig = base64.b64encode(key.sign(digest.encode())).decode()
    line = text[:-1] + f',"hash":"{digest}","sig":"{sig}"}}\n'.encode()
    parsed = json.loads(text)  # what a reader will see, not what the caller may change later
    return line, Record(**parsed, hash=digest, sig=sig)


def unseal(line: bytes, key: Ed25519PublicKey | None) -> tuple[Record | None, str]:
    """Read one line; without a key the signature is not looked at. Returns the record, or None and what is wrong."""
    trailer = _TRAILER.search(line)
    if trailer is None:
        return None, _("it is not a record")
    text, digest, sig = line[: trailer.start()] + b"}", trailer[1].decode(), trailer[2].decode()
    if hashlib.sha256(text).hexdigest() != digest:
        return None, _("its hash does not match its content")
    if key is not None and not signed(digest.encode(), sig, key):
        return None, _("its signature is wrong")
    try:
        body = json.loads(text)
        fits = isinstance(body, dict) and _well_formed(body) and canonical(body) == text
    except (ValueError, RecursionError, JournalError):
        fits = False
    return (Record(**body, hash=digest, sig=sig), "") if fits else (None, _("it is not a record"))


def _well_formed(body: Mapping[str, Any]) -> bool:
    return (
        set(body) == _BODY_KEYS
        and type(body["seq"]) is int
        and isinstance(body["data"], dict)
        and all(isinstance(body[name], str) for name in ("kind", "prev", "time"))
        and bool(_TIME.match(body["time"]))
    )


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


# --- keys ---------------------------------------------------------------------------------------------------------


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
