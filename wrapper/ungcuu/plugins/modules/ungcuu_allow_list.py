"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_allow_list
short_description: Resolve who may reach SSH on an isolated host
description:
  - Refuses a list that does not hold the address that the host sees the controller come from.
attributes:
  check_mode:
    support: full
    description: The same as without it, since nothing is changed.
  diff_mode:
    support: none
    description: Nothing is changed, so there is nothing to compare.
options:
  entries:
    description: Addresses, networks and names.
    type: list
    elements: str
    required: true
  card:
    description: Containment card on the controller whose list is allowed too. It need not exist.
    type: path
    default: ""
  key:
    description: Private key that this controller logs in with, when it is a file.
    type: path
    default: ""
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Resolve the allow-list
  ungcuu_allow_list:
    entries: [198.51.100.1, "2001:db8::/64", admin.example.org]
  register: allowed
"""

RETURN = r"""
ipv4:
  description: IPv4 networks, as nft lists them.
  returned: success
  type: list
  elements: str
ipv6:
  description: IPv6 networks, as nft lists them.
  returned: success
  type: list
  elements: str
seen:
  description: Address that the host sees the controller come from.
  returned: success
  type: str
keys_of_controller:
  description: Public keys that this controller logs in with.
  returned: success
  type: list
  elements: str
"""
