"""Every playbook in check mode: hosts and controller are the same afterwards, and the run changes what was foretold.

The playbooks come out of the folder: one that is new fails here until it says how it is run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from patch_host import PROGRAM, Package, PatchHost
from wordpress_releases import Releases

from ungcuu.detect import baseline
from ungcuu.lab import Lab
from ungcuu.recover import restore_points

ROOT = Path(__file__).parents[3]
Playbook = Callable[..., subprocess.CompletedProcess[str]]
Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
IMPLANT = "/var/www/portal/wp-content/uploads/checked.php"
# What lives by itself: logs, caches, what services and Ansible's own logins write. Harden has AIDE take its first state
# in the background, for minutes.
ALIVE = (
    "/proc /sys /dev /run /tmp /var/tmp /var/log /var/cache /var/lib/apt /var/lib/mysql /var/lib/php /var/lib/systemd "
    "/var/lib/aide"
)
LOOK = f"""
find / -xdev \\( {" -o ".join(f"-path {path}" for path in ALIVE.split())} -o -path '*/.ansible' \\) -prune \
    -o ! -type d -printf '%p %y %m %U %G %s %l\\n' -o -type d -printf '%p %m %U %G\\n'
find /etc /usr/local /root /home /var/www /var/spool/cron -xdev -path '*/.ansible' -prune -o -type f -print0 |
    xargs -0 sha256sum
systemctl list-unit-files --no-legend --plain --type=service,timer,socket,path,mount | sed 's/^/unit file /'
systemctl list-units --no-legend --plain --type=service,timer,socket --state=active,failed |
    awk '$1 !~ /^(user|session|run-)/ {{ print "unit", $1, $3 }}'
nft -s list ruleset 2>/dev/null | sed 's/^/nft /'
mariadb -N -e 'select user, host, priv from mysql.global_priv; select user_login, user_pass from portal.wp_users' \
    2>/dev/null | sed 's/^/account /'
"""  # noqa: S608  (constants)


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


def test_no_playbook_is_left_out() -> None:
    """A playbook that nobody tried promises what nobody knows."""
    assert set(CASES) == {path.stem for path in (ROOT / "playbooks").glob("*.yml")}


@pytest.fixture(scope="module")
def lab_hosts(fresh: Callable[..., Lab]) -> Lab:
    return fresh("web01", "vault01", "spare01", "intruder01")


def state(lab: Lab) -> set[str]:
    """What the hosts and this controller's state folder are like, line by line."""
    folder = Path(os.environ["UNGCUU_STATE"])
    files = (path for path in folder.rglob("*") if path.is_file())
    lines = {f"controller {path.relative_to(folder)} {sha256(path.read_bytes()).hexdigest()}" for path in files}
    for host in ("web01", "vault01", "spare01"):
        said = lab.exec(host, ["sh", "-c", LOOK]).stdout.decode("utf-8", "backslashreplace")
        lines |= {f"{host} {line}" for line in said.splitlines()}
    return lines


def changed(done: subprocess.CompletedProcess[str]) -> set[tuple[str, str]]:
    """Each task that changed something, with its host (``web01 -> vault01`` where it was delegated)."""
    found, task = set(), ""
    for line in done.stdout.splitlines():
        if begun := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*)\] \**$", line):
            task = begun[1]
        elif host := re.match(r"changed: \[([^(\]]+)", line):
            found.add((host[1], task))
    return found


def prepare(lab: Lab, name: str, ungcuu: Ungcuu) -> None:
    """Bring the host into the state in which this playbook has something to do."""
    if name == "eradicate":
        lab.exec("web01", ["sh", "-c", f"echo '<?php /* inert */' >{IMPLANT}"])
        assert ungcuu("scan", "web01")[0] in (0, 13)
    if name in ("collect", "release"):
        assert ungcuu("isolate", "web01", "--reason", "test", "--no-case")[0] == 0
    if name == "patch":
        web = PatchHost(lab)
        web.install(Package("demo", "1.0"))
        web.publish(Package("demo", "2.0"))
        web.sh(f"rm {PROGRAM}")  # as on a host that was never patched
    if name == "release":
        record = {"format": baseline.FORMAT, "host": "web01", "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        record |= {"outcome": "clean", "entry": {"closed": True, "how": "test"}}
        folder = Path(os.environ["UNGCUU_STATE"])
        baseline.sign(folder / "hosts/web01/reassessment.json", record, folder / "keys")


def variables(case: Case, lab: Lab, folder: Path) -> dict[str, Any]:
    if "RELEASE" in case.variables.values():
        return case.variables | {"application_update_archive": str(Releases(lab, folder).make("6.2.1", 60001))}
    if "POINT" not in case.variables.values():
        return case.variables
    point = restore_points.newest(Path(os.environ["UNGCUU_STATE"], "hosts/web01"))
    assert point is not None
    return {name: point.id if value == "POINT" else value for name, value in case.variables.items()}


@pytest.mark.nightly
@pytest.mark.parametrize("name", CASES)
def test_check_mode_changes_nothing_and_says_what_the_run_does(
    lab_hosts: Lab, ungcuu: Ungcuu, playbook: Playbook, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    prepare(lab_hosts, name, ungcuu)
    given, before = variables(case, lab_hosts, tmp_path), state(lab_hosts)
    checked = playbook(name, case.limit, "--check", "--diff", **given)
    after = state(lab_hosts)
    assert checked.returncode == 0, checked.stdout[-3000:] + checked.stderr[-1000:]
    gone, new = sorted(before - after)[:20], sorted(after - before)[:20]
    assert not gone and not new, json.dumps({"gone": gone, "new": new}, indent=1)
    if case.foretold or name in ("backup", "baseline"):
        done = playbook(name, case.limit, **given)
        assert done.returncode == 0, done.stdout[-3000:]
        if case.foretold:
            assert changed(checked) == changed(done)
            assert changed(done), "nothing was changed: nothing is proven"
