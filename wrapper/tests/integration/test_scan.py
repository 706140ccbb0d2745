"""Baseline and scan on a real website host: no false alarm, nothing missed, nothing written, no lie believed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ungcuu.core.errors import Exit
from ungcuu.lab import Lab

Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
Playbook = Callable[..., subprocess.CompletedProcess[str]]
RANK = ("critical", "high", "medium", "low")

# What an intruder does → (path, rule, least severity) that a scan must show. All of it is inert.
PLANTS = {
    "web shell": (
        "printf '<?php /* inert */ ?>marker<?php echo 1;' > $UP/2026/anh.gif && chown portal: $UP/2026/anh.gif",
        ("/var/www/portal/wp-content/uploads/2026/anh.gif", "upload.code", "critical"),
    ),
    "page that hands over": (
        "echo '<?php file_put_contents($_POST[0], $_POST[1]);' > $W/thu-vien.php",
        ("/var/www/portal/thu-vien.php", "web.code-added", "critical"),
    ),
    "changed page": ("echo '<?php // x' >> $W/index.php", ("/var/www/portal/index.php", "web.changed", "high")),
    "job": ("echo '0 4 * * * root true' > /etc/cron.d/cap-nhat", ("/etc/cron.d/cap-nhat", "persistence.cron", "high")),
    "job line": ("echo '0 4 * * * root true' >> /etc/crontab", ("/etc/crontab", "persistence.cron-line", "high")),
    "key": (
        "echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBbWCN1Zk0QxV5v1m1oJz0qY7qk0l0yQe1u0w0xw0000 x'"
        " >> ~ungcuu/.ssh/authorized_keys",
        ("/home/ungcuu/.ssh/authorized_keys", "access.key", "critical"),
    ),
    "unit": (
        "printf '[Service]\\nExecStart=/bin/true\\n' > /etc/systemd/system/sync.service && systemctl daemon-reload",
        ("/etc/systemd/system/sync.service", "persistence.unit", "high"),
    ),
    "account": ("useradd -m -s /bin/bash khach", ("khach", "account.added", "high")),
    "second root": ("useradd -o -u 0 -g 0 -M -s /bin/bash toor 2>/dev/null", ("toor", "account.root", "critical")),
    "sudo": (
        "echo 'portal ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/zz && chmod 440 /etc/sudoers.d/zz",
        ("/etc/sudoers.d/zz", "access.sudo", "critical"),
    ),
    "setuid": ("chmod u+s /usr/bin/find", ("/usr/bin/find", "privilege.file", "critical")),
    "program": ("printf x >> /usr/bin/who", ("/usr/bin/who", "program.modified", "critical")),
    "preload": ("echo > /etc/ld.so.preload", ("/etc/ld.so.preload", "persistence.preload", "critical")),
    "administrator": (
        "echo \"INSERT INTO portal.wp_users (user_login,user_pass,user_email) VALUES ('evil','x','e@x.test');"
        " INSERT INTO portal.wp_usermeta (user_id,meta_key,meta_value) VALUES (LAST_INSERT_ID(),'wp_capabilities',"
        '\'a:1:{s:13:\\"administrator\\";b:1;}\');" | mariadb -uroot',
        ("administrator evil", "database.administrator", "critical"),
    ),
    "hidden links": (
        'echo "UPDATE portal.wp_posts SET post_content=CONCAT(post_content,\'<div style=\\"display:none\\">'
        "<a href=https://x.test>nhà cái casino</a></div>') WHERE ID=5;\""
        " | mariadb --default-character-set=utf8mb4 -uroot",
        ("content post 5", "content.hidden-link", "high"),
    ),
    "name with control bytes": (
        "printf '<?php system($_GET[0]);' > \"$UP/$(printf 'a\\033]0;x\\007\\n.php')\"",
        ("/var/www/portal/wp-content/uploads/a\\x1b]0;x\\x07\\x0a.php", "upload.code", "critical"),
    ),
}
HEAD = "set -e; W=/var/www/portal; UP=$W/wp-content/uploads; mkdir -p $UP/2026; "


@pytest.fixture(scope="module")
def host(fresh: Callable[..., Lab], ungcuu: Ungcuu) -> Iterator[Lab]:
    lab = fresh("web01")
    # An earlier module's baseline of the same image would be found unchanged.
    Path(os.environ["UNGCUU_STATE"], "hosts/web01/baseline.json").unlink(missing_ok=True)
    code, document, said = ungcuu("baseline", "web01", "--reason", "test")
    assert code == 0, said
    assert document["baseline_changed"] is True
    yield lab


def do(lab: Lab, script: str) -> str:
    done = lab.exec("web01", ["bash", "-c", script])
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_clean_host_has_no_finding_and_is_not_touched(host: Lab, ungcuu: Ungcuu) -> None:
    """An alarm on a clean host is switched off soon; a scan that writes spoils evidence."""
    do(host, HEAD + "head -c 200000 /dev/urandom > $UP/2026/new.jpg; chown -R portal: $UP")
    look = (
        "find / -xdev -not -path '/proc/*' -not -path '/run/*' -not -path '/var/log/*' "
        "-not -path '/var/lib/systemd/*' -not -path '/var/lib/mysql/*' -not -path '/tmp/*' "
        "-type f -printf '%p %s %m %U %T@ %C@\\n' | sort | sha256sum; "
        "stat -c %X /var/www/portal/wp-config.php /root/.bashrc /usr/bin/who"
    )
    before = do(host, look)
    code, document, said = ungcuu("scan", "web01")
    assert (code, document["findings"]) == (0, []), said
    assert do(host, look) == before
    code, document, _said = ungcuu("baseline", "web01", "--reason", "test")
    assert (code, document["baseline_changed"]) == (0, True) or document["baseline_changed"] is False


def test_every_plant_is_found(host: Lab, ungcuu: Ungcuu) -> None:
    """One scan names every plant, with at least its severity, within seconds."""
    for script, _expected in PLANTS.values():
        do(host, HEAD + script)
    begun = time.monotonic()
    code, document, said = ungcuu("scan", "web01")
    seconds = time.monotonic() - begun
    assert code == 13, said
    seen = {(row["path"], row["rule"]): row["severity"] for row in document["findings"]}
    missed = {
        name: expected
        for name, (_script, expected) in PLANTS.items()
        if RANK.index(seen.get(expected[:2], "low")) > RANK.index(expected[2])
    }
    assert missed == {}, seen
    assert seconds < 60
    assert "\x1b" not in said and "\x07" not in json.dumps(document, ensure_ascii=False)


def test_names_of_any_length_and_number_hide_nothing(host: Lab, ungcuu: Ungcuu) -> None:
    """Results above a limit came without their findings: a scan of six hundred web shells ended well and silent."""
    place = "/var/www/portal/wp-content/uploads"
    names = "N=$(printf 'a%.0s' $(seq 200)); for i in 1 2 3 4 5 6 7 8 9; do mkdir -p $N; cd $N; done"
    done = host.exec(
        "web01", ["sh", "-ec", f"cd {place}; {names}; for i in $(seq 600); do echo '<?php eval(1);' > x$i.php; done"]
    )
    assert done.returncode == 0, done.stderr
    try:
        code, document = ungcuu("scan", "web01")[:2]
    finally:
        host.exec("web01", ["sh", "-c", f"rm -r {place}/aaaa*"])
    assert code == int(Exit.FOUND)
    assert document["clean"] is False
    assert document["scans"][0]["counts"]["critical"] >= 600
    assert len(document["findings"]) == 500


def test_check_and_plan_change_nothing(host: Lab, ungcuu: Ungcuu) -> None:
    """--plan shows what would be taken, and takes nothing."""
    code, document, said = ungcuu("eradicate", "web01", "--plan")
    assert code == 0, said
    assert "/etc/cron.d/cap-nhat" in json.dumps(document)
    assert do(host, "ls /etc/cron.d/cap-nhat; test ! -e /var/lib/ungcuu/quarantine && echo none").endswith("none\n")


def test_tampered_baseline_is_refused(host: Lab, ungcuu: Ungcuu) -> None:
    """Who edits the baseline would bless the shell: exit code 12, nothing done."""
    path = Path(os.environ["UNGCUU_STATE"]) / "hosts/web01/baseline.json"
    right = path.read_bytes()
    path.write_bytes(right.replace(b"/etc/crontab", b"/etc/crontac", 1))
    try:
        for verb in (
            ["scan"],
            ["reassess", "--entry-closed", "something was closed"],
            ["eradicate", "--confirm-host", "web01"],
        ):
            assert ungcuu(verb[0], "web01", *verb[1:], *([] if verb[0] == "scan" else ["--reason", "t"]))[0] == 12
    finally:
        path.write_bytes(right)


@pytest.mark.parametrize(
    "lie",
    [
        "while :; do head -c 1000000 /dev/zero; done",
        'echo \'{"k":"end","seconds":1,"time":1}\'',
        'yes \'{"k":"privileged","path":"/x"}\' | head -n 900000',
        # More files than the baseline makes plausible: a scan that ended here would be what the intruder wants.
        'yes \'{"k":"file","area":"web","path":"/x","type":"file","mode":420,"uid":0,"gid":0}\' | head -n 3000000',
        "sleep 300",
        "exit 3",
    ],
)
def test_a_lying_python_is_never_a_clean_host(host: Lab, playbook: Playbook, lie: str) -> None:
    """Endless, empty, false or no answers: never a clean scan, and it ends."""
    program = f"#!/bin/bash\\ncat >/dev/null\\n{lie}\\n"
    swap = f"mv /usr/bin/python3 /usr/bin/python3.real && printf '{program}' > /usr/bin/python3"
    do(host, f"{swap} && chmod 755 /usr/bin/python3")
    try:
        begun = time.monotonic()
        done = playbook("scan", "web01", "-v", host_state_seconds=5)
        assert done.returncode != 0 or '"clean": false' in done.stdout, done.stdout[-2000:]
        assert time.monotonic() - begun < 90
    finally:
        do(host, "mv /usr/bin/python3.real /usr/bin/python3")
