"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: renew_baseline
short_description: Renew a host's signed baseline for exactly the files of a release
description:
  - A file is taken over where the host shows it with the SHA-256 that the release has. Everything else stays as signed.
  - Nothing on the host is changed.
attributes:
  check_mode:
    support: full
    description: The host is not read and no baseline is signed; the task is skipped.
  diff_mode:
    support: none
    description: Only the signed file on the controller.
options:
  files:
    description: Path on the host to the SHA-256 that the release has.
    type: dict
    required: true
  folders:
    description: Folders of the application's own files. What is gone from them, and not in the release, is dropped.
    type: list
    elements: str
    default: []
  release:
    description: Version of the release, for the record.
    type: str
    default: ""
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Renew the baseline for the files of the release
  renew_baseline:
    files: "{{ release.files }}"
    folders: "{{ release.folders }}"
"""

RETURN = r"""
ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
