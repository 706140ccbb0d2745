"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_page
short_description: Request a website's health page as a visitor does
description:
  - Fails when the page is not healthy after all attempts. Redirects within the website's own name are followed.
  - Nothing of the page is kept or printed. Only words and numbers of our own are reported, since a host may lie.
attributes:
  check_mode:
    support: full
    description: The same as without it, since nothing is changed.
  diff_mode:
    support: none
    description: Nothing is changed, so there is nothing to compare.
options:
  side:
    description: Where the page is requested from.
    type: str
    choices: [controller, host]
    required: true
  address:
    description: Address that is asked.
    type: str
    required: true
  name:
    description: Host name of the website.
    type: str
    required: true
  path:
    description: Path of the page.
    type: str
    default: /
  text:
    description: Text that stands in the page of a healthy website.
    type: str
    default: ""
  scheme:
    description: Scheme of the page; empty for what the ports speak.
    type: str
    choices: ["", http, https]
    default: ""
  port:
    description: Port that is asked; 0 is the usual one of the scheme.
    type: int
    default: 0
  ports:
    description: Ports of the website.
    type: list
    elements: int
    default: []
  tries:
    description: Attempts before the answer counts as bad.
    type: int
    default: 5
  pause:
    description: Seconds between two attempts.
    type: int
    default: 2
  timeout:
    description: Seconds that one attempt may take.
    type: int
    default: 15
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Request the page over the host's own loopback
  ungcuu_page:
    side: host
    address: 127.0.0.1
    name: portal.lab.test
    path: /
    text: Welcome
"""

RETURN = r"""
passed:
  description: Whether the page is healthy.
  returned: always
  type: bool

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
