"""What a restore point holds and leaves out, the one moment of its dump, what is taken from it, how long it stays."""

# ruff: noqa: S608 - statements for the lab's own database
from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from lab_shell import each_on

from ungcuu.lab import Lab

ROOT = "/var/www/portal"
CURRENT = "/var/lib/ungcuu/backup/current"
STORE = "/var/lib/ungcuu-vault/sites/web01"
Run = Callable[..., tuple[int, dict[str, Any], str]]
# Each transaction writes to both; a dump that mixes two moments holds more of the one.
LEDGERS = """
CREATE TABLE a_debit (n INT PRIMARY KEY) ENGINE=InnoDB; CREATE TABLE z_credit (n INT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE m_between (id INT PRIMARY KEY, t MEDIUMTEXT);
"""
WRITER = """
n=0
while [ ! -e /tmp/enough ]; do
  n=$((n + 1))
  echo "BEGIN; INSERT INTO a_debit VALUES ($n); INSERT INTO z_credit VALUES ($n); COMMIT;"
done | mariadb portal
"""
AGES = (1, 2, 5, 20, 40, 41, 42, 120, 200, 300, 400, 700)  # days
SECRET = "export RESTIC_PASSWORD=$(cat /etc/ungcuu-vault/passwords/web01)"


def vault(lab: Lab, *words: str) -> dict[str, Any]:
    """Ask the vault's own command for what must be done."""
    answer: dict[str, Any] = json.loads(lab.exec("vault01", ["ungcuu-vault", *words]).stdout)
    assert answer["outcome"] == "DONE", answer
    return answer


def engine(lab: Lab, words: str) -> str:
    """Restic itself, on the vault's repository."""
    return each_on(lab, "vault01", f"{SECRET}; restic -q --no-cache -r {STORE}/repository {words}")


def rows(lab: Lab, query: str) -> str:
    return each_on(lab, "web01", f'mariadb -N portal -e "{query}"').strip()


@pytest.fixture(scope="module")
def kept(fresh: Callable[..., Lab], ungcuu: Run, playbook: Callable[..., Any]) -> tuple[Lab, dict[str, Any]]:
    """A website with something to leave out, saved once; and the point."""
    lab = fresh("web01", "vault01")
    each_on(lab, "web01", f"cd {ROOT}/wp-content; mkdir -p cache; echo 1 > cache/page.html; echo 2 > uploads/keep.log")
    each_on(lab, "web01", f"echo 3 > {ROOT}/wp-content/uploads/session.tmp")
    done = playbook("backup", "web01", website_backup_exclude=["*.tmp", f"{ROOT}/wp-content/cache"])
    assert done.returncode == 0, done.stdout[-3000:]
    assert ungcuu("enrol", "web01")[0] == 0
    return lab, vault(lab, "choose", "web01")["point"]


@pytest.mark.nightly
def test_what_is_left_out_is_what_was_named(kept: tuple[Lab, dict[str, Any]]) -> None:
    """A cache of gigabytes need not be kept; a pattern that takes more with it would be found at the restore."""
    lab, point = kept
    saved = set(engine(lab, f"ls --no-lock {point['id']}").splitlines())
    live = set(each_on(lab, "web01", f"find {ROOT} -type f").splitlines())
    assert {f"{ROOT}/wp-content/cache/page.html", f"{ROOT}/wp-content/uploads/session.tmp"} == live - saved
    assert f"{ROOT}/wp-content/uploads/keep.log" in saved
    assert {"/etc/nginx/nginx.conf", "/etc/ssl/private/portal.key"} <= saved, "configuration"


def test_packages_and_facts_are_what_the_host_has(kept: tuple[Lab, dict[str, Any]]) -> None:
    """A machine that is rebuilt needs to know what the website stood on."""
    lab, point = kept
    listed = engine(lab, f"dump --no-lock {point['id']} {CURRENT}/packages.tsv")
    assert listed == each_on(lab, "web01", "dpkg-query -W -f '${binary:Package}\\t${Version}\\t${Status}\\n'")
    by_hand = vault(lab, "packages", "web01")["packages"]
    assert by_hand == sorted(each_on(lab, "web01", "apt-mark showmanual").split())
    facts = json.loads(engine(lab, f"dump --no-lock {point['id']} {CURRENT}/site.json"))
    assert facts["site"]["root"] == ROOT
    assert facts["database"]["name"] == "portal"
    assert facts["kernel"] == each_on(lab, "web01", "uname -r").strip()
    assert facts["config_missing"] == []


