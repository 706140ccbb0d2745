"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_release
short_description: Check the archive of an application's release, and compare it with the website's tree
description:
  - Refuses an archive that is not a whole release of this application, or one that is not newer.
  - Nothing is changed on the host.
attributes:
  check_mode:
    support: full
    description: The same, but nothing is packed for the host.
  diff_mode:
    support: none
    description: It changes nothing; the task that puts the release in place shows C(lines).
options:
  archive:
    description: The release on the controller, zip or tar.
    type: path
    required: true
  sha256:
    description: SHA-256 that the archive must have; empty for any.
    type: str
    default: ""
  application:
    description: Name of the application's profile.
    type: str
    required: true
  profile_facts:
    description: What the site states of its application.
    type: raw
    default: {}
  root:
    description: The document root.
    type: path
    required: true
  writable:
    description: Folders below it that the website writes; they are left alone.
    type: list
    elements: str
    default: []
  installed:
    description: The release stands there already; only compare, and say which files are as the archive has them.
    type: bool
    default: false
  updates:
    description: What the host says of its updates. One of this archive that waits for its trials is joined.
    type: dict
    default: {}
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Check the release, and compare it with the website
  ungcuu_release:
    archive: /root/wordpress-6.8.3.zip
    application: wordpress
    root: /var/www/portal
"""

RETURN = r"""
archive_sha256:
  description: SHA-256 of the archive.
  returned: always
  type: str
version:
  description: Version of the release; C(version_before) is the one that stands there.
  returned: always
  type: str
joined:
  description: Id of the update that is in place already and waits for its trials; empty for none.
  returned: always
  type: str
differing:
  description: Files of the release that the host has not, or has otherwise.
  returned: always
  type: list
  elements: str
leftover:
  description: Files of the application that the release has not.
  returned: always
  type: list
  elements: str
lines:
  description: One line for each file that would be changed, added or removed.
  returned: when the release is not installed
  type: list
  elements: str
files:
  description: Path on the host to the SHA-256 that the release has, for the baseline.
  returned: always
  type: dict
payload:
  description: Archive on the controller of what the host needs.
  returned: when there is something to put in place
  type: str
"""
