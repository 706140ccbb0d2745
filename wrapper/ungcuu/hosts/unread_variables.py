"""Names of variables in a site's files that nothing reads: a misspelt optional fact would be passed over in silence.

What is known comes from where it is defined: the ``argument_specs`` of the roles, the facts of
:mod:`ungcuu.hosts.website_facts`, and Ansible's own connection variables. A name with the prefix of one of them that is
unknown is reported, with the nearest known one. Any other name belongs to the site, and so does one that another value
of the site's files uses; it is named only when it is one slip away from a known name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ungcuu.core.i18n import _
from ungcuu.hosts import inventory_files
from ungcuu.hosts.website_facts import FACTS, OPTIONAL

# Ansible's own, as its documentation names them: "Connecting to hosts: behavioral inventory parameters".
CONNECTION = frozenset(
    f"ansible_{name}"
    for name in [
        "become",
        "become_exe",
        "become_flags",
        "become_method",
        "become_pass",
        "become_password",
        "become_user",
        "connection",
        "host",
        "host_key_checking",
        "password",
        "pipelining",
        "port",
        "private_key_file",
        "python_interpreter",
        "remote_tmp",
        "scp_extra_args",
        "sftp_extra_args",
        "shell_executable",
        "shell_type",
        "ssh_args",
        "ssh_common_args",
        "ssh_executable",
        "ssh_extra_args",
        "ssh_host",
        "ssh_pass",
        "ssh_pipelining",
        "ssh_port",
        "ssh_private_key_file",
        "ssh_retries",
        "ssh_transfer_method",
        "ssh_user",
        "timeout",
        "user",
    ]
)
_OWN_PREFIXES = ("website_", "management_", "ungcuu_")
_NEAR, _ONE_SLIP = 0.6, 0.9  # how alike, as difflib counts it
_TEMPLATE = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Doubt:
    """A name that nothing reads, where it stands, and the nearest known one (empty where none is near)."""

    path: Path
    line: int
    name: str
    near: str

    @property
    def text(self) -> str:
        """One line for a person."""
        text = _("{path}:{line}: nothing reads {name}").format(path=self.path, line=self.line, name=self.name)
        return text + (_("; did you mean {near}?").format(near=self.near) if self.near else "")


@cache
def known(roles: Path) -> frozenset[str]:
    """Return every variable that a role, the wrapper or Ansible's connection reads from the inventory."""
    names = {fact.name for fact in FACTS} | OPTIONAL | CONNECTION
    for path in roles.glob("*/meta/argument_specs.yml"):
        specs = inventory_files.parsed(path.read_text("utf-8"))
        for spec in specs["argument_specs"].values():
            names |= set(spec.get("options") or {})
    return frozenset(names)


def doubts(inventory: Path, roles: Path) -> list[Doubt]:
    """Return the names in a site's files that nothing reads, in the order of files and lines."""
    names, used = known(roles), _used(inventory)
    prefixes = (*_OWN_PREFIXES, *(f"{role.name}_" for role in roles.iterdir() if role.is_dir()))
    found = []
    for path, line, name in inventory_files.names(inventory):
        if name in names or name in used:
            continue
        cutoff = _NEAR if name.startswith(prefixes) else _ONE_SLIP
        near = difflib.get_close_matches(name, names, n=1, cutoff=cutoff)
        if near or name.startswith(prefixes):
            found.append(Doubt(path, line, name, near[0] if near else ""))
    return found


def _used(inventory: Path) -> set[str]:
    """Every word in the templates of the site's own values: what one value uses, the site defines for itself."""
    return {word for text in _texts(inventory) for part in _TEMPLATE.findall(text) for word in _WORD.findall(part)}


def _texts(inventory: Path) -> Iterator[str]:
    for path in inventory_files.files(inventory):
        text: Any = path.read_text("utf-8", "replace")
        yield "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
