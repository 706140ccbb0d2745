"""The swap as most servers do it: /var is one file system that renames, so trees change places in one step.

In the lab the web root lies in an image's layer, which can't be renamed; here /var is a file system of its own. The
swap is killed (SIGKILL) between any two of its steps, and `undo` must bring back what was live: the same inodes, since
nothing was copied, the same configuration, the same rows.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from lab_shell import on

from ungcuu.lab import Lab

SERVICES = "mariadb nginx $(systemctl list-units --plain --no-legend 'php*-fpm.service' | cut -d' ' -f1)"
ONE_FILE_SYSTEM = f"""set -e
services="{SERVICES}"
systemctl stop $services
mkdir /one && mount -t tmpfs -o size=2g,mode=755 tmpfs /one
cp -a /var/. /one/ && mount --move /one /var
systemctl start $services
"""
# Everything that a swap may touch, and the identity of the trees.
STATE = """
stat -c %i /var/www/portal
cd /var/www/portal && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum
cd /etc/nginx && find . \\( -type f -o -type l \\) -print0 | sort -z | xargs -0 sha256sum | sha256sum
mariadb-dump --skip-dump-date --routines --triggers --events portal | sha256sum
"""
# `ungcuu-site swap`, killed at one place: before the function named does its work for a step, or for the first time.
KILLED = """
import os, signal, sys
sys.path.insert(0, "/usr/local/sbin/ungcuu-site")
from ungcuu_site import __main__, swap
name, step = sys.argv[1:3]
real = getattr(swap, name)
def until(*arguments):
    if not step or arguments[-1] == step:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
setattr(swap, name, until)
sys.argv = ["ungcuu-site", "swap", sys.argv[3]]
sys.exit(__main__.main())
"""
# The servers restart after an undo, which takes its time on a busy machine.
PAGE = """
for try in $(seq 60); do
  curl -s -H 'Host: portal.lab.test' http://127.0.0.1/ | grep -q 'Sở Công Thương' && exit 0
  sleep 0.5
done
exit 1
"""
SLOWED = """
import sys, time
sys.path.insert(0, "/usr/local/sbin/ungcuu-site")
from ungcuu_site import __main__, swap
move = swap.move
def late(*arguments):
    time.sleep(0.5)
    move(*arguments)
swap.move = late
sys.argv = ["ungcuu-site", *sys.argv[1:]]
sys.exit(__main__.main())
"""
WATCH = """
import os, time
end, looks, gone = time.time() + 120, 0, 0
while time.time() < end and not os.path.exists("/tmp/enough"):
    looks += 1
    try:
        os.stat("/var/www/portal/index.php")
    except OSError:
        gone += 1
print(looks, gone, file=open("/tmp/gone", "w"))
"""
RESTORES = (f"20260102T0000{second:02}Z-{second:08x}" for second in itertools.count(1))


@pytest.fixture(scope="module")
def renames(fresh: Callable[..., Lab], playbook: Callable[..., Any]) -> Lab:
    """A website on a file system that renames, backed up, changed since in files, configuration and rows."""
    lab = fresh("web01", "vault01")
    on(lab, "web01", ONE_FILE_SYSTEM)
    done = playbook("backup", "web01")
    assert done.returncode == 0, done.stdout[-3000:]
    on(lab, "web01", "echo '# newer' >> /etc/nginx/nginx.conf; echo new > /etc/nginx/added.conf")
    on(lab, "web01", "echo newer > /var/www/portal/wp-content/uploads/newer.txt")
    on(
        lab,
        "web01",
        "mariadb portal -e \"UPDATE wp_options SET option_value = 'newer' WHERE option_name = 'blogname'\"",
    )
    return lab


def staged(lab: Lab) -> str:
    """Stage the restore point and have it checked; gives the restore's id."""
    restore = next(RESTORES)
    answer = json.loads(lab.exec("vault01", ["ungcuu-vault", "stage", "web01", "--restore", restore]).stdout)
    assert answer["outcome"] == "DONE", answer
    check = json.dumps({"do": "check", "restore": restore, "expected": answer["expected"]})
    assert '"passed": true' in on(lab, "web01", "ungcuu-site", check)
    return restore


