"""What goes into a kit: everything that isolate, scan, restore and the journals of this controller stand on.

A member's name says where it belongs on the next controller: ``state/…``, ``inventory/…``, ``home/…`` (below the home
folder of whoever opens it) and ``root/…`` (the same path as here). Evidence, package lists and locks stay behind: they
are large, or mean nothing elsewhere.
"""

from __future__ import annotations

import io
import json
import stat
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from ungcuu import __version__
from ungcuu.case.journal import NAME, snapshot
from ungcuu.contain.card import card_path
from ungcuu.core.errors import ControllerFault
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.hosts.site import Site

ABOUT = "kit.json"
PLACES = ("state", "inventory", "home", "root")
MOST_BYTES = 1 << 30
LEFT_OUT = ("packages", "locks", "lab", "drill", ABOUT)  # of the state folder; what the inventory names is taken
_EVIDENCE = "cases/*/evidence/*"
_CARD = "hosts/*/card.json"  # names this controller's own files: the next one makes its cards from the inventory
_STANDS_ON = (
    "baseline.json",
    "root-lost*",
    "secrets.yml",
)  # of a host's folder: after their change a kit has to be made again
_BESIDE = ("group_vars", "host_vars", "reporting")  # what Ansible and ungcuu read beside an inventory of one file


@dataclass(frozen=True)
class Contents:
    """The files of a kit by their names in it, and what people must know of it.

    ``lacks`` says in sentences what a new controller will not get from this kit. ``watched`` are the files after whose
    change the kit is out of date.
    """

    files: Mapping[str, Path]
    hosts: tuple[str, ...]
    lacks: tuple[str, ...]
    watched: tuple[Path, ...]
    cards: tuple[str, ...] = ()
    vault_passwords: tuple[str, ...] = ()


def gather(site: Site, settings: Settings, home: Path) -> Contents:
    """Find what belongs into the kit of this controller. Reads only; no host is asked."""
    inventory = _inventory(site.inventory)
    state = {f"state/{name}": path for name, path in _state(settings.state).items()}
    named, lacks = _named(site)
    outside = {_place(path, settings.state, site.inventory, home): path for path in named}
    passwords = {_place(path, settings.state, site.inventory, home): path for path in _vault_passwords()}
    own = [path for name, path in state.items() if any(PurePosixPath(name).match(f"*/{one}") for one in _STANDS_ON)]
    return Contents(
        {**state, **inventory, **outside, **passwords},
        tuple(site.hosts),
        (*lacks, *_own_vaults(site)),
        (*inventory.values(), *outside.values(), *passwords.values(), *own),
        tuple(host for host in site.hosts if card_path(settings, host).is_file()),
        tuple(passwords),
    )


def _inventory(inventory: Path) -> dict[str, Path]:
    if inventory.is_dir():
        return {f"inventory/{path.relative_to(inventory)}": path for path in _regular(inventory)}
    folder = inventory.parent
    found = [inventory, *(path for name in _BESIDE for path in _regular(folder / name))]
    return {f"inventory/{path.relative_to(folder)}": path for path in found}


def _state(state: Path) -> dict[str, Path]:
    found = {path.relative_to(state): path for path in _regular(state)}
    return {
        name.as_posix(): path
        for name, path in found.items()
        if name.parts[0] not in LEFT_OUT
        and not name.match(_EVIDENCE)
        and not name.match(_CARD)
        and path.suffix != ".lock"
    }


def _regular(folder: Path) -> Iterator[Path]:
    """Every file below a folder; sockets and links that lead nowhere are none."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and ".git" not in path.parts)


def _named(site: Site) -> tuple[list[Path], list[str]]:
    """The files that the inventory names: keys of the connections, and pinned host keys; and what is not there."""
    found: dict[Path, None] = {}
    lacks: dict[str, None] = {}
    for host in site.hosts:
        if site.variables(host).get("ansible_connection") == "local":
            continue
        target = site.target(host)
        if target.key is None:
            lacks[_("the SSH key of {host}: the inventory names none").format(host=host)] = None
        elif not target.key.is_file():
            lacks[_("the SSH key of {host}: there is no file {path}").format(host=host, path=target.key)] = None
        else:
            beside = (target.key.with_name(target.key.name + end) for end in (".pub", "-cert.pub"))
            found.update(dict.fromkeys([target.key, *(path for path in beside if path.is_file())]))
        if target.known_hosts.is_file():
            found[target.known_hosts] = None
        else:
            lacks[_("the pinned key of {host}: ungcuu enrol {host}").format(host=host)] = None
    return list(found), list(lacks)


def _own_vaults(site: Site) -> list[str]:
    return [
        _("the backups: the vault {host} is this controller itself; have a second vault take copies").format(host=host)
        for host in site.groups.get("vault", ())
        if site.variables(host).get("ansible_connection") == "local"
    ]


def _vault_passwords() -> list[Path]:
    """The files whose passwords open what ansible-vault encrypted in the inventory."""
    from ansible import constants

    named = [constants.DEFAULT_VAULT_PASSWORD_FILE, *(constants.DEFAULT_VAULT_IDENTITY_LIST or ())]
    paths = [Path(str(one).rpartition("@")[2]).expanduser().absolute() for one in named if one]
    return [path for path in dict.fromkeys(paths) if path.is_file()]


def _place(path: Path, state: Path, inventory: Path, home: Path) -> str:
    """The name in the kit of a file that may lie anywhere."""
    path = path.absolute()
    folder = inventory if inventory.is_dir() else inventory.parent
    for name, base in (("state", state), ("inventory", folder), ("home", home)):
        if path.is_relative_to(base):
            return f"{name}/{path.relative_to(base).as_posix()}"
    return f"root/{path.as_posix().lstrip('/')}"


def pack(contents: Contents) -> bytes:
    """Return the archive, its description first.

    Raises:
        ControllerFault: A file can't be read, or it all is too large.
    """
    held = io.BytesIO()
    total = 0
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        about: dict[str, Any] = {
            "version": __version__,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "hosts": list(contents.hosts),
            "cards": list(contents.cards),
            "vault_passwords": list(contents.vault_passwords),
        }
        _add(archive, ABOUT, json.dumps(about).encode(), 0o600)
        still = _journals(contents.files)
        for name, path in contents.files.items():
            try:
                mode = stat.S_IMODE(path.stat().st_mode)
                data = still[name] if name in still else path.read_bytes()
            except FileNotFoundError:
                continue  # a draft of a run that goes on beside this one
            except OSError as error:
                raise ControllerFault(
                    _("{path} can't be read: {error}").format(path=path, error=error.strerror),
                    _("No kit was written."),
                ) from error
            total += len(data)
            if total > MOST_BYTES:
                raise ControllerFault(
                    _("What belongs into the kit is larger than {size} MiB.").format(size=MOST_BYTES >> 20),
                    _("No kit was written."),
                    _("Look what fills the state folder and the inventory: du -ah FOLDER | sort -h"),
                )
            _add(archive, name, data, mode & 0o700)
    return held.getvalue()


def _journals(files: Mapping[str, Path]) -> dict[str, bytes]:
    """Each journal with its head, as they were at one moment: a run may go on beside this one."""
    found: dict[str, bytes] = {}
    for name, path in files.items():
        head = f"state/heads/{path.parent.name}.json"
        if path.name == NAME and head in files and (seen := snapshot(path.parent, files[head])).data is not None:
            found |= {name: seen.data, head: seen.head_bytes}
    return found


def _add(archive: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), mode
    archive.addfile(member, io.BytesIO(data))
