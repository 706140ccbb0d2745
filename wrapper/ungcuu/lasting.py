"""Keep a host isolated that has no Python: the role's own files, put in place by the shell alone.

Ansible can't work there, and a host whose Python the intruder broke must not come back open after a reboot. The files
are the templates of the role ``isolation``; they hold no variables but their folder, and the rule set, which the card
has rendered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ungcuu import isolation, probe, proofs, ssh
from ungcuu.card import Card

FILES = {
    "isolation.service.j2": "/etc/systemd/system/ungcuu-isolation.service",
    "guard.service.j2": "/etc/systemd/system/ungcuu-isolation-guard.service",
    "isolation.sh.j2": "/etc/ungcuu/isolation.sh",
    "nftables.conf.j2": "/etc/systemd/system/nftables.service.d/ungcuu-isolation.conf",
}
DEAD_PORTS = (21, 25, 53, 80, 443, 3306, 5432, 8080, 8443, 9000)
_FOLDER = "{{ __isolation_folder }}"
_END = "UNGCUU-END-OF-FILE"


def lacks_python(card: Card) -> bool:
    """Whether the host answers and has no Python for Ansible to use."""
    said = ssh.run(card.target, "test -x /usr/bin/python3 && echo yes || echo no", timeout=30)
    return said.ok and said.stdout.strip() == b"no"


def persist(card: Card, mode: str, more: Sequence[str], roles: Path) -> ssh.Result:
    """Make the isolation last over a reboot and a flush, as the role does; ``more`` as the cut had it."""
    allowed = isolation.allow_list([*card.allow.ipv4, *card.allow.ipv6, *more])
    templates = roles / "isolation" / "templates"
    files = {
        path: (templates / name).read_text("utf-8").replace(_FOLDER, "/etc/ungcuu") for name, path in FILES.items()
    }
    files["/etc/ungcuu/isolation.nft"] = card.rules_for(mode, allowed)
    return ssh.run(card.target, ["sh", "-s"], stdin=script(files).encode(), timeout=60)


def script(files: dict[str, str]) -> str:
    """Return a shell script that writes these files, each in one step, and starts what keeps the host isolated."""
    lines = ["set -e", "umask 077", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    for path, text in files.items():
        if _END in text:
            raise ValueError(path)
        lines += [f"mkdir -p -m 755 {Path(path).parent}", f"cat > {path}.new <<'{_END}'", text.rstrip("\n"), _END]
        lines += [f"chmod {'600' if path.endswith('.nft') else '644'} {path}.new", f"mv {path}.new {path}"]
    lines += ["sh /etc/ungcuu/isolation.sh check /etc/ungcuu", "systemctl daemon-reload"]
    lines += ["cp /run/ungcuu/isolation-neighbours /etc/ungcuu/ 2>/dev/null || true"]
    for unit in ("ungcuu-isolation.service", "ungcuu-isolation-guard.service"):
        lines += [f"systemctl enable --quiet {unit}", f"systemctl restart {unit}"]
    return "\n".join(lines) + "\n"


def prove(card: Card, addresses: list[str]) -> list[proofs.Proof]:
    """Take the proof that needs nothing on the host; say of the others that they were not taken."""
    side, why = "from the controller", "not proven: the host has no Python for the probe"
    answer = probe.main(json.dumps({"ask": "ports", "addresses": addresses, "ports": DEAD_PORTS, "timeout": 1}))
    back = ssh.run(card.target, "true", timeout=30)
    return [
        proofs.proof("management gets in", "inside", back.ok, "over a new connection"),
        *proofs.contained(answer, side, addresses, DEAD_PORTS),
        proofs.not_seen("nothing gets out", "inside", why),
    ]


def addresses_of(variables: Mapping[str, object], card: Card) -> list[str]:
    """Return the host's addresses, as the inventory names them."""
    found = [card.address, str(variables.get("host_address_ipv6") or "")]
    return [address for address in found if isolation.parse_address(address)]
