"""Whether a node will do for a run, as far as this machine can know before anything is asked of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ungcuu.core.errors import Refused, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.node import PLAYBOOKS, Node, found, involved

if TYPE_CHECKING:
    from ungcuu.hosts.site import Site
    from ungcuu.run.verb import Context

_PASSWORDS = frozenset({"ansible_password", "ansible_ssh_pass", "ansible_become_password", "ansible_become_pass"})
_NO_KEY = N_("The inventory names no key for {host} (ansible_ssh_private_key_file).")


def chosen(ctx: Context) -> Node | None:
    """Return the node that was asked for, once all that can be known here says that it will do; None without one.

    Raises:
        UngcuuError: This run can't go through it; says why.
    """
    name = str(ctx.options.get("via") or "")
    if not name:
        return None
    node = found(ctx.site, name)
    if reason := _refusal(ctx, node):
        raise Refused(reason, _("Nothing was touched."), f"ungcuu {ctx.verb.name} {' '.join(ctx.names)}")
    return node


def _refusal(ctx: Context, node: Node) -> str:
    playbook = str(ctx.verb.playbook)
    if playbook not in PLAYBOOKS:
        raise UsageFault(
            _("{playbook} can't run through a node: it signs here, or keeps evidence or secrets here.").format(
                playbook=playbook
            ),
            _("Nothing was touched."),
            f"ungcuu {ctx.verb.name} {' '.join(ctx.names)}",
        )
    limit = (*ctx.hosts, *(host for group in ctx.verb.with_groups for host in ctx.site.groups.get(group, ())))
    if node.name in limit:
        return _("{node} can't be the node of a run that works on it.").format(node=node.name)
    if node.target.key is None:
        return _(_NO_KEY).format(host=node.name)
    for host in involved(ctx.site, limit):
        if why := _unfit(ctx.site, host, node):
            return why
    return ""


def _unfit(site: Site, host: str, node: Node) -> str:
    """Return why a node can't work on a host as this machine does; empty where it can."""
    variables, target, why = site.variables(host), site.target(host), ""
    if variables.get("ansible_connection", "ssh") not in ("ssh", "smart"):
        why = _("{host} is this machine (or not reached by SSH), which {node} can't reach as such.")
    elif any(option.startswith(("ProxyJump=", "ProxyCommand=")) for option in target.options):
        why = _("{host} is reached over another machine; a key is lent to a node for direct logins alone.")
    elif _PASSWORDS & {*site.origins.get(host, ()), *variables}:
        why = _("{host} needs a password, which is not sent to a node: use keys, and sudo without one.")
    elif target.key is None:
        why = _(_NO_KEY)
    elif variables.get("patching_debsecan_file"):
        why = _("patching_debsecan_file of {host} is a file of this machine.")
    elif not _may_log_in(variables, node):
        why = _("{node} ({address}) is not among the management_addresses of {host}: its firewall would keep it out.")
    return why.format(host=host, node=node.name, address=node.target.address) if why else ""


def _may_log_in(variables: Mapping[str, Any], node: Node) -> bool:
    """Whether the host's firewall will let the node in; a name is not judged, and neither is a host without a list."""
    listed = variables.get("management_addresses")
    try:
        address = ipaddress.ip_address(node.target.address)
    except ValueError:
        return True
    return not isinstance(listed, list) or not listed or any(_holds(entry, address) for entry in listed)


def _holds(entry: object, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(str(entry), strict=False)
    except ValueError:
        return True  # a name, which is resolved elsewhere
