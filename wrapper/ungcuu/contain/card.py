"""The containment card of a host: everything that a cut needs, kept on the controller before it is needed.

``hosts/<host>/card.json`` holds the connection, the allow-list resolved to addresses and the rendered rule sets;
``hosts/<host>/known_hosts`` holds the pinned key. Reading a card takes the standard library alone; writing one renders
the same template that the role ``isolation`` renders.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ungcuu.contain.allowlist import AllowList, allow_list, parse_address
from ungcuu.contain.early import MODES
from ungcuu.core.atomic import make_private, put, put_json
from ungcuu.core.settings import Settings
from ungcuu.hosts.ssh import Target, run

if TYPE_CHECKING:
    from ungcuu.hosts.site import Site

VERSION = 1
TEMPLATE = Path("isolation/templates/isolation.nft.j2")
_MAC = re.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_ELEMENTS = {"ipv4": "@IPV4@", "ipv6": "@IPV6@"}


class NoCard(Exception):
    """There is no containment card for the host, or it can't be read."""


@dataclass(frozen=True)
class Card:
    """One host's card. ``rules`` maps a mode to its rule set, with places for the two address lists.

    ``outside`` holds what a look from outside needs; see :mod:`ungcuu.contain.outside`.
    """

    host: str
    written: str
    address: str
    port: int
    user: str
    key: str | None
    known_hosts: str
    become: bool
    options: tuple[str, ...]
    allow: AllowList
    seen_from: tuple[str, ...]
    rules: Mapping[str, str]
    source: str
    public_ports: tuple[int, ...] = ()
    neighbours: Mapping[str, str] = field(default_factory=dict)
    pin_neighbours: bool = True
    outside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> Target:
        """How the host is reached."""
        key = Path(self.key) if self.key else None
        return Target(
            self.host, self.address, self.port, self.user, key, Path(self.known_hosts), self.become, self.options
        )

    @property
    def target_without_become(self) -> Target:
        """The same as the login user: sshd shows the peer's address only there."""
        key = Path(self.key) if self.key else None
        return Target(self.host, self.address, self.port, self.user, key, Path(self.known_hosts), False, self.options)

    def rules_for(self, mode: str, allowed: AllowList) -> str:
        """Return the rule set of a mode with these addresses in it."""
        text = self.rules[mode]
        for family, mark in _ELEMENTS.items():
            addresses: tuple[str, ...] = getattr(allowed, family)
            line = f"\t\telements = {{ {mark} }}\n"
            text = text.replace(line, line.replace(mark, ", ".join(addresses)) if addresses else "")
        return text


def card_path(settings: Settings, host: str) -> Path:
    """Return where the card of a host is."""
    return settings.host_dir(host) / "card.json"


