"""What a call of ansible-playbook without the wrapper brings or lacks: its private key, a state folder that lasts.

AWX and Semaphore start a container for each job. What is written to a folder that is not mounted ends with the job.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Lies in the state folder of the execution environment's image; the folder that is mounted there covers it.
MARK = "not-mounted"
_KEY = "ansible_ssh_private_key_file"


def with_private_key(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return a host's variables; where they name no private key, with that of the call or of ansible.cfg.

    Ansible's own connection takes ``--private-key`` by itself; our connections know a host's variables alone.
    """
    from ansible import context
    from ansible.constants import config

    if variables.get(_KEY) or variables.get("ansible_private_key_file"):
        return dict(variables)
    key = context.CLIARGS.get("private_key_file") or config.get_config_value("DEFAULT_PRIVATE_KEY_FILE")
    return {**variables, _KEY: str(key)} if key else dict(variables)


def lost_with_container(state: str) -> str:
    """Return what is wrong with a state folder that would be lost with the container; empty where it lasts."""
    if not state or not (Path(state).expanduser() / MARK).exists():
        return ""
    return (
        f"The state folder {state} belongs to the container and would be lost with it: baselines, evidence and records."
        f" Mount a folder of the machine at {state} (docs/how-to/awx.md)."
    )
