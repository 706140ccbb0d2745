"""Make a site's inventory folder out of what only people know, and the key with which the controller logs in.

1. An answer that could be read as a template or as an option is refused before anything is written.
2. Pinned host keys lie in the state folder: Ansible would read a file in the inventory folder as hosts, and warn.
3. Nothing that exists is replaced: a folder that holds an inventory is gone on with, a key that exists is used.
"""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ungcuu.core.atomic import make_private, put
from ungcuu.core.errors import ControllerFault
from ungcuu.core.i18n import _
from ungcuu.hosts.discovery import draft
from ungcuu.hosts.website_facts import address_or_name

HERE = "controller"  # as the vault: this machine keeps the backups
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_CONTACT = re.compile(r"(mailto:[^\s@{}<>\"']+@[^\s@{}<>\"']+|tel:\+?[0-9 ().-]+|https://[^\s{}<>\"']+)")


@dataclass(frozen=True)
class Answers:
    """What only people know. ``vault`` is an address, or HERE."""

    name: str
    address: str
    account: str
    management: tuple[str, ...]
    vault: str
    contact: str
    switch_note: str
    own_address: str
    key: Path
    port: int = 22


def wrong_address(value: str) -> str:
    """Say what is wrong with the address of a machine; empty where nothing is."""
    if _HOST.fullmatch(value) and address_or_name(value):
        return ""
    return _("“{value}” is no address or name of a machine, such as 192.0.2.10").format(value=value)


def wrong_name(value: str) -> str:
    """Say what is wrong with a host's name in the inventory."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", value) and value not in (HERE, "all", "website", "vault"):
        return ""
    return _("“{value}” can't be a host's name in the inventory; take one such as web01").format(value=value)


def wrong_account(value: str) -> str:
    """Say what is wrong with the name of an account."""
    if _ACCOUNT.fullmatch(value):
        return ""
    return _("“{value}” is no name of an account, such as ungcuu").format(value=value)


def wrong_addresses(value: str) -> str:
    """Say what is wrong with a list of addresses and networks."""
    bad = [word for word in words(value) if not address_or_name(word)]
    if words(value) and not bad:
        return ""
    return _("“{value}” is no list of addresses, such as 192.0.2.100, 203.0.113.0/28").format(value=", ".join(bad))


def wrong_vault(value: str) -> str:
    """Say what is wrong with the place of the backups."""
    return "" if value == HERE else wrong_address(value)


def wrong_contact(value: str) -> str:
    """Say what is wrong with the contact for people who found a hole."""
    if _CONTACT.fullmatch(value):
        return ""
    return _("“{value}” is no contact, such as mailto:baomat@example.gov.vn or tel:+84…").format(value=value)


def wrong_note(value: str) -> str:
    """Say what is wrong with the note on the switch. It may be empty."""
    if value.isprintable() and not set("{}") & set(value):
        return ""
    return _("a note may not hold braces or characters that are not printed")


def words(value: str) -> list[str]:
    """Return the words of a list that commas or blanks separate."""
    return value.replace(",", " ").split()


def own_address(address: str, port: int = 22) -> str:
    """Return the address from which this machine reaches another; empty where it can't be known. Nothing is sent."""
    try:
        family, _type, _protocol, _name, where = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as line:
            line.connect(where)
            return str(line.getsockname()[0])
    except OSError:
        return ""


def make_key(path: Path) -> bool:
    """Make the controller's SSH key unless there is one. Returns whether it was made.

    Without a passphrase: timers use it with nobody there. Whoever reads it may log in on the hosts.

    Raises:
        ControllerFault: It can't be made.
    """
    if path.exists():
        return False
    try:
        make_private(path.parent)
        command = [
            "ssh-keygen",
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            f"ungcuu@{socket.gethostname()}",
            "-f",
            str(path),
        ]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        problem = done.stderr.strip() if done.returncode else ""
    except OSError as error:
        problem = str(error)
    if problem:
        raise ControllerFault(
            _("The SSH key {path} can't be made: {why}").format(path=path, why=problem),
            _("Nothing was touched."),
            _("apt-get install openssh-client, or name another place with --key."),
        )
    return True


def public_key(path: Path) -> str:
    """Return the public half of a key.

    Raises:
        ControllerFault: It can't be read.
    """
    beside = path.with_name(f"{path.name}.pub")
    try:
        return beside.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ControllerFault(
            _("The public key {path} can't be read: {why}").format(path=beside, why=error),
            _("Nothing was touched."),
            f"ssh-keygen -y -f {shlex.quote(str(path))} > {shlex.quote(str(beside))}",
        ) from error