def load(settings: Settings, host: str) -> Card:
    """Read a card.

    Raises:
        NoCard: There is none, or it is damaged.
    """
    try:
        data = json.loads(card_path(settings, host).read_bytes())
        if data.pop("version") != VERSION or data["host"] != host:
            raise NoCard(host)
        data["allow"] = AllowList(tuple(data["allow"]["ipv4"]), tuple(data["allow"]["ipv6"]))
        for name in ("options", "seen_from", "public_ports"):
            data[name] = tuple(data[name])
        return Card(**data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoCard(host) from error


def build(site: Site, host: str, seen_from: tuple[str, ...] = ()) -> Card:
    """Make a card from the inventory; ``seen_from`` are addresses that the host has seen the controller come from.

    Raises:
        Unresolved: A name in the allow-list resolves to no address.
    """
    from ungcuu.contain import vantage_point

    variables = site.own_variables(host)
    target = site.target(host)
    allowed = allow_list([*management(variables), *seen_from])
    ports = tuple(int(port) for port in variables.get("website_ports", (80, 443)))
    return Card(
        host=host,
        written=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        address=target.address,
        port=target.port,
        user=target.user,
        key=str(target.key) if target.key else None,
        known_hosts=str(target.known_hosts),
        become=target.become and target.user != "root",
        options=target.options,
        allow=allowed,
        seen_from=seen_from,
        rules={mode: render(site.settings, mode, target.port, ports, _wants_hooks(variables)) for mode in MODES},
        source=fingerprint(site, host),
        public_ports=ports,
        neighbours=_neighbours(variables),
        pin_neighbours=variables.get("isolation_pin_neighbours", True) is not False,
        outside=vantage_point.describe(site, host),
    )


def _wants_hooks(variables: Mapping[str, Any]) -> bool:
    return variables.get("isolation_device_hooks", True) is not False


def _neighbours(variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the hardware addresses that a person wrote down; what has another form is left out."""
    found = variables.get("isolation_neighbours") or {}
    return {
        str(address): str(mac).lower()
        for address, mac in (found.items() if isinstance(found, Mapping) else ())
        if parse_address(str(address)) and _MAC.fullmatch(str(mac).lower())
    }


def management(variables: Mapping[str, Any]) -> list[str]:
    """Return who may reach SSH on the isolated host, as the inventory names them: responders and the vault."""
    entries = [str(entry) for entry in variables.get("management_addresses", ())]
    vault = variables.get("website_vault_address")
    return entries + ([str(vault)] if vault else [])


def fingerprint(site: Site, host: str) -> str:
    """Hash what a card is made from, so that a stale one is noticed."""
    from ungcuu.contain import vantage_point

    variables = site.own_variables(host)
    target = site.target(host)
    parts = [
        str(target),
        management(variables),
        list(variables.get("website_ports", (80, 443))),
        [_neighbours(variables), variables.get("isolation_pin_neighbours", True), _wants_hooks(variables)],
        (site.settings.roles / TEMPLATE).read_text("utf-8"),
        pinned_lines(target),
        vantage_point.describe(site, host),
        _lines_of_vantage(target, vantage_point.describe(site, host)),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def render(settings: Settings, mode: str, ssh_port: int, public_ports: tuple[int, ...], hooks: bool = True) -> str:
    """Render the role's template the way Ansible does, with marks in the place of the addresses."""
    from ungcuu.core.templates import text_environment  # late: a cut only reads cards

    return (
        text_environment()
        .from_string((settings.roles / TEMPLATE).read_text("utf-8"))
        .render(
            isolation_mode=mode,
            isolation_ssh_port=ssh_port,
            isolation_public_ports=list(public_ports),
            isolation_device_hooks=hooks,
            **{f"__isolation_{family}": [mark] for family, mark in _ELEMENTS.items()},
        )
    )


def write(settings: Settings, card: Card) -> Card:
    """Keep a card, with the pinned key beside it, so that a cut needs neither the inventory nor its files.

    Returns:
        The card as it was written: its known_hosts is the copy.
    """
    folder = make_private(settings.host_dir(card.host))
    known = folder / "known_hosts"
    lines = [*pinned_lines(card.target), *_lines_of_vantage(card.target, card.outside)]
    put(known, "".join(f"{line}\n" for line in lines))
    seen = dict(card.outside)
    if seen.get("vantage"):
        seen["vantage"] = {**seen["vantage"], "known_hosts": str(known)}
    kept = replace(card, known_hosts=str(known), outside=seen)
    data = {**vars(kept), "allow": vars(kept.allow), "version": VERSION}
    put_json(folder / "card.json", data)
    return kept


def refresh(site: Site, host: str) -> Card:
    """Make the card again, with the address that the host sees us come from now.

    Raises:
        Unresolved: A name in the allow-list resolves to no address.
        HostKeyRefused: The host isn't the one that was enrolled.
        OSError: The host does not answer, or the card can't be written.
    """
    target = replace(site.target(host), become=False)
    said = run(target, 'printf "%s" "$SSH_CONNECTION"', timeout=30, byte_quota=512).stdout.decode("ascii", "replace")
    seen = parse_address(said.partition(" ")[0])
    if seen is None:
        from ungcuu.core.i18n import _  # late: a cut only reads cards

        raise OSError(_("{host} does not answer").format(host=host))
    return write(site.settings, build(site, host, (str(seen),)))


def _lines_of_vantage(target: Target, seen: Mapping[str, Any]) -> list[str]:
    """Return the lines that pin the key of the machine that looks from outside."""
    vantage = seen.get("vantage")
    if not vantage:
        return []
    return pinned_lines(replace(target, name=vantage["name"], known_hosts=Path(vantage["known_hosts"])))


def pinned_lines(target: Target) -> list[str]:
    """Return the lines of the inventory's known_hosts that pin this host's key, under its name alone."""
    asked = ["ssh-keygen", "-F", target.name, "-f", str(target.known_hosts)]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    rows = [line.split() for line in said.splitlines() if line and not line.startswith("#")]
    return [" ".join([target.name, *row[1:3]]) for row in rows if len(row) >= 3 and not row[0].startswith("@")]
