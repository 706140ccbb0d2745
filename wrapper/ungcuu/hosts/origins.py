"""Where each value of the inventory was written: Ansible marks what it reads with file and line.

The mark stands on the value that won. Ansible can't mark true, false and null: for those the files are searched, and
all places are named where several set the variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ungcuu.hosts import inventory_files


@dataclass(frozen=True)
class Origin:
    """The file and line of a value, counted from 1; an empty ``path`` where Ansible does not say.

    ``encrypted``: it is kept by ansible-vault, alone or as part of the value.
    """

    path: str = ""
    line: int = 0
    encrypted: bool = False


def origin_of(value: Any) -> Origin:
    """Return where a variable as Ansible read it, not yet templated, was written."""
    try:
        from ansible._internal._datatag._tags import Origin as Mark
    except ImportError:  # Ansible's own affair, and it may move; then the files are searched
        return Origin(encrypted=_encrypted(value))
    mark = Mark.get_tag(value)
    return Origin(str(mark.path or ""), int(mark.line_num or 0), _encrypted(value)) if mark else Origin()


def _encrypted(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_encrypted, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_encrypted, value))
    return type(value).__name__ == "EncryptedString"  # Ansible's own class, wherever it stands


def places(inventory: Path, name: str, origin: Origin) -> list[tuple[Path, int]]:
    """Return the file and line of a variable; several where it can't be known which of them won, none where unknown."""
    if origin.path:
        return [(Path(origin.path), origin.line)]
    return [(path, line) for path, line, found in inventory_files.names(inventory) if found == name]


def kept_by_vault(path: Path) -> bool:
    """Return whether a whole file is encrypted by ansible-vault."""
    try:
        with path.open("rb") as file:
            return file.read(14) == b"$ANSIBLE_VAULT"
    except OSError:
        return False
