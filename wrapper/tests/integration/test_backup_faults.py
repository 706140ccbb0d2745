"""What goes wrong with backups and restores, and that the last good point always survives it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_shell import on, vault

from ungcuu.lab import Lab

# Stands before the real restic: the backup is under way for as long as the test needs it to be.
SLOW = '#!/bin/sh\ncase "$*" in *backup*) sleep 6;; esac\nexec /usr/bin/restic.real "$@"\n'
STORE = "/var/lib/ungcuu-vault/sites/web01"
ROOT = Path(__file__).parents[3]
SITE_TEXT = "Sở Công Thương"
PASSWORD = "mariadb -Ne \"SELECT authentication_string FROM mysql.user WHERE user='portal'\""
RESTORES = iter(f"20260101T0000{second:02}Z-0123abcd" for second in range(60))


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
    return on(lab, "web01", "cd /var/www/portal && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum")


@pytest.fixture(scope="module")
def saved(fresh: Callable[..., Lab], playbook: Callable[..., Any]) -> Lab:
    lab = fresh("web01", "vault01")
    done = playbook("backup", "web01")
    assert done.returncode == 0, done.stdout[-3000:]
    return lab


@pytest.fixture
def slow(saved: Lab) -> Iterator[Lab]:
    """A host whose backup takes its time."""
    on(
        saved,
        "web01",
        "mv /usr/bin/restic /usr/bin/restic.real; cat > /usr/bin/restic; chmod 755 /usr/bin/restic",
        SLOW,
    )
    yield saved
    on(saved, "web01", "mv /usr/bin/restic.real /usr/bin/restic")


@pytest.fixture(autouse=True)
def last_good_point_survives(saved: Lab) -> Iterator[None]:
    """After every fault: the last good point is still there and whole, and nothing is left lying about."""
    before = vault(saved, "choose", "web01")["point"]["id"]
    yield
    assert vault(saved, "choose", "web01", "--at", before)["outcome"] == "DONE"
    assert vault(saved, "hashes", "web01")["outcome"] == "DONE"
    assert on(saved, "web01", "ls -A /var/lib/ungcuu/backup").strip() == "", "a dump was left behind"


@pytest.mark.nightly
def test_connection_cut_in_mid_backup(slow: Lab) -> None:
    """The dump must go, and restic with it: nobody would come back for them."""
    process = start(slow, "backup", "web01")
    wait_for(slow, "web01", "pgrep -x sleep")
    on(slow, "web01", "pkill -KILL -u ungcuu-backup sshd")
    answer = end(process)
    assert answer["outcome"] in ("NOT DONE", "UNKNOWN")
    wait_for(slow, "web01", "! pgrep restic && ! ls /var/lib/ungcuu/backup/current")


def test_two_backups_at_once(slow: Lab) -> None:
    """The second learns who holds the vault, and touches nothing."""
    process = start(slow, "backup", "web01")
    wait_for(slow, "web01", "pgrep -x sleep")
    answer = vault(slow, "backup", "web01")
    assert answer["outcome"] == "NOT DONE"
    assert "busy with web01" in answer["reason"]
    assert "since" in answer["reason"]
    on(slow, "web01", "pkill -KILL -u ungcuu-backup sshd")
    end(process)
    wait_for(slow, "web01", "! ls /var/lib/ungcuu/backup/current")


def test_vault_s_disk_fills_up(slow: Lab) -> None:
    """Refused before the start; and cut off at once when it happens on the way, not after restic's long retries."""
    stuff = f"mount -t tmpfs -o size=900m tmpfs /mnt && cp -a {STORE}/. /mnt/ && mount --bind /mnt {STORE}"
    on(slow, "vault01", stuff)
    try:
        process = start(slow, "backup", "web01")
        wait_for(slow, "web01", "pgrep -x sleep")
        on(slow, "vault01", "head -c 2000m /dev/zero > /mnt/filler 2>/dev/null || true")
        began = time.monotonic()
        answer = end(process)
        assert answer["outcome"] == "NOT DONE"
        assert "ran full" in answer["reason"]
        assert time.monotonic() - began < 15
        wait_for(slow, "web01", "! ls /var/lib/ungcuu/backup/current")
        assert "must be free" in vault(slow, "backup", "web01")["reason"]
    finally:
        on(slow, "vault01", f"umount {STORE} /mnt")


