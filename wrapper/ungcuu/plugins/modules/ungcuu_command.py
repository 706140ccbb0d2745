"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_command
short_description: Run a command whose changes are known, and show them in the plan too
description:
  - A look that runs before, in check mode too, finds what would change. This task shows it and does it.
  - Without C(changes) nothing is done.
attributes:
  check_mode:
    support: full
    description: The command is not run. The task counts as changed when there are changes.
  diff_mode:
    support: full
    description: The lines of C(changes).
options:
  argv:
    description: The command, word by word.
    type: list
    elements: str
    required: true
  stdin:
    description: Text for its standard input.
    type: str
    default: ""
  changes:
    description: What it changes, one line each, such as the SQL that it runs.
    type: list
    elements: str
    required: true
  what:
    description: Kind of the change, for the difference and the record.
    type: str
    required: true
  item:
    description: What is changed, for the record. Without it there is no record; a later task of the role makes its own.
    type: str
    default: ""
  controls:
    description: Ids of the controls that the change carries.
    type: list
    elements: str
    default: []
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Lock the accounts that the look has found
  ungcuu_command:
    argv: [mariadb, -e, "ALTER USER ''@'localhost' ACCOUNT LOCK"]
    changes: "{{ found.stdout_lines }}"
    what: database_rights
    item: anonymous accounts locked
    controls: [mariadb-accounts]
"""

RETURN = r"""
rc:
  description: The command's exit code.
  returned: when it was run
  type: int
stdout:
  description: Its standard output; C(stdout_lines) has it line by line, C(stderr) its standard error.
  returned: when it was run
  type: str
ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: when there are changes
  type: list
  elements: dict
"""
