"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: give_known_files
short_description: Send a vault the list of files that a website host should hold
description:
  - Runs against the vault, about the host that the play is for. The vault judges restore points with the list.
  - A baseline with a wrong signature is reported and not sent.
attributes:
  check_mode:
    support: full
    description: Nothing is sent. The task counts as changed when the vault has another list or its list is not known.
  diff_mode:
    support: full
    description: Shows the time of the baseline that would be sent.
options:
  host:
    description: Inventory name of the website host.
    type: str
    required: true
  state:
    description: State folder of ungcuu on the controller.
    type: path
    required: true
  root:
    description: Document root of the website.
    type: str
    required: true
  config_paths:
    description: Folders of configuration that the list covers too.
    type: list
    elements: str
    default: []
  required:
    description: Fail when the vault does not answer. The next backup sends the list anyway.
    type: bool
    default: true
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Send the vault the list of known files
  give_known_files:
    host: web01
    state: "{{ ungcuu_state }}"
    root: /var/www/portal
    config_paths: [/etc/php]
  delegate_to: vault01
"""

RETURN = r"""
given:
  description: Whether the vault took the list.
  returned: when the vault was asked
  type: bool
baseline:
  description: Time of the baseline that the list comes from.
  returned: when the vault took the list
  type: str

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: when the baseline is forged
  type: list
  elements: dict
"""
