"""The subject of a scan out of a playbook's variables: shared by the action plugins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ungcuu.case.host_past import HostPast
from ungcuu.detect.scan import Subject
from ungcuu.hosts import profiles
from ungcuu.hosts.site import plain, target_from
from ungcuu.plugins.plain_call import with_private_key

_REACHED_BY = frozenset(
    {
        "ansible_host",
        "ansible_port",
        "ansible_ssh_port",
        "ansible_user",
        "ansible_ssh_user",
        "ansible_ssh_private_key_file",
        "ansible_private_key_file",
        "ansible_ssh_common_args",
        "ansible_become",
        "ansible_connection",
        "ungcuu_known_hosts",
    }
)
_WANTED = _REACHED_BY | frozenset(
    {
        "ungcuu_state", "inventory_hostname", "website_root", "website_writable_paths",
        "website_user", "website_ports", "website_database_engine", "website_database_name", "website_application",
        "website_config_paths", "website_vault_host", "website_profile_facts",
        "host_state_exclude", "host_state_trees", "host_state_seconds", "host_state_most_files",
        "host_state_package_sources", "website_target", "websites",
    }
)  # fmt: skip # a table


def facts(templar: Any, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inventory's values, resolved. Nothing that a host said is among them."""
    known = {name: templar.template(task_vars[name]) for name in sorted(_WANTED) if name in task_vars}
    return with_private_key(known)


def subject_from(templar: Any, task_vars: Mapping[str, Any]) -> Subject:
    """Return the subject of a scan."""
    known = facts(templar, task_vars)
    host = str(known["inventory_hostname"])
    state = Path(str(known["ungcuu_state"])).expanduser()
    return Subject(
        host=host,
        target=target_from(host, known),
        state=state,
        past=HostPast(state, host),
        web_root=str(known["website_root"]),
        writable=tuple(map(str, known.get("website_writable_paths", []))),
        web_user=str(known.get("website_user", "www-data")),
        ports=tuple(map(int, known.get("website_ports", [80, 443]))),
        engine=str(known.get("website_database_engine", "")),
        database=str(known.get("website_database_name", "")),
        application=str(known.get("website_application", "")),
        profile=profiles.of_site(
            str(known.get("website_application", "")), plain(known.get("website_profile_facts") or {})
        ),
        exclude=(*map(str, known.get("host_state_exclude", [])), *neighbour_roots(known)),
        trees=tuple(map(str, known.get("host_state_trees", []))),
        package_sources=tuple(map(str, known.get("host_state_package_sources", []))),
        config_paths=tuple(map(str, known.get("website_config_paths", []))),
        vault=str(known.get("website_vault_host", "")),
        vault_variables=_vault_variables(templar, task_vars, str(known.get("website_vault_host", ""))),
        seconds=float(known.get("host_state_seconds", 180)),
        most_files=int(known.get("host_state_most_files", 0)),
        website=str(known.get("website_target", "")).partition("/")[2],
    )


def neighbour_roots(known: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the roots of the host's other websites, in a run about one of several.

    Each is compared by a scan of its own, which knows its writable folders: an upload there would be a finding here.
    """
    website = str(known.get("website_target", "")).partition("/")[2]
    others = [one for one in known.get("websites") or [] if one["name"] != website] if website else []
    return tuple(str(one["website_root"]).rstrip("/") for one in others)


def _vault_variables(templar: Any, task_vars: Mapping[str, Any], vault: str) -> dict[str, Any]:
    """How the vault is reached; nothing where the inventory has no such host."""
    hostvars = task_vars.get("hostvars") or {}
    if vault not in hostvars:
        return {}
    known = {name: templar.template(hostvars[vault][name]) for name in sorted(_REACHED_BY) if name in hostvars[vault]}
    return with_private_key(known)
