"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_packages
short_description: Install and remove packages, and never a guarded one
description:
  - apt first simulates the change. When a guarded package would go, nothing is done and the reasons are reported.
  - Works on a host without python3-apt, in check mode too.
attributes:
  check_mode:
    support: full
    description: Only the simulation runs.
  diff_mode:
    support: full
    description: One line for each package.
options:
  present:
    description: Packages to install. C(a|b) is satisfied by either.
    type: list
    elements: str
    default: []
  absent:
    description: Packages to remove.
    type: list
    elements: str
    default: []
  guard:
    description: Patterns of packages that must never be removed.
    type: list
    elements: str
    default: []
  armed:
    description: Name of a change that was armed for this. Once it was taken back nothing is installed.
    type: str
    default: ""
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Install what the controls need
  ungcuu_packages:
    present: [auditd]
    absent: [telnet]
    guard: ["nginx*", "mariadb-server*", openssh-server]
"""

RETURN = r"""
installed:
  description: Installed packages, as C(name=version).
  returned: success
  type: list
  elements: str
removed:
  description: Removed packages.
  returned: success
  type: list
  elements: str

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
