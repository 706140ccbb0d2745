"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_wait
short_description: Wait with a command of the host for its own work to end, and ask again after a lost connection
description:
  - For a command that changes nothing and only waits for a unit of the host, which goes on whoever listens.
  - A line that is lost is tried again until C(line_seconds) have passed without an answer. Then the host counts as
    unreachable, and nobody knows what became of its work.
attributes:
  check_mode:
    support: full
    description: Nothing is waited for.
  diff_mode:
    support: none
    description: There is nothing to show.
options:
  argv:
    description: The command, word by word.
    type: list
    elements: str
    required: true
  line_seconds:
    description: Seconds for which a lost connection is tried again, from the moment at which it was found lost.
    type: int
    default: 45
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Follow the unit to its end
  ungcuu_wait:
    argv: [/usr/local/sbin/ungcuu-patch, follow, '{"seconds": 5400, "finished": true}']
"""

RETURN = r"""
rc:
  description: The command's exit code.
  returned: when it was run
  type: int
stdout:
  description: Its standard output; C(stderr) has its standard error.
  returned: when it was run
  type: str
"""
