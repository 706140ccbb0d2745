"""A node: another machine that runs a verb's playbook in place of this controller (``--via NODE``).

The controller stays what decides and remembers: lock, journal, case, outcome and resume. What the node is given:

1. the run's hosts and those that they name (a vault), their variables resolved; a path of this machine is replaced by
   that of the copy on the node;
2. the pinned host keys, and public halves of login keys. The private halves stay here; see :mod:`node_agent`;
3. the files of the state folder that these playbooks read, and never a private key or the secrets of a host.

It must have the very ungcuu that runs here (:func:`fingerprint`): nothing of the playbooks travels.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ungcuu.core.settings import PACKAGE, content_dir, kept_name
from ungcuu.hosts.ssh import Target
from ungcuu.run.given import untemplated, write_private

if TYPE_CHECKING:
    from ungcuu.hosts.site import Site

_OF_THE_PLACE = frozenset({"inventory_dir", "inventory_file", "inventory_hostname", "inventory_hostname_short"})
PROGRAM = "ungcuu"
WORD = "--node-worker"  # with which the controller starts ungcuu on a node
SILENCE = 30.0  # seconds without a sign of the controller, after which a node ends its work
PLAYBOOKS = frozenset({"harden", "harden_website", "patch", "backup", "restore_points", "block"})
TAKEN = ("expected.json", "restore_points.json", "blocks.json")  # of a host's folder, when the run has ended
_SENT = (*TAKEN, "card.json")
_BASELINE = ("baseline.json", "baseline.sig", "files-*.jsonl")
_VAULT_JUDGES = frozenset({"backup", "patch"})  # and is given what the signed baseline knows
_KEYS = ("ansible_ssh_private_key_file", "ansible_private_key_file")


@dataclass(frozen=True)
class Node:
    """A node, and what a run through it may need of the site. ``program`` is how ungcuu is started there."""

    target: Target
    site: Site
    program: str = PROGRAM

    @property
    def name(self) -> str:
        """Its name in the inventory."""
        return self.target.name

    @property
    def command(self) -> list[str]:
        """What is run there."""
        return [self.program, WORD]


class NotBegun(Exception):
    """The node never had the whole job, so nothing of it was begun. ``problem`` is that of a ``HostResult``."""

    def __init__(self, problem: str, message: str) -> None:
        super().__init__(message)
        self.problem, self.message = problem, message


def found(site: Site, name: str) -> Node:
    """Return a host of the inventory as a node; it is logged in to without becoming root.

    Raises:
        InventoryError: There is no such host.
    """
    program = str(site.variables(name).get("node_program") or PROGRAM)
    return Node(replace(site.target(name), become=False), site, program)


def involved(site: Site, hosts: Sequence[str]) -> tuple[str, ...]:
    """Return the hosts of a run and those that their variables name (``website_vault_host``)."""
    named = {value for host in hosts for value in site.variables(host).values() if isinstance(value, str)}
    return (*hosts, *(host for host in site.hosts if host in named and host not in hosts))


@cache
def fingerprint() -> str:
    """Return the SHA-256 over ungcuu's own programs, playbooks and roles: what acts on a host."""
    digest, content = hashlib.sha256(), content_dir()
    for place, name, suffix in ((PACKAGE, "", ".py"), (content, "playbooks", ""), (content, "roles", "")):
        for path in sorted((place / name).rglob("*" + suffix)):
            parts = path.relative_to(place).parts
            if (
                path.is_file()
                and not any(part.startswith((".", "__pycache__")) for part in parts)
                and (place != PACKAGE or parts[0] != "content")
            ):
                digest.update(f"{'/'.join(parts)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    digest.update((content / "ansible.cfg").read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Luggage:
    """What a run takes along: ``folder`` holds it here, ``there`` is where it will stand on the node."""

    node: Node
    playbook: str
    hosts: tuple[str, ...]
    state: Path
    folder: Path
    there: Path

    def pack(self, publics: Mapping[Path, str]) -> None:
        """Lay everything out. ``publics`` are the public halves of the login keys."""
        site = self.node.site
        names = involved(site, self.hosts)
        paths = {str(self.state): str(self.there / "state")}
        for number, (key, public) in enumerate(publics.items()):
            paths[str(key)] = self._put(f"keys/{number}.pub", public)
        for number, known in enumerate(sorted({site.target(host).known_hosts for host in names})):
            paths[str(known)] = self._put(f"known_hosts/{number}", known.read_text("utf-8"))
        hosts = {host: _moved(self._facts(host), paths) for host in names}
        groups: dict[str, dict[str, Any]] = {
            group: {"hosts": {host: {} for host in members if host in hosts}} for group, members in site.groups.items()
        }
        (self.folder / "inventory").mkdir(mode=0o700)
        document = {"all": {"hosts": untemplated(hosts), "children": groups}}
        write_private(self.folder / "inventory" / "hosts.json", document)
        for source, name in self._state_files():
            place = self.folder / "state" / name
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(source, place)

    def moved(self, variables: Mapping[str, object]) -> object:
        """Return the run's own variables with this machine's state folder replaced by the one there."""
        return _moved(variables, {str(self.state): str(self.there / "state")})

    def _facts(self, host: str) -> dict[str, Any]:
        """The host's variables, with paths written out in full, as the ones that are replaced are."""
        target = self.node.site.target(host)
        given = {name: value for name, value in self.node.site.variables(host).items() if name not in _OF_THE_PLACE}
        keys = {name: str(target.key) for name in _KEYS if name in given}
        return given | keys | {"ungcuu_known_hosts": str(target.known_hosts), "ungcuu_state": str(self.state)}

    def _put(self, name: str, text: str) -> str:
        path = self.folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o600)  # ssh looks at a key's mode before it knows that it is a public half
        return str(self.there / name)

    def _state_files(self) -> Iterator[tuple[Path, str]]:
        """Yield each file of the state folder that the playbook reads, with its name below it."""
        (self.folder / "state" / "hosts").mkdir(mode=0o700, parents=True)
        patterns = (*_SENT, *(_BASELINE if self.playbook in _VAULT_JUDGES else ()))
        for folder in self.host_folders():
            for pattern in patterns:
                for path in (self.state / "hosts" / folder).glob(pattern):
                    if path.is_file() and not path.is_symlink():
                        yield path, f"hosts/{folder}/{path.name}"
        public = self.state / "keys" / "journal_ed25519.pub"
        if public.is_file():
            yield public, "keys/journal_ed25519.pub"

    def host_folders(self) -> list[str]:
        """Return the names of the folders that this run's hosts, and their websites, have below ``hosts/``."""
        base = self.state / "hosts"
        others = {kept_name(host) for host in self.node.site.hosts} - set(self.hosts)
        websites = {path.name for host in self.hosts for path in base.glob(f"{kept_name(host)}--*")}
        return [*map(kept_name, self.hosts), *sorted(websites - others)]


def _moved(value: Any, paths: Mapping[str, str]) -> Any:
    """Return a value with each of these paths, where a text holds it, replaced; the longest first."""
    if isinstance(value, Mapping):
        return {key: _moved(item, paths) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_moved(item, paths) for item in value]
    if isinstance(value, str):
        for here in sorted(paths, key=len, reverse=True):
            value = value.replace(here, paths[here])
    return value
