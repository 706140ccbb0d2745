"""What a host can make with a repository's password: well-formed keys, packs, indexes and snapshots of its own choice.

The format is restic's (https://restic.readthedocs.io/en/stable/100_references.html#design), encryption and all, so that
a file made here can't be distinguished from an honest one by its form. For tests of the vault's own repositories only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

_KINDS = {"data": 0, "tree": 1}


@dataclass(frozen=True)
class Key:
    """An AES-256 key and a Poly1305-AES key, as restic uses them together."""

    encrypt: bytes
    k: bytes
    r: bytes

    def _tag(self, nonce: bytes, text: bytes) -> bytes:
        block = Cipher(algorithms.AES(self.k), modes.ECB()).encryptor()  # noqa: S305 - the one block of Poly1305-AES
        return Poly1305.generate_tag(self.r + block.update(nonce), text)

    def seal(self, plain: bytes) -> bytes:
        """Nonce, ciphertext, tag."""
        nonce = os.urandom(16)
        text = Cipher(algorithms.AES(self.encrypt), modes.CTR(nonce)).encryptor().update(plain)
        return nonce + text + self._tag(nonce, text)

    def open(self, sealed: bytes) -> bytes:
        """The plain text.

        Raises:
            ValueError: sealed by another key.
        """
        nonce, text, tag = sealed[:16], sealed[16:-16], sealed[-16:]
        if self._tag(nonce, text) != tag:
            raise ValueError("not sealed by this key")
        return Cipher(algorithms.AES(self.encrypt), modes.CTR(nonce)).decryptor().update(text)


def user_key(password: str, salt: bytes, n: int, r: int, p: int) -> Key:
    """The key that a password opens a key file with."""
    raw = hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, dklen=64, maxmem=2**30)
    return Key(raw[:32], raw[32:48], raw[48:])


def master_key(repository: Path, password: str) -> Key:
    """The repository's own key."""
    for path in sorted((repository / "keys").iterdir()):
        row = json.loads(path.read_bytes())
        try:
            known = user_key(password, base64.b64decode(row["salt"]), row["N"], row["r"], row["p"])
            plain = json.loads(known.open(base64.b64decode(row["data"])))
        except ValueError:
            continue
        raw = [plain["encrypt"], plain["mac"]["k"], plain["mac"]["r"]]
        return Key(*(base64.b64decode(text) for text in raw))
    raise ValueError("no key opens with that password")


def key_file(master: Key, password: str) -> bytes:
    """A key file that opens in a millisecond: restic's own take half a second each, and tests open them often."""
    text = [base64.b64encode(part).decode() for part in (master.encrypt, master.k, master.r)]
    plain = json.dumps({"mac": {"k": text[1], "r": text[2]}, "encrypt": text[0]}).encode()
    salt = os.urandom(64)
    row = {
        "created": "2026-01-01T00:00:00Z",
        "username": "root",
        "hostname": "web01",
        "kdf": "scrypt",
        "N": 2,
        "r": 8,
        "p": 1,
        "salt": base64.b64encode(salt).decode(),
        "data": base64.b64encode(user_key(password, salt, 2, 8, 1).seal(plain)).decode(),
    }
    return json.dumps(row).encode()


@dataclass(frozen=True)
class Blob:
    """A piece of a pack: its content, and the id that the header gives it (the true one unless another is given)."""

    content: bytes
    kind: str = "data"
    claimed: str = ""

    @property
    def id(self) -> str:
        return self.claimed or hashlib.sha256(self.content).hexdigest()


def pack(master: Key, blobs: Sequence[Blob]) -> tuple[bytes, list[dict[str, Any]]]:
    """A pack of these blobs, and its rows for an index."""
    body, header, rows = b"", b"", []
    for blob in blobs:
        sealed = master.seal(blob.content)
        rows.append({"id": blob.id, "type": blob.kind, "offset": len(body), "length": len(sealed)})
        header += struct.pack("<BI", _KINDS[blob.kind], len(sealed)) + bytes.fromhex(blob.id)
        body += sealed
    end = master.seal(header)
    return body + end + struct.pack("<I", len(end)), rows


def document(master: Key, content: object) -> bytes:
    """A snapshot or an index: JSON, sealed."""
    return master.seal(json.dumps(content).encode())


def name(content: bytes) -> str:
    """The name that a repository gives a file."""
    return hashlib.sha256(content).hexdigest()
