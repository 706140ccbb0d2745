"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_probe
short_description: Prove what can be reached from a host or from the controller
description:
  - A proof that is false fails the task. A proof that cannot be taken counts as not taken.
  - Nothing is changed.
attributes:
  check_mode:
    support: full
    description: Nothing was changed, so nothing is proven; the task is skipped.
  diff_mode:
    support: none
    description: Nothing is changed, so there is nothing to compare.
options:
  prove:
    description: What is proven, and from where.
    type: str
    required: true
    choices:
      - contained inside
      - lasting inside
      - contained from the controller
      - contained from outside
      - served from outside
      - served from the controller
      - notice from the controller
  addresses:
    description: Addresses of the host.
    type: list
    elements: str
    default: []
  ports:
    description: Ports that must not answer.
    type: list
    elements: int
    default: []
  ssh_port:
    description: Port of SSH.
    type: int
    default: 0
  site:
    description: What the website must answer. Empty when it is not tried.
    type: dict
    default: {}
    suboptions:
      name:
        description: Host name of the website.
        type: str
      path:
        description: Path of the page.
        type: str
      text:
        description: Text that the page holds.
        type: str
      ports:
        description: Ports on which visitors reach it. Empty for 80 and 443.
        type: list
        elements: int
  vantage:
    description: Inventory name of the second machine that tries it from outside.
    type: str
    default: ""
  allowed:
    description: Addresses that may reach SSH. One that may come in cannot prove that SSH is closed to others.
    type: list
    elements: str
    default: []
  outside:
    description: Addresses outside that the host must not reach.
    type: list
    elements: str
    default: []
  switch:
    description: Note of the site on where else to cut the host off. It ends the message of a failed proof.
    type: str
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Prove from a second machine that nothing answers
  ungcuu_probe:
    prove: contained from outside
    addresses: [198.51.100.2]
    ports: [22, 80]
    ssh_port: 22
    vantage: intruder01
    allowed: [198.51.100.1]
"""

RETURN = r"""
proofs:
  description: One row for each proof, with C(name), C(side), C(passed) and C(detail).
  returned: without check mode
  type: list
  elements: dict

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: without check mode
  type: list
  elements: dict
"""
