"""What goes wrong with backups and restores, and that the last good point always survives it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ungcuu.lab import Lab

# Stands before the real restic: the backup is under way for as long as the test needs it to be.
SLOW = '#!/bin/sh\ncase "$*" in *backup*) sleep 6;; esac\nexec /usr/bin/restic.real "$@"\n'
STORE = "/var/lib/ungcuu-vault/sites/web01"
RESTORES = iter(f"20260101T0000{second:02}Z-0123abcd" for second in range(60))


def run(lab: Lab, host: str, command: str, given: str | None = None) -> str:
    """Run a shell command as root on a lab host."""
    done = lab.exec(host, ["sh", "-c", command], given.encode() if given is not None else None)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


def vault(lab: Lab, *words: str) -> dict[str, Any]:
    """Ask the vault's own command."""
    answer: dict[str, Any] = json.loads(lab.exec("vault01", ["ungcuu-vault", *words]).stdout)
    return answer


def start(lab: Lab, *words: str) -> subprocess.Popen[bytes]:
    """The same, without waiting for it."""
    command = ["podman", "exec", lab.container("vault01"), "ungcuu-vault", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def end(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(process.communicate(timeout=120)[0])
    return answer


def wait_for(lab: Lab, host: str, command: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while lab.exec(host, ["sh", "-c", command]).returncode:
        assert time.monotonic() < deadline, f"never true on {host}: {command}"
        time.sleep(0.1)


def tree(lab: Lab) -> str:
    return run(lab, "web01", "cd /var/www/portal && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum")


@pytest.fixture(scope="module")
def saved(fresh: Callable[..., Lab], playbook: Callable[..., Any]) -> Lab:
    lab = fresh("web01", "vault01")
    done = playbook("backup", "web01")
    assert done.returncode == 0, done.stdout[-3000:]
    return lab


@pytest.fixture
def slow(saved: Lab) -> Iterator[Lab]:
    """A host whose backup takes its time."""
    run(
        saved,
        "web01",
        "mv /usr/bin/restic /usr/bin/restic.real; cat > /usr/bin/restic; chmod 755 /usr/bin/restic",
        SLOW,
    )
    yield saved
    run(saved, "web01", "mv /usr/bin/restic.real /usr/bin/restic")


@pytest.fixture(autouse=True)
def last_good_point_survives(saved: Lab) -> Iterator[None]:
    """After every fault: the newest point is still there, its content can be read, and the next backup works."""
    before = vault(saved, "choose", "web01")["point"]["id"]
    yield
    assert vault(saved, "choose", "web01")["point"]["id"] == before
    assert vault(saved, "hashes", "web01")["outcome"] == "DONE"
    assert run(saved, "web01", "ls -A /var/lib/ungcuu/backup").strip() == "", "a dump was left behind"


def test_connection_cut_in_mid_backup(slow: Lab) -> None:
    """The dump must go, and restic with it: nobody would come back for them."""
    process = start(slow, "backup", "web01")
    wait_for(slow, "web01", "pgrep -x sleep")
    run(slow, "web01", "pkill -KILL -u ungcuu-backup sshd")
    answer = end(process)
    assert answer["outcome"] in ("NOT DONE", "UNKNOWN")
    wait_for(slow, "web01", "! pgrep restic && ! ls /var/lib/ungcuu/backup/current")


def test_two_backups_at_once(slow: Lab) -> None:
    """The second is told who holds the vault, and touches nothing."""
    process = start(slow, "backup", "web01")
    wait_for(slow, "web01", "pgrep -x sleep")
    answer = vault(slow, "backup", "web01")
    assert answer["outcome"] == "NOT DONE"
    assert "busy with web01" in answer["reason"]
    assert "since" in answer["reason"]
    run(slow, "web01", "pkill -KILL -u ungcuu-backup sshd")
    end(process)
    wait_for(slow, "web01", "! ls /var/lib/ungcuu/backup/current")


def test_vault_s_disk_fills_up(slow: Lab) -> None:
    """Refused before the start; and cut off at once when it happens on the way, not after restic's long retries."""
    stuff = f"mount -t tmpfs -o size=900m tmpfs /mnt && cp -a {STORE}/. /mnt/ && mount --bind /mnt {STORE}"
    run(slow, "vault01", stuff)
    try:
        process = start(slow, "backup", "web01")
        wait_for(slow, "web01", "pgrep -x sleep")
        run(slow, "vault01", "head -c 2000m /dev/zero > /mnt/filler 2>/dev/null || true")
        began = time.monotonic()
        answer = end(process)
        assert answer["outcome"] == "NOT DONE"
        assert "ran full" in answer["reason"]
        assert time.monotonic() - began < 15
        wait_for(slow, "web01", "! ls /var/lib/ungcuu/backup/current")
        assert "must be free" in vault(slow, "backup", "web01")["reason"]
    finally:
        run(slow, "vault01", f"umount {STORE} /mnt")


def test_host_s_disk_is_full(saved: Lab) -> None:
    """Half a dump must never be taken for a whole one."""
    run(saved, "web01", "mount -t tmpfs -o size=8m tmpfs /var/lib/ungcuu")
    try:
        answer = vault(saved, "backup", "web01")
    finally:
        run(saved, "web01", "umount /var/lib/ungcuu")
    assert answer["outcome"] == "NOT DONE"
    assert "MiB are free" in answer["reason"]


def test_database_refuses_the_dump(saved: Lab) -> None:
    """A point without its database would be offered as if it were whole."""
    run(saved, "web01", "systemctl stop mariadb")
    try:
        answer = vault(saved, "backup", "web01")
    finally:
        run(saved, "web01", "systemctl start mariadb")
    assert answer["outcome"] == "NOT DONE"
    assert "database refuses" in answer["reason"]


def test_connection_cut_in_mid_restore(saved: Lab) -> None:
    """Only the stage may suffer."""
    live, restore = tree(saved), next(RESTORES)
    process = start(saved, "stage", "web01", "--restore", restore)
    wait_for(saved, "web01", f"find /var/www/.ungcuu-stage/{restore} -type f | grep -q .")
    run(saved, "web01", "pkill -KILL -u ungcuu-backup sshd")
    assert end(process)["outcome"] in ("NOT DONE", "UNKNOWN")
    assert tree(saved) == live
    refused = saved.exec("web01", ["ungcuu-site", "swap", restore])
    assert b"only a stage that passed its checks" in refused.stdout


def test_site_that_fails_after_the_swap_goes_back(saved: Lab) -> None:
    """A restore that leaves a dead site is no restore: tree, tables, triggers and views must all be as they were."""
    sql = (
        "CREATE TABLE parent (id INT PRIMARY KEY); CREATE TABLE child (id INT PRIMARY KEY, p INT,"
        " FOREIGN KEY (p) REFERENCES parent (id)); INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1);"
        " CREATE VIEW seen AS SELECT * FROM child; CREATE TRIGGER t BEFORE INSERT ON child FOR EACH ROW SET NEW.p = 1;"
        " CREATE PROCEDURE p() SELECT 1"
    )
    run(saved, "web01", "mariadb portal", sql)
    state = "mariadb-dump --skip-dump-date --routines --triggers --events portal | sed 's/DEFINER=[^ *]*//' | sha256sum"
    live, tables, restore = tree(saved), run(saved, "web01", state), next(RESTORES)
    staged = vault(saved, "stage", "web01", "--restore", restore)
    assert staged["outcome"] == "DONE"
    check = json.dumps({"do": "check", "restore": restore, "expected": staged["expected"]})
    assert '"passed": true' in run(saved, "web01", "ungcuu-site", check)
    # The database account's password changes: the restored site can't reach its database.
    known = run(
        saved, "web01", "mariadb -Ne \"SELECT authentication_string FROM mysql.user WHERE user='portal'\""
    ).strip()
    run(saved, "web01", "mariadb", "ALTER USER portal@localhost IDENTIFIED BY 'another'")
    done = saved.exec("web01", ["ungcuu-site", "swap", restore])
    run(saved, "web01", "mariadb", f"ALTER USER portal@localhost IDENTIFIED VIA mysql_native_password USING '{known}'")
    assert done.returncode == 3
    assert b"what was live before is live again" in done.stdout
    assert tree(saved) == live
    assert run(saved, "web01", state) == tables
    run(saved, "web01", "mariadb portal", "DROP VIEW seen; DROP TABLE child, parent; DROP PROCEDURE p")


def test_corrupted_repository_is_found(saved: Lab) -> None:
    """A backup that can't be read is none: the check names the damage, and a restore refuses it before the swap."""
    pack = run(saved, "vault01", f"find {STORE}/repository/data -type f -size +1000k | head -1").strip()
    run(
        saved,
        "vault01",
        f"cp -a {pack} /root/pack && chmod u+w {pack} && printf XXXX | dd of={pack} bs=1 seek=5000 conv=notrunc",
    )
    live, restore = tree(saved), next(RESTORES)
    try:
        found = vault(saved, "check", "web01", "--deep")
        staged = vault(saved, "stage", "web01", "--restore", restore)
    finally:
        run(saved, "vault01", f"cp -a /root/pack {pack}")
    assert found["outcome"] == "NOT DONE"
    assert pack.rsplit("/", 1)[1][:8] in found["reason"]
    assert staged["outcome"] == "NOT DONE"
    assert tree(saved) == live
    assert vault(saved, "check", "web01", "--deep")["outcome"] == "DONE"
