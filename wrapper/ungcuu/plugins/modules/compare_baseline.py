"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: compare_baseline
short_description: Compare the host with its signed baseline
description:
  - Reads the host's state and reports each difference from the baseline, and each sign of an intruder.
  - A host that cannot be read fails the task; it never counts as clean.
attributes:
  check_mode:
    support: full
    description: The host is compared and the findings are returned. They are not kept for C(quarantine_findings).
  diff_mode:
    support: none
    description: Nothing is changed, so there is nothing to compare.
options: {}
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Compare the host with its baseline
  compare_baseline: {}
"""

RETURN = r"""
scan:
  description: Summary of the scan, with C(clean) and C(counts).
  returned: always
  type: dict
worst:
  description: The first twenty findings, one line each.
  returned: always
  type: list
  elements: str

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
