"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_readback
short_description: Read the rules of an isolated host back from its kernel
description:
  - With C(keys) sshd is asked instead whose keys it takes. Nothing is changed.
attributes:
  check_mode:
    support: full
    description: Nothing was changed, so nothing is read; the task is skipped.
  diff_mode:
    support: none
    description: Nothing is changed, so there is nothing to compare.
options:
  mode:
    description: Mode of the isolation.
    type: str
    choices: [full, maintenance, egress]
  ipv4:
    description: IPv4 networks that may reach SSH.
    type: list
    elements: str
    default: []
  ipv6:
    description: IPv6 networks that may reach SSH.
    type: list
    elements: str
    default: []
  ssh_port:
    description: Port of SSH.
    type: int
  public_ports:
    description: Ports that the mode leaves open.
    type: list
    elements: int
    default: []
  hooks:
    description: Whether network devices are closed too.
    type: bool
    default: true
  pins:
    description: Whether the hardware addresses of neighbours are pinned.
    type: bool
    default: true
  since:
    description: Result of the first reading.
    type: dict
    default: {}
  seconds:
    description: How many seconds after the first reading this one is taken.
    type: float
    default: 0
  fail:
    description: Fail when something was read that is wrong.
    type: bool
    default: false
  keys:
    description: Public keys that sshd may take. Then the rules are not read.
    type: list
    elements: str
  key_file:
    description: File on the host with these keys. Required with C(keys).
    type: str
  accounts:
    description: Accounts that sshd is asked about. Required with C(keys).
    type: list
    elements: str
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Read the rules back
  ungcuu_readback:
    mode: full
    ipv4: [198.51.100.1]
    ipv6: []
    ssh_port: 22
  register: first

- name: Read them again half a minute later
  ungcuu_readback:
    mode: full
    ipv4: [198.51.100.1]
    ssh_port: 22
    since: "{{ first }}"
    seconds: 30
    fail: true

- name: Ask sshd whose keys it takes
  ungcuu_readback:
    keys: [ssh-ed25519 AAAA]
    key_file: /etc/ssh/ungcuu-isolation.keys
    accounts: [root]
"""

RETURN = r"""
proofs:
  description: One row for each proof, with C(name), C(side), C(passed) and C(detail).
  returned: without check mode
  type: list
  elements: dict
read_at:
  description: When the first reading was taken, in seconds since 1970.
  returned: without C(keys)
  type: float

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: without check mode
  type: list
  elements: dict
"""
