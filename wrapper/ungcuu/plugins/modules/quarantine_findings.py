"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: quarantine_findings
short_description: Move what a scan found to quarantine, or put it back
description:
  - Takes files, accounts, keys, jobs and processes out of use in a way that can be undone.
  - Without C(findings) and C(paths) every critical and high finding of the last scan is taken.
attributes:
  check_mode:
    support: full
    description: The host reports what would be done, and does nothing.
  diff_mode:
    support: full
    description: One line for each thing that is taken or put back.
options:
  findings:
    description: Ids of findings of the last scan. Empty for every critical and high one.
    type: list
    elements: str
    default: []
  paths:
    description: Further files that a person names.
    type: list
    elements: str
    default: []
  kill_processes:
    description: End the processes that were found.
    type: bool
    default: false
  put_back:
    description: Ids of quarantined items to put back. Then nothing is taken.
    type: list
    elements: str
    default: []
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Move every critical and high finding to quarantine
  quarantine_findings:
    kill_processes: false

- name: Put back what was taken by mistake
  quarantine_findings:
    put_back: [20260101T000000Z-0123456789abcdef]
"""

RETURN = r"""
taken:
  description: One line for each thing, with its outcome.
  returned: always
  type: list
  elements: str
left:
  description: What this plugin does not take, and why.
  returned: always
  type: list
  elements: dict

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
