"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_website_probe
short_description: Use the website as its visitors and editors do
description:
  - Tries home page, login, upload and posting, and compares with an earlier probe.
  - Asks for the home page of every other website of the host, too.
  - A flood guard of the application (429) is no failure; it slows the probe down.
  - An account is made for the probe and removed again. Nothing on the website stays changed.
attributes:
  check_mode:
    support: full
    description: Only reading is tried.
  diff_mode:
    support: none
    description: Nothing is changed, so there is nothing to compare.
options:
  site:
    description: The website.
    type: dict
    required: true
    suboptions:
      name:
        description: Host name of the website.
        type: str
      path:
        description: Path of the page.
        type: str
      text:
        description: Text that the page holds.
        type: str
      ports:
        description: Ports on which visitors reach it. Empty for 80 and 443.
        type: list
        elements: int
        default: []
      root:
        description: Document root.
        type: str
      user:
        description: Account that the website runs as.
        type: str
      application:
        description: Name of the application's profile.
        type: str
      profile_facts:
        description: What the site states of an application that was written by hand.
        type: dict
        default: {}
      engine:
        description: C(mariadb) or C(postgresql).
        type: str
      database:
        description: Name of the database.
        type: str
  others:
    description: Further websites of the host, in the form of C(site), which are tried in the same way.
    type: list
    elements: dict
    default: []
  before:
    description: C(results) of an earlier probe.
    type: dict
    default: {}
  only:
    description: Names of trials. Empty for all.
    type: list
    elements: str
    default: []
  accept_failing:
    description: Names of trials that may fail before anything is changed.
    type: list
    elements: str
    default: []
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Try the website again
  ungcuu_website_probe:
    site: {name: portal.lab.test, root: /var/www/portal, user: www-data, path: /, text: Portal}
    before: "{{ website_probe_before.results }}"
"""

RETURN = r"""
results:
  description: C(passed) and C(detail) of each trial, by its name.
  returned: success
  type: dict
broken:
  description: Trials that passed before and fail now.
  returned: success
  type: list
  elements: str
failing:
  description: Trials that fail now.
  returned: success
  type: list
  elements: str
refused:
  description: Trials that fail before anything was changed, and are not among C(accept_failing).
  returned: success
  type: list
  elements: str
remade:
  description: Trials that fail because of what the run itself sets again, such as its own Content-Security-Policy.
  returned: success
  type: list
  elements: str
refused_by:
  description: Rules of the web application firewall that refused a trial, by id.
  returned: success
  type: list
  elements: int
misplaced:
  description: What is wrong with the document root, empty if nothing is.
  returned: success
  type: str
needs:
  description: What the pages load, by directive of a Content-Security-Policy.
  returned: success
  type: dict

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
