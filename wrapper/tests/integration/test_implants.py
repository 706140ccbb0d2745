"""Places where implants hid: each is planted (inert), and one scan finds them all; an ordinary day has no finding."""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import implants
import pytest

from ungcuu.lab import Lab

Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
RANK = ("critical", "high", "medium", "low")
# What people and timers do on a good day: updates of package lists, a package, cron's scripts, a post with a picture, a
# visitor who registers, a ban by fail2ban, services that start again.
DAY = r"""
set -e; W=/var/www/portal
apt-get update -qq
apt-get install -qy --no-install-recommends at less >/dev/null 2>&1
run-parts /etc/cron.daily
systemctl start logrotate.service phpsessionclean.service dpkg-db-backup.service systemd-tmpfiles-clean.service
runuser -u portal -- php -d display_errors=0 -r "require '$W/wp-load.php';
  require_once ABSPATH.'wp-admin/includes/image.php'; wp_insert_post(['post_title'=>'Tin','post_status'=>'publish',
  'post_content'=>'<p>Nội dung <a href=\"https://example.test\">x</a></p>
  <iframe src=\"https://video.example.test/embed/x\" width=\"560\" height=\"315\"></iframe>']);
  wp_upload_bits('anh.png', null, base64_decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk'));
  wp_create_user('docgia', bin2hex(random_bytes(9)), 'd@example.test'); set_transient('feed_x','<script>1</script>',60);
  wp_signon(['user_login'=>'quantri','user_password'=>'wrong']); update_option('blogdescription','mới');
  wp_insert_comment(['comment_post_ID'=>1,'comment_content'=>'Hay quá','comment_approved'=>1]);"
curl -s -o /dev/null http://127.0.0.1/; curl -s -o /dev/null http://127.0.0.1/wp-cron.php
systemctl restart nginx; systemctl reload php8*-fpm; systemctl daemon-reload
nft 'table inet f2b-table { set addr-set-sshd { type ipv4_addr; elements = { 192.0.2.7 }; };
  chain f2b-chain { type filter hook input priority filter - 1; policy accept;
  tcp dport 22 ip saddr @addr-set-sshd reject; }; }'
"""


def do(lab: Lab, script: str) -> None:
    done = lab.exec("web01", ["bash", "-c", script])
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-2000:]


def findings() -> list[dict[str, Any]]:
    path = Path(os.environ["UNGCUU_STATE"], "hosts/web01/findings.json")
    return list(json.loads(path.read_bytes())["findings"])


def matching(rows: list[dict[str, Any]], wanted: implants.Implant) -> list[dict[str, Any]]:
    """What a scan says of an implant, with at least its severity."""
    return [
        row
        for row in rows
        if row["rule"] == wanted.rule
        and fnmatch.fnmatchcase(row["path"], wanted.path)
        and RANK.index(row["severity"]) <= RANK.index(wanted.severity)
    ]


@pytest.fixture(scope="module")
def host(fresh: Callable[..., Lab], ungcuu: Ungcuu) -> Lab:
    lab = fresh("web01")
    Path(os.environ["UNGCUU_STATE"], "hosts/web01/baseline.json").unlink(missing_ok=True)
    code, _document, said = ungcuu("baseline", "web01", "--reason", "test")
    assert code == 0, said
    return lab


@pytest.fixture(scope="module")
def day(host: Lab, ungcuu: Ungcuu) -> tuple[int, list[dict[str, Any]], str]:
    """What a scan says after an ordinary day, before anything is planted."""
    do(host, DAY)
    code, _document, said = ungcuu("scan", "web01")
    return code, findings(), said


@pytest.fixture(scope="module")
def planted(host: Lab, day: object, ungcuu: Ungcuu) -> list[dict[str, Any]]:
    """Findings of one scan of a host with every implant. One program plants them all."""
    del day
    parts = [f"( {item.script} ) || echo 'not planted: {number}' >&2" for number, item in enumerate(implants.IMPLANTS)]
    done = host.exec("web01", ["bash", "-c", "\n".join([implants.HEAD, *parts, "systemctl daemon-reload"])])
    assert b"not planted" not in done.stderr, done.stderr.decode()[-2000:]
    left_behind(host)
    begun = time.monotonic()
    code, document, said = ungcuu("scan", "web01")
    assert code == 13, said
    assert document["scans"][0]["complete"] is True
    assert time.monotonic() - begun < 120
    return findings()


def left_behind(lab: Lab) -> None:
    """A loop of root's that outlives the login that started it."""
    key, known = lab.folder / "id_ed25519", lab.folder / "known_hosts"
    address = lab.address("web01")
    command = [
        "ssh",
        "-n",
        "-i",
        str(key),
        "-o",
        f"UserKnownHostsFile={known}",
        "-o",
        "BatchMode=yes",
        f"ungcuu@{address}",
    ]
    loop = "sudo -n setsid bash -c 'while :; do sleep 601; done' </dev/null >/dev/null 2>&1 & sleep 0.5"
    subprocess.run([*command, loop], check=True, timeout=30)


def test_an_ordinary_day_has_no_finding(day: tuple[int, list[dict[str, Any]], str]) -> None:
    """An alarm on an ordinary day is switched off by the third week. What is low says what changed, and is clean."""
    code, rows, said = day
    assert [row for row in rows if row["severity"] != "low"] == [], said
    assert code == 0
    assert {row["rule"] for row in rows} <= {"package.changed", "network.filter", "account.locked"}


@pytest.mark.parametrize("wanted", implants.IMPLANTS, ids=lambda item: item.name)
def test_the_implant_is_found(planted: list[dict[str, Any]], wanted: implants.Implant) -> None:
    """Each of these places was tried on a host with lost root, and was used by intruders elsewhere.

    Seen failing with each new part taken out: data files (11 places), dpkg's files (4), facts (3), trees in memory (8),
    sets of the database (10), the table of places (16), processes (6), compiled code, groups, units without a file.
    """
    near = [(row["rule"], row["severity"]) for row in planted if fnmatch.fnmatchcase(row["path"], wanted.path)]
    assert matching(planted, wanted), near


def test_a_loop_that_outlives_its_login_is_found(planted: list[dict[str, Any]]) -> None:
    """A login explains what runs while it lasts. Not tried with the login taken for open always."""
    rows = [row for row in planted if row["rule"] == "process.unexplained" and "sleep 601" in row["seen"]]
    assert [row["severity"] for row in rows] == ["high"]