@pytest.mark.nightly
def test_the_dump_is_one_moment(kept: tuple[Lab, dict[str, Any]], ungcuu: Run) -> None:
    """A writer goes on all the while. Seen failing with --single-transaction taken out of the dump."""
    lab, _ = kept
    each_on(lab, "web01", "mariadb portal", LEDGERS)
    big = "INSERT INTO m_between SELECT seq, REPEAT(MD5(seq), 2000) FROM seq_1_to_4000"
    each_on(lab, "web01", f"mariadb portal -e '{big}'")
    each_on(
        lab,
        "web01",
        "rm -f /tmp/enough; cat > /root/writer.sh; systemd-run -q --unit=writer sh /root/writer.sh",
        WRITER,
    )
    try:
        before = int(rows(lab, "SELECT COUNT(*) FROM a_debit"))
        point = vault(lab, "backup", "web01")["point"]
        after = int(rows(lab, "SELECT COUNT(*) FROM a_debit"))
    finally:
        each_on(lab, "web01", "touch /tmp/enough; while systemctl -q is-active writer; do sleep 0.1; done")
    assert after > before + 100, "nothing was written meanwhile: nothing proven"
    dump = engine(lab, f"dump --no-lock {point['id']} {CURRENT}/tables.sql")
    each_on(lab, "web01", "mariadb -e 'CREATE OR REPLACE DATABASE moment'; mariadb moment", dump)
    debit, credit = (rows(lab, f"SELECT COALESCE(MAX(n), 0) FROM moment.{name}") for name in ("a_debit", "z_credit"))
    each_on(
        lab, "web01", "mariadb -e 'DROP DATABASE moment'; mariadb portal -e 'DROP TABLE a_debit, m_between, z_credit'"
    )
    assert debit == credit
    assert before <= int(debit) <= after

    # Without these tables the database is below half of what it was: not whole, until a person accepts that.
    smaller = vault(lab, "backup", "web01")["point"]
    assert {(row["part"], row["what"]) for row in smaller["whole"]["shrunk"]} >= {("database", "bytes")}
    code, document, said = ungcuu("accept-point", "web01", smaller["id"][:8], "--reason", "the test's tables are gone")
    assert code == 0, json.dumps(document)[:2000] + said[-2000:]


@pytest.mark.nightly
def test_only_the_database_of_an_earlier_time(kept: tuple[Lab, dict[str, Any]], ungcuu: Run) -> None:
    """`--at` a time and `--only` a part: rows go back and are listed, files stay, what was replaced is kept."""
    lab, _ = kept
    rows(
        lab, "CREATE TABLE notes (id INT PRIMARY KEY, t VARCHAR(20)); INSERT INTO notes VALUES (1, 'old'), (2, 'gone')"
    )
    vault(lab, "backup", "web01")
    time.sleep(2)
    moment = each_on(lab, "vault01", "date -u +%Y-%m-%dT%H:%M:%SZ").strip()
    time.sleep(1)
    rows(lab, "UPDATE notes SET t = 'new' WHERE id = 1; DELETE FROM notes WHERE id = 2")
    rows(lab, "INSERT INTO notes VALUES (3, 'later')")
    each_on(lab, "web01", f"echo later > {ROOT}/wp-content/uploads/later.txt")
    vault(lab, "backup", "web01")
    code, document, said = ungcuu("restore", "web01", "--at", moment, "--only", "database", "--confirm-host", "web01")
    assert code == 0, json.dumps(document)[:2000] + said[-2000:]
    assert rows(lab, "SELECT * FROM notes") == "1\told\n2\tgone"
    assert each_on(lab, "web01", f"cat {ROOT}/wp-content/uploads/later.txt") == "later\n"
    restores = [document["restores"][0]["restore"]]
    told = document["restores"][0]["written_since"]
    assert told["files"] == []
    assert "notes" in json.dumps(told["rows"]), "rows that are no longer live must be listed"
    kept_as = each_on(lab, "web01", "mariadb -N -e \"SHOW DATABASES LIKE 'ungcuu_kept%'\"").strip()
    assert "3\tlater" in each_on(lab, "web01", f"mariadb -N {kept_as} -e 'SELECT * FROM notes'"), "nothing may be lost"

    # The intruder came back: the same point once more. What was live the first time is still kept under its own name.
    rows(lab, "INSERT INTO notes VALUES (4, 'again')")
    code, document, said = ungcuu("restore", "web01", "--at", moment, "--only", "database", "--confirm-host", "web01")
    assert code == 0, json.dumps(document)[:2000] + said[-2000:]
    restores.append(document["restores"][0]["restore"])
    assert rows(lab, "SELECT * FROM notes") == "1\told\n2\tgone"
    kept_as, second = each_on(lab, "web01", "mariadb -N -e \"SHOW DATABASES LIKE 'ungcuu_kept%'\"").split()
    assert "3\tlater" in each_on(lab, "web01", f"mariadb -N {kept_as} -e 'SELECT * FROM notes'")
    assert "4\tagain" in each_on(lab, "web01", f"mariadb -N {second} -e 'SELECT * FROM notes'")

    # Both reverted, the last one first: each undoing finds its own.
    for restore, expected in zip(reversed(restores), ("1\told\n2\tgone\n4\tagain", "1\tnew\n3\tlater"), strict=True):
        each_on(lab, "web01", f"ungcuu-site undo {restore}")
        assert rows(lab, "SELECT * FROM notes ORDER BY id") == expected


