"""How each playbook of the folder is run in tests, and what it must find on the hosts: one table for all of them.

A playbook that is new fails in test_playbooks_in_check_mode.py until it stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from patch_host import PROGRAM, Package, PatchHost
from wordpress_releases import Releases

from ungcuu.detect import baseline
from ungcuu.lab import Lab
from ungcuu.recover import restore_points

IMPLANT = "/var/www/portal/wp-content/uploads/checked.php"


@dataclass(frozen=True)
class Case:
    """How one playbook is run here. ``foretold``: its changes in check mode are those of the run that follows."""

    variables: dict[str, Any] = field(default_factory=dict)
    foretold: bool = False
    limit: str = "web01"


# In this order: a later one finds what an earlier one made.
CASES = {
    "harden": Case(foretold=True),
    "harden_website": Case(),
    "backup": Case(),
    "baseline": Case(),
    "restore_points": Case(),
    "accept_point": Case({"website_backup_accept_point": "POINT", "website_backup_accept_reason": "test"}),
    "restore_drill": Case(limit="web01,spare01"),
    "block": Case({"isolation_block": ["203.0.113.9"], "isolation_block_reason": "test"}, foretold=True),
    "lock": Case(foretold=True),
    "eradicate": Case({"quarantine_paths": [IMPLANT]}, foretold=True),
    "rotate": Case({"credential_rotation_local": False}, foretold=True),
    "restore": Case({"website_restore_only": ["files"]}, foretold=True),
    "patch_application": Case({"application_update_archive": "RELEASE", "patching_urgent": True}),
    "isolate": Case(),
    "scan": Case(),
    "collect": Case({"evidence_profile": "volatile"}),
    "reassess": Case({"reassessment_entry_closed": "the upload form was removed"}),
    "release": Case(foretold=True),
    "patch": Case({"patching_backup_max_age_hours": 0, "patching_urgent": True, "patching_tools": []}, foretold=True),
    "rebuild": Case(),
}


def prepare(lab: Lab, name: str, state: Path, play: Callable[[str], object]) -> None:
    """Bring the host into the state in which this playbook has something to do.

    ``state`` is the controller's folder; ``play`` scans or isolates web01 (``play("scan")``), and fails if it can't.
    """
    if name == "eradicate":
        lab.exec("web01", ["sh", "-c", f"echo '<?php /* inert */' >{IMPLANT}"])
        play("scan")
    if name in ("collect", "release"):
        play("isolate")
    if name == "patch":
        web = PatchHost(lab)
        web.install(Package("demo", "1.0"))
        web.publish(Package("demo", "2.0"))
        web.sh(f"rm {PROGRAM}")  # as on a host that was never patched
    if name == "release":
        record = {"format": baseline.FORMAT, "host": "web01", "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        record |= {"outcome": "clean", "entry": {"closed": True, "how": "test"}}
        baseline.sign(state / "hosts/web01/reassessment.json", record, state / "keys")


def variables(case: Case, lab: Lab, state: Path, folder: Path) -> dict[str, Any]:
    """Return a case's variables, with what is known only now; ``folder`` is where a file that is named is made."""
    if "RELEASE" in case.variables.values():
        return case.variables | {"application_update_archive": str(Releases(lab, folder).make("6.2.1", 60001))}
    if "POINT" not in case.variables.values():
        return case.variables
    point = restore_points.newest(state / "hosts/web01")
    assert point is not None
    return {name: point.id if value == "POINT" else value for name, value in case.variables.items()}