def step_of(lab: Lab, restore: str) -> str:
    """Where the host's own record says that the restore stands."""
    state: dict[str, Any] = json.loads(on(lab, "web01", f"cat /var/lib/ungcuu/restore/{restore}/state.json"))
    return str(state["step"])


@pytest.mark.parametrize(
    ("function", "step", "stands"),
    [
        ("exchange", "", "swapping files"),
        ("move", "", "swapping files"),
        ("_put", "", "swapping configuration"),
        ("_swap_database", "", "swapping database"),
        ("_step", "swapped", "swapping database"),
        ("_written_since", "", "swapped"),
    ],
)
def test_killed_between_any_two_steps_it_can_be_undone(renames: Lab, function: str, step: str, stands: str) -> None:
    """Power fails when it likes. Seen failing with the exchange back taken out of `_put_back_tree`."""
    live, restore = on(renames, "web01", STATE), staged(renames)
    done = renames.exec("web01", ["python3", "-", function, step, restore], KILLED.encode())
    assert done.returncode == 137, done.stdout + done.stderr
    assert step_of(renames, restore) == stands
    if function == "move":
        assert on(renames, "web01", "stat -c %i /var/www/portal") != live.split()[0], "the trees had changed places"
    assert '"step": "undone"' in on(renames, "web01", f"ungcuu-site undo {restore}")
    assert on(renames, "web01", STATE) == live
    on(renames, "web01", f"ungcuu-site undo {restore}")
    assert on(renames, "web01", STATE) == live, "undoing twice must change nothing"
    on(renames, "web01", PAGE)  # at the end: WordPress writes a row or two when somebody looks at it


def test_swapped_in_and_undone_by_renames_alone(renames: Lab) -> None:
    """One step in, one step back: what was live is kept as the same inode, and nothing of it is copied."""
    live, restore = on(renames, "web01", STATE), staged(renames)
    inside = on(renames, "web01", f"stat -c %i /var/www/.ungcuu-stage/{restore}/portal").strip()
    assert '"step": "restored"' in on(renames, "web01", f"ungcuu-site swap {restore}")
    kept = f"/var/lib/ungcuu/compromised/{restore}/root"
    assert on(renames, "web01", f"stat -c %i /var/www/portal {kept}").split() == [inside, live.split()[0]]
    since = json.loads(on(renames, "web01", f"cat /var/lib/ungcuu/compromised/{restore}/written-since.json"))
    assert [row["path"] for row in since["files"]] == ["wp-content/uploads/newer.txt"]
    assert '"step": "undone"' in on(renames, "web01", f"ungcuu-site undo {restore}")
    assert on(renames, "web01", STATE) == live


def test_nobody_meets_half_a_website_during_the_exchange(renames: Lab) -> None:
    """A visitor gets the old page or the new one, never a missing file; on the way back, too.

    Every move waits half a second first, so that a gap would be seen.
    """
    restore = staged(renames)
    on(renames, "web01", "rm -f /tmp/enough /tmp/gone; cat > /root/watch.py", WATCH)
    on(renames, "web01", f"systemd-run -q --unit=watch-{restore} python3 /root/watch.py; sleep 1")
    for verb in ("swap", "undo"):
        assert renames.exec("web01", ["python3", "-", verb, restore], SLOWED.encode()).returncode == 0
    on(renames, "web01", "touch /tmp/enough")
    on(renames, "web01", "for i in $(seq 50); do [ -s /tmp/gone ] && exit 0; sleep 0.2; done; exit 1")
    looks, gone = map(int, on(renames, "web01", "cat /tmp/gone").split())
    assert looks > 10_000
    assert gone == 0
