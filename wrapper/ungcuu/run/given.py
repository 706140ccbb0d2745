"""What Ansible is given as JSON: private files, and values that it never evaluates as templates (CVE-2021-3583)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path


def untemplated(value: object) -> object:
    """Return the value as Ansible's JSON for data that must not be evaluated: text with a brace is marked unsafe."""
    if isinstance(value, Mapping):
        return {str(key): untemplated(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [untemplated(item) for item in value]
    if isinstance(value, Path):
        return untemplated(str(value))
    if isinstance(value, str):
        return {"__ansible_unsafe": value} if "{" in value else value
    return value


def write_private(path: Path, data: object) -> None:
    """Write a new file of JSON that nobody else can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(data, file)
