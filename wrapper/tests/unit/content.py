"""A small content folder (playbooks, roles, inventory) whose hosts are this machine, for tests of the wrapper."""

from __future__ import annotations

import dataclasses
import textwrap
from pathlib import Path

from ungcuu.core.settings import Settings

PLAYBOOK = """
- name: Greet the host
  hosts: website
  gather_facts: false
  any_errors_fatal: true
  roles:
    - role: greeting
  tasks:
    - name: Say goodbye
      ansible.builtin.debug:
        msg: bye
"""
MAIN = """
- name: Look at the host
  ansible.builtin.import_tasks: look.yml
- name: Greet in one line
  ansible.builtin.include_tasks: greet.yml
"""
LOOK = """
- name: Count to one
  ansible.builtin.command: echo 1
  changed_when: false
"""
GREET = """
- name: Write the greeting
  ansible.builtin.copy:
    content: "{{ greeting_text }}"
    dest: "{{ greeting_file }}"
    mode: "0600"
- name: Report it
  ungcuu_report:
    kind: proof
    data: {name: greeted, side: inside, passed: true, detail: "{{ greeting_text }}", password: hunter2}
"""
HOSTS = """
all:
  vars:
    ansible_connection: local
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    site_color: green
    derived: "{{ site_color }}-ish"
  children:
    website:
      vars:
        website_name: portal.example
        website_root: /var/www/portal
        website_user: portal
        website_health_path: /
        website_health_text: portal
        website_config_paths: [/etc/nginx]
        website_database_engine: mariadb
        website_database_name: portal
        website_database_user: portal
        website_vault_host: vault01
        website_vault_address: 192.0.2.9
        management_addresses: [192.0.2.100]
      hosts:
        web01: {}
        web02: {}
    vault:
      hosts:
        vault01:
          ansible_host: 192.0.2.9
"""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip(), "utf-8")


def make(folder: Path, **playbooks: str) -> Settings:
    """Return settings with a content folder and a state folder below ``folder``."""
    content = folder / "content"
    write(
        content,
        {
            "ansible.cfg": "[defaults]\nroles_path = roles\ninject_facts_as_vars = false\n",
            "inventory/site/hosts.yml": HOSTS,
            "playbooks/greet.yml": PLAYBOOK,
            "roles/greeting/tasks/main.yml": MAIN,
            "roles/greeting/tasks/look.yml": LOOK,
            "roles/greeting/tasks/greet.yml": GREET,
            **{f"playbooks/{name}.yml": text for name, text in playbooks.items()},
        },
    )
    settings = Settings.from_environment({"UNGCUU_STATE": str(folder / "state")})
    return dataclasses.replace(settings, content=content, inventory=content / "inventory" / "site")
