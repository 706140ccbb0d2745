"""One record of a journal: how it is written in a line, sealed with hash and signature, and read again.

The form of a line stands in :mod:`ungcuu.case.journal`, whose protocol this carries out; nothing here touches a
journal.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ungcuu.core.clock import TIME_FORM, parse_time
from ungcuu.core.errors import JournalError
from ungcuu.core.i18n import _
from ungcuu.core.signing import canonical, canonical_of_parsed, signed

_TRAILER = re.compile(rb',"hash":"([0-9a-f]{64})","sig":"([A-Za-z0-9+/]{86}==)"\}\n\Z')
_BODY_KEYS = {"data", "kind", "prev", "seq", "time"}


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
        fits = isinstance(body, dict) and _well_formed(body) and canonical_of_parsed(body) == text
    except (ValueError, RecursionError, JournalError):
        fits = False
    return (Record(**body, hash=digest, sig=sig), "") if fits else (None, _("it is not a record"))


def marked(text: bytes, mark: bytes) -> Iterator[Record]:
    """Yield the records of a journal's text whose lines hold a mark; what is no record is left out.

    Years of runs must not make an overview slow: only these lines are read. Hashes and signatures are not checked.
    """
    at = text.find(mark)
    while at >= 0:
        start, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
        if end < 0:
            return
        record, _problem = unseal(text[start : end + 1], None)
        if record is not None:
            yield record
        at = text.find(mark, end)


def _well_formed(body: Mapping[str, Any]) -> bool:
    return (
        set(body) == _BODY_KEYS
        and type(body["seq"]) is int
        and isinstance(body["data"], dict)
        and all(isinstance(body[name], str) for name in ("kind", "prev", "time"))
        and bool(TIME_FORM.match(body["time"]))
    )
