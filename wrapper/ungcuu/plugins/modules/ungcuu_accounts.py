"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_accounts
short_description: Lock the accounts of a host and of its website, or unlock them
description:
  - What undoes a lock is kept on the controller, in C(folder)/HOST/locked.json. The host is not trusted with it.
attributes:
  check_mode:
    support: full
    description: The host reports whom it would lock, and locks nobody.
  diff_mode:
    support: full
    description: One line for each account.
options:
  state:
    description: C(unlocked) undoes every earlier lock.
    type: str
    choices: [locked, unlocked]
    required: true
  folder:
    description: Folder of the controller with one folder for each host.
    type: path
    required: true
  keep:
    description: Accounts that are never locked, those that manage the host.
    type: list
    elements: str
    required: true
  accounts:
    description: Accounts to lock. Empty for everybody who can log in.
    type: list
    elements: str
    default: []
  application:
    description: Application whose accounts are suspended. Empty leaves them alone.
    type: str
    default: ""
  engine:
    description: Database engine of the application.
    type: str
    default: ""
  database:
    description: Name of the application's database.
    type: str
    default: ""
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Lock the accounts
  ungcuu_accounts:
    state: locked
    folder: "{{ ungcuu_state }}/hosts"
    keep: [ungcuu]
    application: wordpress
    engine: mariadb
    database: portal
"""

RETURN = r"""
locked:
  description: Names of the accounts that are locked.
  returned: always
  type: list
  elements: str
site:
  description: How many accounts of the application were suspended.
  returned: always
  type: int
left:
  description: Accounts that were not locked, and why.
  returned: always
  type: list
  elements: str

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
