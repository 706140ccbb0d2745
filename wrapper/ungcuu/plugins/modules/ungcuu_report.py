"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_report
short_description: Report a record to the journal of the run
description:
  - The wrapper journals the records of a task. Plain ansible-playbook prints them.
  - A record of C(kind=change) does not change anything itself; it says what another task changes.
attributes:
  check_mode:
    support: full
    description: The same as without it, since nothing is changed.
  diff_mode:
    support: none
    description: Nothing is changed, so there is nothing to compare.
options:
  kind:
    description: Kind of the record, such as C(proof), C(change) or C(snapshot).
    type: str
    required: true
  data:
    description: One record, or a list of records.
    type: raw
    required: true
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Report what closes
  ungcuu_report:
    kind: change
    data: {what: service, item: apparmor.service, controls: [apparmor]}
"""

RETURN = r"""
ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