def test_host_s_disk_is_full(saved: Lab) -> None:
    """Half a dump must never be taken for a whole one."""
    on(saved, "web01", "mount -t tmpfs -o size=8m tmpfs /var/lib/ungcuu")
    try:
        answer = vault(saved, "backup", "web01")
    finally:
        on(saved, "web01", "umount /var/lib/ungcuu")
    assert answer["outcome"] == "NOT DONE"
    assert "MiB are free" in answer["reason"]


def test_database_refuses_the_dump(saved: Lab) -> None:
    """A point without its database would be offered as if it were whole."""
    on(saved, "web01", "systemctl stop mariadb")
    try:
        answer = vault(saved, "backup", "web01")
    finally:
        on(saved, "web01", "systemctl start mariadb")
    assert answer["outcome"] == "NOT DONE"
    assert "database refuses" in answer["reason"]


def test_connection_cut_in_mid_restore(saved: Lab) -> None:
    """Only the stage may suffer."""
    live, restore = tree(saved), next(RESTORES)
    process = start(saved, "stage", "web01", "--restore", restore)
    wait_for(saved, "web01", f"find /var/www/.ungcuu-stage/{restore} -type f | grep -q .")
    on(saved, "web01", "pkill -KILL -u ungcuu-backup sshd")
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
    on(saved, "web01", "mariadb portal", sql)
    state = "mariadb-dump --skip-dump-date --routines --triggers --events portal | sed 's/DEFINER=[^ *]*//' | sha256sum"
    live, tables, restore = tree(saved), on(saved, "web01", state), next(RESTORES)
    staged = vault(saved, "stage", "web01", "--restore", restore)
    assert staged["outcome"] == "DONE"
    check = json.dumps({"do": "check", "restore": restore, "expected": staged["expected"]})
    assert '"passed": true' in on(saved, "web01", "ungcuu-site", check)
    # The database account's password changes: the restored site can't reach its database.
    known = on(
        saved, "web01", "mariadb -Ne \"SELECT authentication_string FROM mysql.user WHERE user='portal'\""
    ).strip()
    on(saved, "web01", "mariadb", "ALTER USER portal@localhost IDENTIFIED BY 'another'")
    done = saved.exec("web01", ["ungcuu-site", "swap", restore])
    on(saved, "web01", "mariadb", f"ALTER USER portal@localhost IDENTIFIED VIA mysql_native_password USING '{known}'")
    assert done.returncode == 3
    assert b"what was live before is live again" in done.stdout
    assert tree(saved) == live
    assert on(saved, "web01", state) == tables
    on(saved, "web01", "mariadb portal", "DROP VIEW seen; DROP TABLE child, parent; DROP PROCEDURE p")


def test_swap_killed_halfway_can_be_undone(saved: Lab) -> None:
    """The host may die in mid-swap: what was live must come back whole."""
    live, restore = tree(saved), next(RESTORES)
    staged = vault(saved, "stage", "web01", "--restore", restore)
    check = json.dumps({"do": "check", "restore": restore, "expected": staged["expected"]})
    assert '"passed": true' in on(saved, "web01", "ungcuu-site", check)
    known = on(saved, "web01", f"{PASSWORD}").strip()
    on(saved, "web01", "mariadb", "ALTER USER portal@localhost IDENTIFIED BY 'another'")  # the page will not come
    on(saved, "web01", f"systemd-run -q --unit=ungcuu-restore-{restore} ungcuu-site swap {restore}")
    wait_for(saved, "web01", f"grep -q swapped /var/lib/ungcuu/restore/{restore}/state.json")
    on(saved, "web01", f"systemctl kill -s KILL ungcuu-restore-{restore}")
    on(saved, "web01", "mariadb", f"ALTER USER portal@localhost IDENTIFIED VIA mysql_native_password USING '{known}'")
    assert '"step": "undone"' in on(saved, "web01", f"ungcuu-site undo {restore}")
    assert tree(saved) == live
    assert SITE_TEXT in on(saved, "web01", "curl -skL --resolve portal.lab.test:443:127.0.0.1 https://portal.lab.test/")


