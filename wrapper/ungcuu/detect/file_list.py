"""The list of files of a signed baseline: one JSON object a line, in a file that its own SHA-256 names.

The signed document holds that sum. A list is written before the document that names it and never changed, so no crash
leaves a document without its list; baselines of the same files share one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from ungcuu.core.atomic import sync_folder
from ungcuu.core.errors import Tampered
from ungcuu.core.i18n import _
from ungcuu.detect.file_rows import Key, Row

_SUM = re.compile(r"[0-9a-f]{64}")


def write(folder: Path, rows: Mapping[Key, Row]) -> str:
    """Write the list of these records, and return its SHA-256.

    Raises:
        OSError: It can't be written; nothing is left behind.
    """
    draft, digest = folder / f".files.{os.getpid()}-{os.urandom(4).hex()}", hashlib.sha256()
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            for row in rows.values():
                line = json.dumps(row, separators=(",", ":"), sort_keys=True).encode("ascii") + b"\n"
                digest.update(line)
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(_path(folder, digest.hexdigest()))
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(folder)
    return digest.hexdigest()


def read(folder: Path, name: object, into: MutableMapping[Key, Row]) -> None:
    """Add the records of a list.

    Raises:
        Tampered: It is missing, or not what was signed. Nothing of it may be used then.
    """
    for line in _lines(folder, name):
        row: dict[str, Any] = json.loads(line)
        into[row["path"],] = row


def check(folder: Path, name: object) -> None:
    """Raise where a list is not what was signed; a baseline of the earlier form has none.

    Raises:
        Tampered: It is missing, or not what was signed.
    """
    if name is not None:
        for _line in _lines(folder, name):
            pass


def _lines(folder: Path, name: object) -> Iterator[bytes]:
    """Yield the lines; only after the last one is known whether they are the signed ones.

    Raises:
        Tampered: They are not.
    """
    digest, path = hashlib.sha256(), _path(folder, str(name))
    try:
        with path.open("rb") as file:
            for line in file:
                digest.update(line)
                yield line
    except (OSError, ValueError) as error:
        raise _tampered(path) from error
    if digest.hexdigest() != name:
        raise _tampered(path)


def _path(folder: Path, name: str) -> Path:
    return folder / f"files-{name if _SUM.fullmatch(name) else 'unknown'}.jsonl"


def _tampered(path: Path) -> Tampered:
    return Tampered(
        _("{path} does not match its signature.").format(path=path),
        _("Nothing was done on the host."),
        _("Find out who changed {path}; restore it from a backup of the controller.").format(path=path),
    )
