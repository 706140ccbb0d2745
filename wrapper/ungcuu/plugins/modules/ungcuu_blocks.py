"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_blocks
short_description: Keep the list of networks that a host blocks
description:
  - The list is kept on the controller. A block that covers a management network is refused.
attributes:
  check_mode:
    support: full
    description: The list is not written.
  diff_mode:
    support: full
    description: The list before and after.
options:
  folder:
    description: Folder of the controller with one folder for each host.
    type: path
    required: true
  add:
    description: Addresses and networks to block.
    type: list
    elements: str
    default: []
  remove:
    description: Addresses and networks that are no longer blocked.
    type: list
    elements: str
    default: []
  reason:
    description: Why they are blocked. Required with C(add).
    type: str
    default: ""
  owner:
    description: Who blocks them.
    type: str
    default: "?"
  until:
    description: When somebody must decide again, in ISO 8601.
    type: str
    default: ""
  ipv4:
    description: Management networks, IPv4.
    type: list
    elements: str
    default: []
  ipv6:
    description: Management networks, IPv6.
    type: list
    elements: str
    default: []
  counters:
    description: Only show what the host has counted.
    type: bool
    default: false
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Block a network
  ungcuu_blocks:
    folder: "{{ ungcuu_state }}/hosts"
    add: [203.0.113.9]
    reason: brute force
    owner: an
    ipv4: [198.51.100.1]

- name: Show the counters
  ungcuu_blocks:
    folder: "{{ ungcuu_state }}/hosts"
    counters: true
"""

RETURN = r"""
blocks:
  description: Network and comment of each block, by C(ipv4) and C(ipv6).
  returned: without C(counters)
  type: dict
counters:
  description: Packets and bytes that each block has stopped.
  returned: with C(counters)
  type: list
  elements: dict

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
