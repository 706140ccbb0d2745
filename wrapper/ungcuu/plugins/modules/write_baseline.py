"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: write_baseline
short_description: Sign the state of a host as known good
description:
  - Refuses on a host that shows signs of an intruder, and on one that has an open case and was not released.
  - Nothing on the host is changed.
attributes:
  check_mode:
    support: full
    description: The host is not read and no baseline is signed; the task is skipped.
  diff_mode:
    support: none
    description: Only the signed file on the controller.
options:
  accept:
    description: Ids of findings that a person accepts, each with the word below.
    type: list
    elements: str
    default: []
  reason:
    description: Why they are accepted.
    type: str
    default: ""
  owner:
    description: Who answers for them.
    type: str
    default: ""
  until:
    description: Last day on which that holds, ISO 8601.
    type: str
    default: ""
  by:
    description: Who recorded it.
    type: str
    default: ""
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Sign the baseline
  write_baseline:
    accept: [173ea3f2f207ea95]
    reason: a tool of our own theme
    owner: Lê Bình
    until: "2027-06-30"
"""

RETURN = r"""
ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
