"""Documentation of the action plugin of this name, and the one list of its options; the code is in ../action."""

DOCUMENTATION = r"""
module: rotate_credentials
short_description: Make new passwords and keys, store them, and set them on the host
description:
  - C(what=website) rotates what the application's profile names - the database password, keys, sessions, standing
    passwords of programs, passwords of administrators. C(what=accounts) rotates local accounts.
  - New secrets are stored on the controller, encrypted, before the host gets them. No result or log holds a secret.
attributes:
  check_mode:
    support: full
    description: No secret is made. Accounts are read from the host, so that the task says whether any would change.
  diff_mode:
    support: full
    description: Names what gets a new secret, never the secret.
options:
  what:
    description: Whose secrets.
    type: str
    choices: [website, accounts]
    required: true
  state:
    description: State folder of ungcuu on the controller.
    type: path
    required: true
  store:
    description: Encrypted file on the controller that receives the secrets.
    type: path
    required: true
  store_password:
    description: File on the controller with the password of the store. It is made when it is missing.
    type: path
    required: true
  site:
    description: The website and its database account. Required with C(what=website).
    type: dict
    suboptions:
      name:
        description: Host name of the website.
        type: str
        required: true
      root:
        description: Document root.
        type: str
        required: true
      user:
        description: Account as which PHP runs the website.
        type: str
        default: www-data
      application:
        description: Name of the application's profile.
        type: str
        required: true
      profile_facts:
        description: What the site states of an application that was written by hand.
        type: dict
        default: {}
      health_path:
        description: Path of the page that proves that the website works.
        type: str
        required: true
      health_text:
        description: Text that this page holds.
        type: str
        required: true
      ports:
        description: Ports on which visitors reach it. Empty for 80 and 443.
        type: list
        elements: int
        default: []
      database:
        description: The database account. Empty for a website without a database.
        type: dict
        default: {}
        suboptions:
          engine:
            description: C(mariadb) or C(postgresql).
            type: str
          name:
            description: Name of the database.
            type: str
          user:
            description: The website's account.
            type: str
  accounts:
    description: Accounts that get new secrets. Empty for all that have a password or key. With C(what=accounts).
    type: list
    elements: str
  keep:
    description: Accounts that are never changed. Required with C(what=accounts).
    type: list
    elements: str
author: [ungcuu]
"""

EXAMPLES = r"""
- name: Rotate the secrets of the website
  rotate_credentials:
    what: website
    state: "{{ ungcuu_state }}"
    store: "{{ ungcuu_state }}/hosts/web01/secrets.yml"
    store_password: "{{ ungcuu_state }}/keys/secrets_password"
    site:
      name: portal.lab.test
      root: /var/www/portal
      application: wordpress
      health_path: /
      health_text: Portal
      database: {engine: mariadb, name: portal, user: portal}

- name: Rotate passwords and keys of local accounts
  rotate_credentials:
    what: accounts
    state: "{{ ungcuu_state }}"
    store: "{{ ungcuu_state }}/hosts/web01/secrets.yml"
    store_password: "{{ ungcuu_state }}/keys/secrets_password"
    accounts: []
    keep: [ungcuu]
"""

RETURN = r"""
left:
  description: What keeps its secrets, and why.
  returned: always
  type: list
  elements: raw

ungcuu:
  description: Records for the journal, each with C(kind) and C(data).
  returned: always
  type: list
  elements: dict
"""
