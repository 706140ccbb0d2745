"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: ungcuu_controls
short_description: Decide the state of each control on this host
description:
  - Joins the catalogue of controls, the overrides of the inventory and a survey of the host.
  - What the host answers is checked for its form before anything uses it.
attributes:
  check_mode:
    support: full
    description: The same as without it, since nothing is changed.
  diff_mode:
    support: none
    description: Nothing is changed, so there is nothing to compare.
options:
  roles:
    description: Folder of the roles, with the catalogue of controls.
    type: path
    required: true
  level:
    description: Level of hardening.
    type: int
    default: 2
  states:
    description: State of a control by its id, C(enforce), C(audit) or C(off).
    type: dict
    default: {}
  name:
    description: Host name of the website.
    type: str
    default: ""
  root:
    description: Document root of the website.
    type: str
    default: ""
  websites:
    description: Facts of each website of the host that the inventory knows, by the names of its variables.
    type: list
    elements: dict
    default: []
  website:
    description: Name of the one of several websites that the run is about.
    type: str
    default: ""
  scopes:
    description: Scopes of the controls that this run sets, and may revert. Empty for all.
    type: list
    elements: str
    default: []
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Decide which controls apply
  ungcuu_controls:
    roles: roles
    level: 2
    states: {ssh-banner: audit}
  register: controls_survey
"""

RETURN = r"""
states:
  description: State of each control by its id.
  returned: success
  type: dict
enforced:
  description: Ids of the enforced controls.
  returned: success
  type: list
  elements: str
noticeable:
  description: Enforced controls that visitors can notice.
  returned: success
  type: list
  elements: str
packages:
  description: Packages that the enforced controls bring.
  returned: success
  type: list
  elements: str
pools:
  description: PHP-FPM pools that the website has for itself, by version.
  returned: success
  type: dict
shared_pools:
  description: Pools that it shares, as version/name, with the names of the other websites.
  returned: success
  type: dict
shared_units:
  description: Units that run PHP of other websites, with the names of those.
  returned: success
  type: dict
own_files:
  description: Files that hold the website's virtual hosts.
  returned: success
  type: list
  elements: str
shared_files:
  description: Those of them that hold virtual hosts of other websites, too.
  returned: success
  type: list
  elements: str
websites:
  description: The websites as they were given.
  returned: success
  type: list
  elements: dict
host:
  description: Whether the run sets controls of the host.
  returned: success
  type: bool
suffix:
  description: What the names of files for this website end in.
  returned: success
  type: str
suffixes:
  description: The same for each website of the host.
  returned: success
  type: list
  elements: str
left_over:
  description: Files that earlier runs put there for websites that the inventory does not know any more.
  returned: success
  type: list
  elements: str
ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
