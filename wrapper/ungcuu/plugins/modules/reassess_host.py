"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: reassess_host
short_description: Decide whether a host is clean
description:
  - Scans the host, runs the tests of the roles, and records a person's statement of cause and fix.
  - Fails with what is left when the host is not clean. Nothing on the host is changed.
attributes:
  check_mode:
    support: full
    description: No re-assessment is made; the task is skipped.
  diff_mode:
    support: none
    description: Nothing is changed, so there is nothing to compare.
options:
  entry_closed:
    description: How the intruder came in, and what closed that way.
    type: str
    default: ""
  application_checked:
    description: What a person saw in the application's data that no scan reads.
    type: str
    default: ""
  by:
    description: Who states it. Empty for the person who runs this.
    type: str
    default: ""
  roles:
    description: Roles whose tests run. Empty for all.
    type: list
    elements: str
    default: []
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Re-assess the host
  reassess_host:
    entry_closed: The plugin with the upload hole was removed
    by: an
"""

RETURN = r"""
outcome:
  description: C(clean) or C(not clean).
  returned: always
  type: str
left:
  description: What still speaks against the host, at most fifty lines.
  returned: always
  type: list
  elements: str

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