@pytest.mark.nightly
def test_disk_full_ten_times_over(saved: Lab, playbook: Callable[..., Any]) -> None:
    """Each failed run must leave things as they were: the tenth is refused like the first, and then a restore works."""
    stuff = f"mount -t tmpfs -o size=900m tmpfs /mnt && cp -a {STORE}/. /mnt/ && mount --bind /mnt {STORE}"
    on(saved, "vault01", f"{stuff}; head -c 2000m /dev/zero > /mnt/filler 2>/dev/null || true")
    try:
        said = [vault(saved, "backup", "web01")["reason"] for _ in range(5)]
    finally:
        on(saved, "vault01", f"umount {STORE} /mnt")
    on(saved, "web01", "mount -t tmpfs -o size=8m tmpfs /var/lib/ungcuu")
    try:
        said += [vault(saved, "backup", "web01")["reason"] for _ in range(5)]
    finally:
        on(saved, "web01", "umount /var/lib/ungcuu")
    assert len(said) == 10
    assert all("free" in reason for reason in said)
    on(saved, "web01", "echo broken > /var/www/portal/index.php")
    done = playbook("restore", "web01", website_restore_only=["files"])
    assert done.returncode == 0, done.stdout[-3000:]


def test_host_s_disk_is_too_full_for_a_restore(saved: Lab) -> None:
    """Refused before anything is unpacked: a half-unpacked stage would fill the disk of a live website."""
    live, restore = tree(saved), next(RESTORES)
    on(saved, "web01", "mount -t tmpfs -o size=8m tmpfs /var/lib/ungcuu")
    try:
        staged = vault(saved, "stage", "web01", "--restore", restore)
    finally:
        on(saved, "web01", "umount /var/lib/ungcuu")
    assert staged["outcome"] == "NOT DONE"
    assert "MiB are free" in staged["reason"]
    assert tree(saved) == live


