"""What Ansible loads: action plugins (``action/``) and what they share."""
