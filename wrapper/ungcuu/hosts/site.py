"""The resolved inventory: hosts, groups and host variables, as Ansible itself resolves them.

Ansible's own classes do the work (templates, group order, plugins), so that there is no second copy of the facts of a
site. They cost half a second to import: only what needs the inventory loads it.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ungcuu.core import rights
from ungcuu.core.errors import InventoryError
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.hosts import inventory_files
from ungcuu.hosts.origins import Origin, origin_of
from ungcuu.hosts.ssh import Target

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SECRET_CONNECTION = frozenset(
    {"ansible_password", "ansible_ssh_pass", "ansible_become_password", "ansible_become_pass"}
)


INSTALLED = Path("/etc/ungcuu")  # made by the Debian package; a site's inventory stands in it


def find_inventory(settings: Settings, chosen: str | None, environment: Mapping[str, str], here: Path) -> Path:
    """Return the inventory folder: ``--inventory``, else UNGCUU_INVENTORY, else ``./inventory/site``.

    Where the Debian package is installed, its ``/etc/ungcuu/inventory`` comes last.

    A name without a slash may be a folder of the content's ``inventory/`` (``lab``).

    Raises:
        InventoryError: There is none; says how to make one.
    """
    wanted = chosen or environment.get("UNGCUU_INVENTORY")
    if wanted is None:
        for place in (here / "inventory" / "site", settings.content / "inventory" / "site", INSTALLED / "inventory"):
            if place.exists():
                return place
        raise InventoryError(
            _("No inventory was named, and there is no folder inventory/site here, nor {place}.").format(
                place=INSTALLED / "inventory"
            ),
            _("Nothing was touched."),
            _(
                "ungcuu init   (makes one; or name yours with --inventory FOLDER; {example} shows every variable)"
            ).format(example=settings.content / "inventory" / "example"),
        )
    for place in (here / Path(wanted).expanduser(), settings.content / "inventory" / wanted):
        if place.exists():
            return place.absolute()
    known = sorted(p.name for p in (settings.content / "inventory").glob("*") if p.is_dir())
    raise InventoryError(
        _("There is no inventory {name}.").format(name=wanted),
        _("Nothing was touched."),
        _("ungcuu … --inventory FOLDER   (in this tree: {known})").format(known=", ".join(known)),
    )


def inventory_of(settings: Settings) -> Path:
    """Return the inventory in use: the one of the settings, else the one that :func:`find_inventory` finds here."""
    return settings.inventory or find_inventory(settings, None, os.environ, Path.cwd())


@dataclass(frozen=True)
class Site:
    """One resolved inventory. ``hosts`` maps a name to its variables as plain data; values stay on the controller.

    ``beneath`` has a host's own variables where those of one of its websites are laid over them. ``origins`` says
    where each variable of a host was written.
    """

    inventory: Path
    settings: Settings
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    beneath: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    origins: Mapping[str, Mapping[str, Origin]] = field(default_factory=dict)

    @classmethod
    def load(cls, settings: Settings) -> Site:
        """Read and resolve ``settings.inventory``.

        Raises:
            InventoryError: It can't be read, or a variable of a host can't be resolved.
            ControllerFault: Others can write to it, or read its password.
        """
        inventory = inventory_of(settings)
        _refuse_mistakes(inventory)
        _refuse_open(inventory)
        try:
            hosts, groups, origins = _resolve(inventory, settings)
        except InventoryError:
            raise
        except Exception as error:  # Ansible raises what its plugins raise
            raise InventoryError(
                _("The inventory {path} can't be read: {error}").format(path=inventory, error=error),
                _("Nothing was touched."),
                f"{Path(sys.executable).parent / 'ansible-inventory'} -i {shlex.quote(str(inventory))} --list",
            ) from error
        if not hosts:
            raise InventoryError(
                _("The inventory {path} holds no host.").format(path=inventory),
                _("Nothing was touched."),
                _("Put the website's host into {path}.").format(path=inventory / "hosts.yml"),
            )
        return cls(inventory, settings, hosts, groups, origins=origins)

    def expand(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the hosts that these hosts and groups name, each once, in the order given.

        Raises:
            InventoryError: One is neither; names the nearest and lists those that exist.
        """
        found: dict[str, None] = {}
        for name in names:
            if name in self.hosts:
                found[name] = None
            elif name in self.groups:
                found.update(dict.fromkeys(self.groups[name]))
            else:
                raise self._unknown(name)
        return tuple(found)

    def variables(self, host: str) -> Mapping[str, Any]:
        """Return the resolved variables of a host.

        Raises:
            InventoryError: There is no such host.
        """
        if host not in self.hosts:
            raise self._unknown(host)
        return self.hosts[host]

    def own_variables(self, host: str) -> Mapping[str, Any]:
        """Return the variables of a host as a whole, also in a run about one of its websites."""
        return self.beneath.get(host) or self.variables(host)

    def target(self, host: str) -> Target:
        """Return how the host is reached over SSH.

        Raises:
            InventoryError: There is no such host.
        """
        return target_from(host, self.variables(host))

    def _unknown(self, name: str) -> InventoryError:
        near = difflib.get_close_matches(name, [*self.hosts, *self.groups], n=1)
        hint = _(" Did you mean {near}?").format(near=near[0]) if near else ""
        return InventoryError(
            _("There is no host {name} in {path}.").format(name=name, path=self.inventory) + hint,
            _("Nothing was touched."),
            _("Name one of the hosts {hosts}, or a group: {groups}").format(
                hosts=", ".join(self.hosts), groups=", ".join(sorted(self.groups)) or "–"
            ),
        )


