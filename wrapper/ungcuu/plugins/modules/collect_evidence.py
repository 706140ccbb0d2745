"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: collect_evidence
short_description: Copy evidence from the host to a folder of the controller
description:
  - Runs one profile of read-only commands on the host over plain OpenSSH. Nothing is written to the host's disk.
  - Items that the folder already holds are not taken again, so an interrupted collection goes on where it stopped.
attributes:
  check_mode:
    support: full
    description: Nothing is read from the host; the message says how many items would be taken.
  diff_mode:
    support: none
    description: Only new files on the controller; the result lists them.
options:
  profile:
    description: Name of the profile, a file in C(profiles).
    type: str
    required: true
  profiles:
    description: Folder of the profiles on the controller.
    type: path
    required: true
  folder:
    description: Folder of the controller that receives the evidence.
    type: path
    required: true
  who:
    description: Name in the custody record. Empty for the person who runs this.
    type: str
    default: ""
  again:
    description: Take items again that the folder already holds.
    type: bool
    default: false
  ours:
    description: Compare the files that ungcuu itself has put on the host.
    type: bool
    default: false
  patience:
    description: Factor for all time limits. More than 1 for a slow line.
    type: float
    default: 1
  days:
    description: How many days back logs and changed files are taken.
    type: int
    default: 30
  rows:
    description: How many of the latest rows of each table are taken.
    type: int
    default: 500
  processes:
    description: Ids of processes whose memory is taken too.
    type: list
    elements: str
    default: []
  disks:
    description: Block devices whose image is taken too.
    type: list
    elements: str
    default: []
  site:
    description: What the profile may know of the website.
    type: dict
    default: {}
    suboptions:
      root:
        description: Document root.
        type: str
      writable:
        description: Folders below the root that the site may write.
        type: list
        elements: str
      database_engine:
        description: C(mariadb) or C(postgresql).
        type: str
      database_name:
        description: Name of the database.
        type: str
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Take what a restart would destroy
  collect_evidence:
    profile: volatile
    profiles: roles/evidence/profiles
    folder: cases/2026-0001/evidence
    site: {root: /var/www/portal, writable: [uploads], database_engine: mariadb, database_name: portal}
"""

RETURN = r"""
counts:
  description: Number of items by outcome.
  returned: when the host was asked
  type: dict

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
