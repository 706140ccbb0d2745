"""Names for shell completion, read from the inventory's files without starting Ansible."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ungcuu.core.errors import UngcuuError
from ungcuu.core.settings import Settings
from ungcuu.hosts.site import find_inventory


def host_names(chosen: str | None) -> list[str]:
    """Return the hosts and groups that the inventory's YAML files name; empty where they can't be read."""
    import yaml

    try:
        inventory = find_inventory(Settings.from_environment(), chosen, os.environ, Path.cwd())
    except UngcuuError:
        return []
    files = sorted(inventory.glob("*.y*ml")) if inventory.is_dir() else [inventory]
    found: set[str] = set()
    for file in files:
        with contextlib.suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
            found |= set(_names(yaml.safe_load(file.read_text("utf-8"))))
    return sorted(found - {"all"})


def _names(groups: Any) -> Iterator[str]:
    for name, group in groups.items() if isinstance(groups, dict) else ():
        yield str(name)
        if isinstance(group, dict):
            yield from map(str, group.get("hosts") or {})
            yield from _names(group.get("children"))