def _refuse_open(inventory: Path) -> None:
    """Refuse an inventory that anybody can write to, and a password of it that others can read."""
    for path in (inventory, *(inventory.rglob("*") if inventory.is_dir() else ())):
        if not path.is_symlink():
            rights.require_own(path)
    password = Path(os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE") or "/nonexistent").expanduser()
    if not os.access(password, os.X_OK):  # a program that asks a store for it is no secret
        rights.require_secret([password])


def _refuse_mistakes(inventory: Path) -> None:
    """Report where the YAML is wrong, and that there is nothing to read, before Ansible does at length."""
    if wrong := inventory_files.mistakes(inventory):
        raise InventoryError(
            _("The inventory can't be read:") + "".join(f"\n  {mistake.place}: {mistake.text}" for mistake in wrong),
            _("Nothing was touched."),
            _("Fix that line, or the one above it: indentation, quotes and brackets are the usual mistakes."),
        )
    if inventory.is_dir() and not any(path.is_file() for path in inventory.iterdir()):
        raise InventoryError(
            _("The inventory {path} holds no host.").format(path=inventory),
            _("Nothing was touched."),
            _("Put the website's host into {path}.").format(path=inventory / "hosts.yml"),
        )


def target_from(host: str, variables: Mapping[str, Any]) -> Target:
    """Return connection data from a host's variables; ``ansible_ssh_common_args`` gives further ``-o`` values."""
    options = _ssh_options(str(variables.get("ansible_ssh_common_args", "")))
    known = variables.get("ungcuu_known_hosts") or options.pop("UserKnownHostsFile", "~/.ssh/known_hosts")
    key = variables.get("ansible_ssh_private_key_file") or variables.get("ansible_private_key_file")
    ours = {"UserKnownHostsFile", "GlobalKnownHostsFile", "StrictHostKeyChecking", "HostKeyAlias", "IdentitiesOnly"}
    return Target(
        name=host,
        address=str(variables.get("ansible_host") or host),
        port=int(variables.get("ansible_port") or variables.get("ansible_ssh_port") or 22),
        user=str(variables.get("ansible_user") or variables.get("ansible_ssh_user") or "ungcuu"),
        key=Path(str(key)).expanduser() if key else None,
        known_hosts=Path(str(known)).expanduser(),
        become=bool(variables.get("ansible_become", True)),
        options=tuple(f"{name}={value}" for name, value in options.items() if name not in ours),
    )


def _ssh_options(arguments: str) -> dict[str, str]:
    """Return the ``-o NAME=VALUE`` pairs of an argument line; ``-J`` counts as ProxyJump."""
    found: dict[str, str] = {}
    words = iter(shlex.split(arguments))
    for word in words:
        if word == "-J":
            found["ProxyJump"] = next(words, "")
        elif word.startswith("-o"):
            name, _sep, value = (word[2:] or next(words, "")).partition("=")
            found.setdefault(name.strip(), value.strip())
    return found


def _resolve(
    inventory: Path, settings: Settings
) -> tuple[dict[str, dict[str, Any]], dict[str, tuple[str, ...]], dict[str, dict[str, Origin]]]:
    """Resolve every host's variables with Ansible's own API; returns them, the groups, and where each was written."""
    os.environ["ANSIBLE_CONFIG"] = str(settings.content / "ansible.cfg")
    os.environ["UNGCUU_STATE"] = str(settings.state)
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar
    from ansible.vars.hostvars import HostVars
    from ansible.vars.manager import VariableManager

    _load_plugins()
    loader = DataLoader()
    loader.set_basedir(str(settings.content))
    _unlock_vault(loader)
    manager = InventoryManager(loader=loader, sources=[str(inventory)])
    variables = VariableManager(loader=loader, inventory=manager)
    HostVars(inventory=manager, variable_manager=variables, loader=loader)  # makes itself known to the manager
    hosts: dict[str, dict[str, Any]] = {}
    origins: dict[str, dict[str, Origin]] = {}
    for host in manager.get_hosts():
        if not _NAME.fullmatch(host.name):
            raise InventoryError(
                _("The inventory {path} contains an invalid host name: {name}").format(
                    path=inventory, name=repr(host.name)
                ),
                _("Nothing was touched."),
                _("Name hosts with letters, digits, dots and dashes; the address goes into ansible_host."),
            )
        raw = variables.get_vars(host=host, include_hostvars=True)
        own = {**host.get_vars(), **{k: v for k, v in raw.items() if k not in _MAGIC}}
        origins[host.name] = {name: origin_of(value) for name, value in own.items()}
        templar = Templar(loader=loader, variables=raw)
        hosts[host.name] = {
            name: _templated(templar, inventory, host.name, name, value)
            for name, value in own.items()
            if name not in _SECRET_CONNECTION
        }
    groups = {
        name: tuple(h.name for h in group.get_hosts())
        for name, group in manager.groups.items()
        if name not in ("all", "ungrouped")
    }
    return hosts, {name: members for name, members in groups.items() if members}, origins


def _templated(templar: Any, inventory: Path, host: str, name: str, value: Any) -> Any:
    """Return a variable's value as plain data; says which variable, and where it stands, when that fails."""
    try:
        return plain(templar.template(value))
    except Exception as error:  # whatever the template's filters and lookups raise
        raise InventoryError(
            _("{name} of {host} can't be resolved: {error}   ({place})").format(
                name=name, host=host, error=error, place=inventory_files.place_of(inventory, name) or inventory
            ),
            _("Nothing was touched."),
            _("Set what its value names, or write the value out."),
        ) from error


_MAGIC = frozenset(
    {
        "hostvars",
        "groups",
        "omit",
        "vars",
        "environment",
        "play_hosts",
        "ansible_play_hosts",
        "ansible_version",
        "ansible_playbook_python",
        "ansible_config_file",
        "ansible_facts",
        "playbook_dir",
        "inventory_dir",
        "inventory_file",
        "group_names",
    }
)


@cache
def _load_plugins() -> None:
    """Let Ansible find its lookups and filters; it warns when asked twice."""
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader()


def _unlock_vault(loader: Any) -> None:
    """Let the loader read ansible-vault values when a password file is configured."""
    from ansible import constants

    identities = list(constants.DEFAULT_VAULT_IDENTITY_LIST)
    if identities or constants.DEFAULT_VAULT_PASSWORD_FILE:
        from ansible.cli import CLI

        loader.set_vault_secrets(CLI.setup_vault_secrets(loader, vault_ids=identities, auto_prompt=False))


def plain(value: Any) -> Any:
    """Return plain data: Ansible's own string and mapping types carry tags that other code need not know."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return "".join(str(value))
