"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_dropins
short_description: Write a set of configuration files as one transaction
description:
  - The files are written, judged by the daemon's own parser, and taken back at once when it objects.
  - With C(revert) a timer on the host takes them back, unless the change is confirmed over a new connection.
  - C(arm) only arms such a timer for a change that other tasks make. C(confirm) keeps an armed change.
attributes:
  check_mode:
    support: full
    description: Nothing is written, armed or confirmed. The result names the files that differ.
  diff_mode:
    support: full
    description: Content, mode, owner and group of each file, and what is not in effect.
options:
  files:
    description: The files.
    type: list
    elements: dict
    suboptions:
      dest:
        description: Path on the host.
        type: str
        required: true
      src:
        description: Template of the role.
        type: str
      vars:
        description: Variables for this template alone.
        type: dict
        default: {}
      state:
        description: C(absent) removes the file.
        type: str
        choices: [present, absent]
      mode:
        description: Mode in octal, in quotes. 0644 for a file that is written.
        type: str
      owner:
        description: Owner. C(root) for a file that is written.
        type: str
      group:
        description: Group. C(root) for a file that is written.
        type: str
      edits:
        description: Replacements in the file that is there, in place of C(src).
        type: list
        elements: dict
        suboptions:
          pattern:
            description: Regular expression; C(^) and C($) match at each line.
            type: str
            required: true
          replace:
            description: Replacement.
            type: str
            required: true
      comes_with_package:
        description: A package that this run installs brings the file.
        type: bool
      only_mode:
        description: Only set the mode of a file or folder that is there.
        type: bool
      controls:
        description: Ids of the controls that the file carries.
        type: list
        elements: str
        default: []
  validate:
    description: Commands that judge the files. One that fails takes them back.
    type: list
    elements: list
  apply:
    description: Commands that make the files take effect. One that fails takes them back.
    type: list
    elements: list
  probes:
    description: Commands that say whether what runs is what the files say. One that fails makes C(apply) run.
    type: list
    elements: dict
    suboptions:
      name:
        description: What the command looks at.
        type: str
        required: true
      command:
        description: The command, word by word.
        type: list
        elements: str
        required: true
  skips:
    description: Commands that print what this host does not let be applied, a line each.
    type: list
    elements: dict
    suboptions:
      controls:
        description: Ids of the controls.
        type: list
        elements: str
        required: true
      reason:
        description: Why it is not applied, as a code of a record.
        type: str
        choices: [kernel_keeps, no_audit_rules]
        required: true
      command:
        description: The command, word by word.
        type: list
        elements: str
        required: true
  revert:
    description: Timer on the host that takes the change back.
    type: dict
    suboptions: &revert
      name:
        description: Name of the change, for C(confirm).
        type: str
        required: true
      seconds:
        description: Seconds until the change is taken back.
        type: int
        required: true
      commands:
        description: Commands that run after the files are back.
        type: list
        elements: list
        required: true
      files:
        description: Further files that are put back.
        type: list
        elements: str
      wait_seconds:
        description: Seconds that the timer waits for a package manager that is running.
        type: int
  arm:
    description: Arm the timer for a change that other tasks make.
    type: dict
    suboptions: *revert
  confirm:
    description: Name of an armed change that is kept.
    type: str
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Write sshd's drop-in
  ungcuu_dropins:
    files:
      - {src: sshd.conf.j2, dest: /etc/ssh/sshd_config.d/00-ungcuu.conf, mode: "0600", controls: [ssh-crypto]}
    validate: [[sshd, -t]]
    apply: [[systemctl, reload, ssh]]
    revert: {name: sshd, seconds: 90, commands: [[systemctl, reload, ssh]]}

- name: Keep the change over a new connection
  ungcuu_dropins:
    confirm: sshd
"""

RETURN = r"""
paths:
  description: Files that were written or removed, or the names of probes that failed.
  returned: success
  type: list
  elements: str
armed:
  description: Unit of the timer that takes the change back. Empty without one.
  returned: success
  type: str

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