def test_controller_s_disk_is_full(saved: Lab, tmp_path: Path) -> None:
    """No journal, no run. A copy of the state folder stands on a full disk, in a mount namespace of its own."""
    before = [point["id"] for point in vault(saved, "points", "web01")["points"]]
    script = f"""set -e
        mount -t tmpfs -o size=$(( $(du -sk "$UNGCUU_STATE" | cut -f1) + 256 ))k tmpfs {tmp_path}
        cp -a "$UNGCUU_STATE/." {tmp_path}; rm -rf {tmp_path}/operations {tmp_path}/heads
        head -c 99m /dev/zero > {tmp_path}/filler 2>/dev/null || true
        UNGCUU_STATE={tmp_path} exec {sys.executable} -m ungcuu --inventory lab --json backup web01"""
    command = ["unshare", "--mount", "sh", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    document = json.loads(done.stdout)
    assert document["outcome"] == "NOT DONE", document
    assert "No space left" in document["error"]["what"] + document["error"]["state"]
    assert [point["id"] for point in vault(saved, "points", "web01")["points"]] == before


def test_vault_is_down(saved: Lab, ungcuu: Callable[..., tuple[int, dict[str, Any], str]]) -> None:
    """Reported as what it is; the website goes on, and backups work again once the vault is back."""
    live = tree(saved)
    subprocess.run(["podman", "stop", "-t", "0", saved.container("vault01")], check=True, capture_output=True)
    try:
        code, document, _ = ungcuu("backup", "web01")
    finally:
        saved.restart("vault01")
    assert code != 0
    assert document["outcome"] in ("NOT DONE", "UNKNOWN")
    assert "vault01" in document["error"]["what"]
    assert document["error"]["next"]
    assert tree(saved) == live


def test_controller_is_killed_and_resumes(slow: Lab, ungcuu: Callable[..., tuple[int, dict[str, Any], str]]) -> None:
    """The vault finishes by itself what was begun; `resume` closes the run and goes on."""
    before = len(vault(slow, "points", "web01")["points"])
    command = [sys.executable, "-m", "ungcuu", "--inventory", "lab", "--json", "backup", "web01"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(slow, "web01", "pgrep -x sleep", 90)
    kill_with_children(process.pid)
    process.wait(10)
    wait_for(slow, "web01", "! pgrep restic", 60)
    time.sleep(2)
    code, document, said = ungcuu("resume", "web01")
    assert (code, document["outcome"]) == (0, "DONE"), said
    points = vault(slow, "points", "web01")["points"]
    assert before < len(points) <= before + 2
    assert not vault(slow, "points", "web01")["strangers"]


def kill_with_children(pid: int) -> None:
    """SIGKILL for a process that this test started and all that it started: what a power cut is to a controller."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
            children.setdefault(int(words[1]), []).append(int(stat.parent.name))
    for child in children.get(pid, []):
        kill_with_children(child)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_older_points_survive_a_damaged_newest(saved: Lab) -> None:
    """The check says which points can still be read whole; those can be chosen and restored."""
    older = vault(saved, "choose", "web01")["point"]["id"]
    known = set(on(saved, "vault01", f"find {STORE}/repository/data/ -type f").split())
    on(saved, "web01", "head -c 3m /dev/urandom > /var/www/portal/wp-content/uploads/new.bin")
    newest = vault(saved, "backup", "web01")["point"]["id"]
    fresh = [
        path
        for path in on(saved, "vault01", f"find {STORE}/repository/data/ -type f -size +1000k").split()
        if path not in known
    ]
    pack, live, restore = fresh[0], tree(saved), next(RESTORES)
    on(saved, "vault01", f"cp -a {pack} /root/pack; chmod u+w {pack}; printf X | dd of={pack} bs=1 seek=9 conv=notrunc")
    try:
        found = vault(saved, "check", "web01", "--deep")
        damaged = vault(saved, "stage", "web01", "--restore", restore)
        whole = vault(saved, "stage", "web01", "--restore", next(RESTORES), "--at", older)
    finally:
        on(saved, "vault01", f"cp -a /root/pack {pack}")
        on(saved, "web01", "rm /var/www/portal/wp-content/uploads/new.bin")
    assert found["outcome"] == damaged["outcome"] == "NOT DONE"
    assert older[:8] in found["state"]
    assert newest[:8] not in found["state"]
    assert whole["outcome"] == "DONE"
    assert live


def test_corrupted_repository_is_found(saved: Lab) -> None:
    """A backup that can't be read is none: the check names the damage, and a restore refuses it before the swap."""
    pack = on(saved, "vault01", f"find {STORE}/repository/data/ -type f -size +1000k | head -1").strip()
    on(
        saved,
        "vault01",
        f"cp -a {pack} /root/pack && chmod u+w {pack} && printf XXXX | dd of={pack} bs=1 seek=5000 conv=notrunc",
    )
    live, restore = tree(saved), next(RESTORES)
    try:
        found = vault(saved, "check", "web01", "--deep")
        staged = vault(saved, "stage", "web01", "--restore", restore)
    finally:
        on(saved, "vault01", f"cp -a /root/pack {pack}")
    assert found["outcome"] == "NOT DONE"
    assert pack.rsplit("/", 1)[1][:8] in found["reason"]
    assert staged["outcome"] == "NOT DONE"
    assert tree(saved) == live
    assert vault(saved, "check", "web01", "--deep")["outcome"] == "DONE"
