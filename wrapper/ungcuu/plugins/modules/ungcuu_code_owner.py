"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_code_owner
short_description: Set who may write the files of a website
description:
  - Takes the website's code away from the account that PHP runs as, or gives back owner, group and mode as they were.
  - Opens the folders that the website must write. It fails, and changes nothing, where one of them is no folder.
attributes:
  check_mode:
    support: full
    description: The host is asked what it would change.
  diff_mode:
    support: full
    description: Shows how many files and folders change, and what they become.
options:
  state:
    description: C(read_only) for the account, C(as_before), or C(open) for the writable folders alone.
    type: str
    choices: [read_only, as_before, open]
    required: true
  root:
    description: Document root of the website.
    type: path
    required: true
  user:
    description: Account that PHP runs as.
    type: str
    required: true
  writable:
    description: Folders below the root that the website must write.
    type: list
    elements: str
    default: []
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Let PHP read the website's code, not write it
  ungcuu_code_owner:
    state: read_only
    root: /var/www/portal
    user: portal
    writable: [wp-content/uploads]
"""

RETURN = r"""
left:
  description: Files that were left alone, since PHP could not read them otherwise.
  returned: success
  type: int

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: when something changed
  type: list
  elements: dict
"""
