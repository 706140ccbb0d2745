"""Every playbook in check mode: hosts and controller are the same afterwards, and the run changes what was foretold.

The playbooks come out of the folder: one that is new fails here until it says how it is run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playbook_cases import CASES, prepare, variables

from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
Playbook = Callable[..., subprocess.CompletedProcess[str]]
Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
# What lives by itself: logs, caches, what services and Ansible's own logins write. Harden has AIDE take its first state
# in the background, for minutes.
ALIVE = (
    "/proc /sys /dev /run /tmp /var/tmp /var/log /var/cache /var/lib/apt /var/lib/mysql /var/lib/php /var/lib/systemd "
    "/var/lib/aide"
)
# A vault remembers what it thinks of a point whenever it is asked, by `restore-points` as well: the rest is compared.
POINTS = """
import glob, json
judged = {"verdict", "known", "whole", "restorable", "sizes"}
for path in glob.glob("/var/lib/ungcuu-vault/sites/*/ledger.json"):
    for row in json.load(open(path)):
        print("point", path, sorted((key, str(row[key])) for key in row.keys() - judged))
"""
LOOK = f"""
python3 -c '{POINTS}'
find / -xdev \\( {" -o ".join(f"-path {path}" for path in ALIVE.split())} -o -path '*/.ansible' \
    -o -name ledger.json \\) -prune -o ! -type d -printf '%p %y %m %U %G %s %l\\n' -o -type d -printf '%p %m %U %G\\n'
find /etc /usr/local /root /home /var/www /var/spool/cron -xdev -path '*/.ansible' -prune -o -type f -print0 |
    xargs -0 sha256sum
systemctl list-unit-files --no-legend --plain --type=service,timer,socket,path,mount | sed 's/^/unit file /'
systemctl list-units --no-legend --plain --type=service,timer,socket --state=active,failed |
    awk '$1 !~ /^(user|session|run-)/ {{ print "unit", $1, $3 }}'
nft -s list ruleset 2>/dev/null | sed 's/^/nft /'
mariadb -N -e 'select user, host, priv from mysql.global_priv; select user_login, user_pass from portal.wp_users' \
    2>/dev/null | sed 's/^/account /'
"""  # noqa: S608  (constants)


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


@pytest.mark.nightly
@pytest.mark.parametrize("name", CASES)
def test_check_mode_changes_nothing_and_says_what_the_run_does(
    lab_hosts: Lab, ungcuu: Ungcuu, playbook: Playbook, tmp_path: Path, name: str
) -> None:
    case, folder = CASES[name], Path(os.environ["UNGCUU_STATE"])

    def by_wrapper(verb: str) -> None:
        reason = () if verb == "scan" else ("--reason", "test", "--no-case")
        assert ungcuu(verb, "web01", *reason)[0] in ((0, 13) if verb == "scan" else (0,))

    prepare(lab_hosts, name, folder, by_wrapper)
    given, before = variables(case, lab_hosts, folder, tmp_path), state(lab_hosts)
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
