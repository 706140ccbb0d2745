"""A site with one host, for cards and cuts."""

from __future__ import annotations

from pathlib import Path

from ungcuu.core.settings import Settings
from ungcuu.hosts.site import Site

ROOT = Path(__file__).parents[3]


MANAGEMENT = ["192.0.2.1", "2001:db8::/64"]


def a_site(tmp_path: Path, **variables: object) -> Site:
    """A site of one host, without Ansible."""
    known = tmp_path / "known_hosts"
    known.write_text(
        "web01,192.0.2.10 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmMzV1Jm1bV0ZdzRpxJ1m6jzM0M4W6c9wH0J2g1oJ1z\n"
    )
    settings = Settings(state=tmp_path / "state", content=ROOT, operator="test")
    facts = {"ansible_host": "192.0.2.10", "ungcuu_known_hosts": str(known), "management_addresses": MANAGEMENT}
    return Site(ROOT / "inventory" / "lab", settings, {"web01": {**facts, **variables}}, {"website": ("web01",)})
