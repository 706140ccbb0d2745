"""Action plugins: the steps of a playbook that Ansible's connection alone can't do."""
