"""Eradication and the gate after it on a real host: everything goes, everything can come back, nothing good goes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ungcuu.lab import Lab

Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]

PLANT = r"""
set -e
W=/var/www/portal; UP=$W/wp-content/uploads; mkdir -p $UP/2026
printf '<?php /* inert */ echo 1;' > $UP/2026/a.php; chown portal:portal $UP/2026/a.php; chmod 4640 $UP/2026/a.php
touch -d '2020-02-02 02:02:02.123456789' $UP/2026/a.php
echo '<?php // inert' > $W/thu-vien.php; chown root:portal $W/thu-vien.php
echo '0 4 * * * root true' > /etc/cron.d/cap-nhat
echo '0 4 * * * root true' >> /etc/crontab
K='ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBbWCN1Zk0QxV5v1m1oJz0qY7qk0l0yQe1u0w0xw0000 x'
echo "$K" >> ~ungcuu/.ssh/authorized_keys
printf '[Service]\nExecStart=/bin/sleep 600\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/sync.service
systemctl daemon-reload; systemctl enable -q --now sync.service
useradd -m -s /bin/bash khach; usermod -aG sudo khach; echo 'khach:x' | chpasswd
chmod u+s /usr/bin/find
cp /usr/bin/sleep /tmp/.k; (setsid /tmp/.k 900 > /dev/null 2>&1 &)
"""
STATE = (
    "cd /; for f in var/www/portal/wp-content/uploads/2026/a.php var/www/portal/thu-vien.php etc/cron.d/cap-nhat "
    "etc/crontab home/ungcuu/.ssh/authorized_keys etc/systemd/system/sync.service usr/bin/find; do "
    "stat -c '%n %a %u %g %s %Y' $f; sha256sum $f; done; "
    "getent passwd khach; getent shadow khach; id -Gn khach; systemctl is-enabled sync.service"
)


def do(lab: Lab, script: str) -> str:
    done = lab.exec("web01", ["bash", "-c", script])
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def host(fresh: Callable[..., Lab], ungcuu: Ungcuu) -> Iterator[Lab]:
    lab = fresh("web01")
    assert ungcuu("baseline", "web01", "--reason", "test")[0] == 0
    do(lab, PLANT)
    assert ungcuu("scan", "web01")[0] == 13
    yield lab


def test_everything_goes_and_comes_back_as_it_was(host: Lab, ungcuu: Ungcuu) -> None:
    """A finding may be wrong, and what was found is evidence: owner, mode, times and content return."""
    before = do(host, STATE)
    code, document, said = ungcuu("eradicate", "web01", "--reason", "t", "--confirm-host", "web01", "--kill-processes")
    assert code == 0, said
    assert {row["do"] for row in document["taken"]} == {
        "move",
        "remove_lines",
        "stop_unit",
        "lock_account",
        "remove_member",
        "set_mode",
        "kill",
    }
    gone = do(
        host,
        "ls /var/www/portal/wp-content/uploads/2026/a.php /etc/cron.d/cap-nhat /tmp/.k 2>&1 | grep -c 'No such'; "
        "grep -c AAAA ~ungcuu/.ssh/authorized_keys; systemctl is-active sync.service || true; id -Gn khach; "
        "pgrep -f '^/tmp/.k' || echo ended; getent passwd khach | cut -d: -f7; stat -c %a /usr/bin/find",
    )
    assert gone.split("\n")[:7] == ["3", "1", "inactive", "khach", "ended", "/usr/sbin/nologin", "755"]
    look = "cd /var/lib/ungcuu/quarantine; stat -c '%a %U' .; find . -name content -type f -perm /7111 -o ! -user root"
    assert do(host, look) == "700 root\n"
    ids = [row["id"] for row in document["taken"] if row["do"] != "kill"]
    words = [word for name in ids for word in ("--put-back", name)]
    code, document, said = ungcuu("eradicate", "web01", "--reason", "t", "--confirm-host", "web01", *words)
    assert code == 0 and len(document["put_back"]) == len(ids), said
    assert do(host, STATE) == before


def test_twice_is_once(host: Lab, ungcuu: Ungcuu) -> None:
    """The second run reports no change; a scan then finds nothing but the locked account."""
    assert ungcuu("eradicate", "web01", "--reason", "t", "--confirm-host", "web01")[0] == 0
    code, document, _said = ungcuu("eradicate", "web01", "--reason", "t", "--confirm-host", "web01")
    assert (code, document["taken"]) == (0, [])
    code, document, said = ungcuu("scan", "web01")
    assert (code, [row["rule"] for row in document["findings"]]) == (0, ["account.locked"]), said


def test_a_lying_host_can_not_aim(host: Lab, ungcuu: Ungcuu) -> None:
    """Findings that name sshd, the operator's key or a path that climbs out: refused, and nothing is touched."""
    path = Path(os.environ["UNGCUU_STATE"]) / "hosts/web01/findings.json"
    right = path.read_bytes()
    document = json.loads(right)
    targets = ["/usr/sbin/sshd", "/etc/passwd", "/etc/../etc/shadow", "/etc/nginx/nginx.conf", "/var/log/dpkg.log"]
    document["findings"] = [
        {
            "id": f"{n:016x}",
            "rule": "upload.code",
            "severity": "critical",
            "path": target,
            "fix": "",
            "action": {"do": "move", "path": target, "sha256": "0" * 64},
        }
        for n, target in enumerate(targets)
    ]
    path.write_text(json.dumps(document))
    try:
        code, document, said = ungcuu("eradicate", "web01", "--reason", "t", "--confirm-host", "web01")
        assert (code, document["taken"], len(document["left"])) == (0, [], len(targets)), said
        do(
            host,
            "test -e /usr/sbin/sshd && test -s /etc/passwd && test -s /etc/shadow && test -e /etc/nginx/nginx.conf",
        )
    finally:
        path.write_bytes(right)


def test_the_gate(host: Lab, ungcuu: Ungcuu) -> None:
    """Closed without a statement and while a shell is there; where root was lost it opens for no scan.

    "Root was lost: rebuild", said eradicate, and reassess afterwards "clean, may be released". Without the record
    of lost root (before this test was changed) it was so.
    """
    record = Path(os.environ["UNGCUU_STATE"]) / "hosts/web01/reassessment.json"
    roles = ("--role", "host_state", "--role", "quarantine", "--role", "reassessment")
    how = ("--entry-closed", "The library page was removed.")
    assert ungcuu("reassess", "web01", "--reason", "t", "--entry-closed", "ok", *roles)[0] == 10
    do(host, "echo '<?php eval($_POST[0]);' > /var/www/portal/wp-content/uploads/x.php")
    code, document, said = ungcuu("reassess", "web01", "--reason", "t", *how, *roles)
    assert code == 10 and json.loads(record.read_bytes())["outcome"] == "not clean", said
    assert "uploads/x.php" in json.dumps(document)
    do(host, "rm /var/www/portal/wp-content/uploads/x.php")
    code, document, said = ungcuu("reassess", "web01", "--reason", "t", *how, *roles)
    assert code == 10, said
    assert "ungcuu rebuild web01" in said
    signed = json.loads(record.read_bytes())
    assert (signed["outcome"], signed["left"], signed["entry"]["closed"]) == ("root lost", [], True)
    assert "privilege.file /usr/bin/find" in signed["root_lost"]["findings"]
    assert record.with_suffix(".sig").exists()
    code, _document, said = ungcuu("release", "web01", "--reason", "t", "--confirm-host", "web01")
    assert code == 4 and "root was lost" in said