def test_code_that_does_not_parse_is_not_put_live(kept: tuple[Lab, dict[str, Any]], ungcuu: Run) -> None:
    """A point taken in the middle of somebody's edit: the check names the file, and what is live stays."""
    lab, _ = kept
    each_on(lab, "web01", f"printf '<?php function (' > {ROOT}/wp-content/half.php")  # no page loads it
    vault(lab, "backup", "web01")
    inode = each_on(lab, "web01", f"stat -c %i {ROOT}")
    code, document, _ = ungcuu("restore", "web01", "--confirm-host", "web01")
    assert (code, document["outcome"]) == (6, "NOT DONE"), document
    assert "half.php" in json.dumps(document)
    assert each_on(lab, "web01", f"stat -c %i {ROOT}") == inode
    each_on(lab, "web01", f"rm {ROOT}/wp-content/half.php")


def test_a_schedule_that_stopped_is_an_alert(kept: tuple[Lab, dict[str, Any]], ungcuu: Run) -> None:
    """Nobody notices a backup that does not happen: `doctor` and `restore-points` must."""
    lab, _ = kept
    each_on(lab, "vault01", "systemctl stop ungcuu-backup@web01.timer")
    try:
        document = ungcuu("restore-points", "web01")[1]["restore_points"]["web01"]
        assert any("timer" in text for text in document["alerts"]), document["alerts"]
        checks = ungcuu("doctor", "web01")[1]["checks"]
        assert any(row["subject"] == "backup" and "timer" in row["text"] for row in checks), checks
    finally:
        each_on(lab, "vault01", "systemctl start ungcuu-backup@web01.timer")
    assert not any(
        "timer" in text for text in ungcuu("restore-points", "web01")[1]["restore_points"]["web01"]["alerts"]
    )


def test_points_go_by_age_alone(kept: tuple[Lab, dict[str, Any]]) -> None:
    """Two years of daily points, as restic and the ledger would have them; the policy keeps 21 days, months, a year."""
    lab, _ = kept
    script = f"""
import datetime, json, pathlib, shutil, subprocess
now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
ledger = pathlib.Path("{STORE}/ledger.json")
rows = json.loads(ledger.read_text())
for days in {AGES}:
    moment = now - datetime.timedelta(days=days)
    local = moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    command = ["restic", "--json", "--no-cache", "-r", "{STORE}/repository", "backup", "--host=web01", "--tag=ungcuu"]
    said = subprocess.run([*command, f"--time={{local}}", "/etc/hostname"], capture_output=True, check=True).stdout
    identity = json.loads(said.splitlines()[-1])["snapshot_id"]
    whole = next(path.name for path in pathlib.Path("{STORE}/repository/snapshots").glob(identity + "*"))
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    rows.insert(0, rows[-1] | {{"id": whole, "time": stamp, "arrived": stamp, "days": days}})
rows.sort(key=lambda row: row["time"])
ledger.write_text(json.dumps(rows))
repository = pathlib.Path("{STORE}/repository").resolve()
shutil.rmtree(repository / "locks", ignore_errors=True)
names = {{kind: sorted(path.name for path in (repository / kind).iterdir()) for kind in ("keys", "index")}}
names["data"] = sorted(path.name for path in (repository / "data").glob("*/*"))
for row in rows:
    (repository / "points" / (row["id"] + ".json")).write_text(json.dumps(names | {{"snapshots": [row["id"]]}}))
"""
    give = f"find {STORE}/repository/ -type f -exec chown root:ungcuu-vault {{}} + -exec chmod 440 {{}} +"
    each_on(lab, "vault01", f"{SECRET}; python3 -; {give}", script)
    before = vault(lab, "points", "web01")["points"]
    answer = vault(lab, "tidy", "web01")
    after = vault(lab, "points", "web01")["points"]
    left = {row.get("days", 0) for row in after}
    assert {0, 1, 2, 5, 20} <= left, "within 21 days each day's point stays"
    assert 1 <= len(left & {40, 41, 42}) < 3, "of each week one"
    assert {200, 300} <= left, "of each month of a year one"
    assert not left & {400, 700}, "older than the policy"
    assert answer["removed"] == len(before) - len(after)
    assert max(before, key=lambda row: row["time"])["id"] in {row["id"] for row in after}, "the newest stays"
    assert vault(lab, "check", "web01")["points"] == answer["kept"]
