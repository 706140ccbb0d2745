"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_ask
short_description: Ask a host by a program of a role that need not be installed there
description:
  - The program is sent with its order over the connection of the task. Nothing of it is left on the host.
  - For orders that change nothing. What changes a host is done by the installed program, see M(ungcuu_program).
attributes:
  check_mode:
    support: full
    description: The same as without it, since nothing is changed.
  diff_mode:
    support: none
    description: Nothing is changed, so there is nothing to compare.
options:
  package:
    description: Name of the package, a folder below the role's files.
    type: str
    required: true
  order:
    description: What the program is asked for.
    type: dict
    required: true
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Ask the host what an upgrade would change
  ungcuu_ask:
    package: ungcuu_patch
    order: {do: plan, everything: false, tools: []}
  register: planned
"""

RETURN = r"""
answer:
  description: What the host answered; nothing of it has been checked.
  returned: success
  type: dict
"""