def console_lines(account: str, key: str) -> list[str]:
    """Return the lines that are run as root on the host's console, so that the controller may log in there."""
    home = f"/home/{account}"
    return [
        f"useradd --create-home --shell /bin/bash --password '*' {account}",
        f"install -d -m 0700 -o {account} -g {account} {home}/.ssh",
        f"printf '%s\\n' {shlex.quote(key)} >> {home}/.ssh/authorized_keys",
        f"chown {account}:{account} {home}/.ssh/authorized_keys && chmod 0600 {home}/.ssh/authorized_keys",
        f"echo '{account} ALL=(root) NOPASSWD: ALL' > /etc/sudoers.d/{account} && chmod 0440 /etc/sudoers.d/{account}",
        "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
    ]


def files(answers: Answers) -> dict[str, str]:
    """Return the inventory's files, by their names in the folder."""
    return {
        "hosts.yml": _hosts(answers),
        "group_vars/all.yml": _all(answers),
        "group_vars/website.yml": _website(answers),
        f"host_vars/{answers.name}.yml": draft.EMPTY,
    }


def write(folder: Path, answers: Answers) -> list[Path]:
    """Write the inventory's files and return their paths.

    Raises:
        ControllerFault: One can't be written.
    """
    paths = []
    try:
        for name, text in files(answers).items():
            path = folder / name
            make_private(path.parent)
            paths.append(put(path, text))
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be written: {why}").format(path=folder, why=error),
            _("Nothing was touched on a host."),
            _("Name another folder with --out."),
        ) from error
    return paths


def _quoted(value: object) -> str:
    """A value as YAML reads it back: JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)


def _hosts(answers: Answers) -> str:
    port = [f"          ansible_port: {answers.port}"] if answers.port != 22 else []
    vault = (
        [f"        {HERE}:", "          ansible_connection: local", f"          ansible_host: {answers.own_address}"]
        if answers.vault == HERE
        else ["        vault01:", f"          ansible_host: {answers.vault}"]
    )
    rows = ["---", "all:", "  children:", "    website:", "      hosts:", f"        {answers.name}:"]
    rows += [f"          ansible_host: {answers.address}", *port, "    vault:", "      hosts:", *vault]
    return "\n".join(rows) + "\n"


_ALL = """\
---
# How the controller reaches its hosts. docs/explanation/design.md explains each variable.

# Where the controller keeps keys, cases and baselines.
ungcuu_state: "{{ lookup('ansible.builtin.env', 'UNGCUU_STATE')
  | default(lookup('ansible.builtin.env', 'XDG_STATE_HOME')
  | default(lookup('ansible.builtin.env', 'HOME') ~ '/.local/state', true) ~ '/ungcuu', true) }}"

# Pinned host keys; `ungcuu enrol` writes them, nothing is accepted that does not stand here.
ungcuu_known_hosts: "{{ ungcuu_state }}/known_hosts"

ansible_become: true
ansible_ssh_common_args: >-
  -o UserKnownHostsFile="{{ ungcuu_known_hosts }}" -o GlobalKnownHostsFile=/dev/null
  -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes
"""


def _all(answers: Answers) -> str:
    rows = [
        f"ansible_user: {answers.account}",
        f"ansible_ssh_private_key_file: {_quoted(str(answers.key))}",
        "",
        "# Addresses or networks that may reach SSH, also while a host is isolated: the controller, the responders.",
        f"management_addresses: {_quoted(list(answers.management))}",
    ]
    return _ALL + "\n".join(rows) + "\n"


def _website(answers: Answers) -> str:
    vault = HERE if answers.vault == HERE else "vault01"
    note = (
        f"isolation_switch_note: {_quoted(answers.switch_note)}" if answers.switch_note else "# isolation_switch_note:"
    )
    rows = [
        "---",
        "# What no host knows. What a host knows stands in host_vars.",
        "",
        "# Where people report a vulnerability; security.txt is made of it.",
        f"website_contacts: {_quoted([answers.contact])}",
        "",
        "# The vault reaches in over SSH. The address is the vault's, as the website host sees it.",
        f"website_vault_host: {vault}",
        "website_vault_address: \"{{ hostvars[website_vault_host]['ansible_host'] }}\"",
        "",
        "# Where to cut the host off without its help: every message of isolate that says NOT isolated ends with this.",
        note,
    ]
    return "\n".join(rows) + "\n"
