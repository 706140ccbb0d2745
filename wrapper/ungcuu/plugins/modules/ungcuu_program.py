"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_program
short_description: Install a Python package of a role as one executable file
description:
  - The file is a zip archive that Python runs. The same sources give the same bytes.
  - Owner and group are root, the mode is 0755.
attributes:
  check_mode:
    support: full
    description: The file is built on the controller and compared. The host keeps its file.
  diff_mode:
    support: full
    description: SHA-256 of the program that is sent, and how the file on the host differs.
options:
  package:
    description: Name of the package, a folder below the role's files.
    type: str
    required: true
  dest:
    description: Path of the program on the host.
    type: str
    required: true
  modules:
    description: Modules of ungcuu that go with it, by their path without C(.py).
    type: list
    elements: str
    default: []
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Install the program of the vault
  ungcuu_program:
    package: ungcuu_vault
    dest: /usr/local/sbin/ungcuu-vault
    modules: [content, remote/config]
"""

RETURN = r"""
dest:
  description: Path of the program on the host.
  returned: success
  type: str
checksum:
  description: SHA-1 of the program, as the copy module reports it.
  returned: success
  type: str
"""
