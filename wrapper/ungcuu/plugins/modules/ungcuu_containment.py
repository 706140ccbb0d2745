"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_containment
short_description: Record whether a host is isolated, and judge whether it may be released
description:
  - The record is kept on the controller. Nothing is asked of the host.
attributes:
  check_mode:
    support: full
    description: Nothing is recorded.
  diff_mode:
    support: full
    description: The state before and after.
options:
  state:
    description: C(isolated) and C(released) record it. C(releasable) fails with every reason against a release.
    type: str
    choices: [isolated, released, releasable]
    required: true
  folder:
    description: Folder of the controller with one folder for each host.
    type: path
    required: true
  mode:
    description: Mode of the isolation. Required with C(state=isolated).
    type: str
    choices: [full, maintenance, egress]
  override:
    description: Why the host is released although root was lost on it. With C(state=releasable).
    type: str
    default: ""
  websites:
    description: Names of the host's websites, where it has several. Each must have been re-assessed.
    type: list
    elements: str
    default: []
  by:
    description: Who overrides. Empty for the person who runs this.
    type: str
    default: ""
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Record the isolation
  ungcuu_containment:
    state: isolated
    folder: "{{ ungcuu_state }}/hosts"
    mode: full

- name: Refuse a release that is too early
  ungcuu_containment:
    state: releasable
    folder: "{{ ungcuu_state }}/hosts"
"""

RETURN = r"""
ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: with C(state=isolated)
  type: list
  elements: dict
"""
