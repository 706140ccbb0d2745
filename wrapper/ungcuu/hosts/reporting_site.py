"""Who reports, and to whom: ``reporting/site.yml`` in the inventory folder. No address comes from anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from ungcuu.core.i18n import N_, _
from ungcuu.core.settings import Settings
from ungcuu.hosts.typed_data import Mismatch

FOLDER = "reporting"  # in the inventory folder: site.yml, the site's own profiles and its own templates
FILE = "site.yml"
OLD_DAYS = 183  # a contact that nobody has checked for half a year is doubtful

# Every recipient that a profile may name.
Role = Literal["specialist-authority", "response-team", "owner", "data-authority", "coordination"]
ROLES: Mapping[str, str] = {
    "specialist-authority": N_("specialist authority for network security"),
    "response-team": N_("provincial incident response team"),
    "owner": N_("owner of the system"),
    "data-authority": N_("specialist authority for personal data"),
    "coordination": N_("coordinating authority for incidents"),
}


@dataclass(frozen=True)
class Person:
    """Somebody who can be reached."""

    name: str
    title: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True)
class Contact:
    """One recipient: an organisation, with a deputy to turn to, and the day on which somebody last checked it."""

    role: Role
    name: str
    address: str = ""
    phone: str = ""
    email: str = ""
    deputy: Person | None = None
    checked: date | None = None

    def doubt(self, today: date) -> str:
        """Return what speaks against relying on it; empty where nothing does."""
        if self.checked is None:
            return _("never checked")
        if self.checked > today:
            return _("the date of the last check lies in the future")
        if (today - self.checked).days > OLD_DAYS:
            return _("last checked on {day}").format(day=f"{self.checked:%d/%m/%Y}")
        return ""


@dataclass(frozen=True)
class Organisation:
    """Who signs and sends. ``above`` is the unit that it reports to; ``place`` stands before the date of a letter."""

    name: str
    above: str = ""
    address: str = ""
    phone: str = ""
    email: str = ""
    place: str = ""
    symbol: str = ""
    signer_title: str = ""
    signer: str = ""


@dataclass(frozen=True)
class System:
    """An information system: which hosts belong to it, and what the forms ask about it."""

    name: str
    hosts: tuple[str, ...] = ()
    level: int = 0
    operator: str = ""
    purpose: str = ""
    provider: str = ""
    security_provider: str = ""

    def __post_init__(self) -> None:
        """Refuse a level that there is not."""
        if not 0 <= self.level <= 5:
            raise Mismatch(("level",), _("has to be 1 to 5"))


@dataclass(frozen=True)
class ReportingSite:
    """Everything that a site states for its reports."""

    profiles: tuple[str, ...] = ("vn-2026", "vn-pdp")
    organisation: Organisation = field(default_factory=lambda: Organisation(""))
    contact: Person = field(default_factory=lambda: Person(""))
    contacts: tuple[Contact, ...] = ()
    systems: tuple[System, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two contacts in one role: nobody could say which one a letter goes to."""
        roles = [contact.role for contact in self.contacts]
        for number, role in enumerate(roles):
            if role in roles[:number]:
                raise Mismatch(("contacts", str(number), "role"), _("is given twice: {role}").format(role=role))

    def of(self, role: str) -> Contact | None:
        """Return the contact in a role."""
        return next((contact for contact in self.contacts if contact.role == role), None)

    def system_of(self, hosts: tuple[str, ...]) -> System | None:
        """Return the system that the first of these hosts belongs to."""
        return next((system for host in hosts for system in self.systems if host in system.hosts), None)


def folder_of(settings: Settings) -> Path | None:
    """Return the site's folder of reporting; None where there is no inventory or no such folder."""
    from ungcuu.core.errors import InventoryError
    from ungcuu.hosts.site import inventory_of

    try:
        inventory = inventory_of(settings)
    except InventoryError:
        return None
    folder = (inventory if inventory.is_dir() else inventory.parent) / FOLDER
    return folder if folder.is_dir() else None


def load(settings: Settings) -> ReportingSite:
    """Return what the site states; nothing where it has no such file.

    Raises:
        ControllerFault: The file is not as it has to be; file and line are named.
    """
    from ungcuu.hosts.data_files import read_file

    folder = folder_of(settings)
    if folder is None or not (folder / FILE).exists():
        return ReportingSite()
    return read_file(ReportingSite, folder / FILE)
