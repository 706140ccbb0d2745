"""Patching whole, as the operator runs it: playbook, health from both sides, canary, lost connections."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from patch_host import Package, PatchHost

from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
Playbook = Callable[..., subprocess.CompletedProcess[str]]
Cli = Callable[..., tuple[int, dict[str, Any], str]]
# Backing up first takes its time: once is enough.
QUICK = {"patching_backup_missing": "report", "patching_tools": [], "patching_lock_seconds": 5}
# nginx includes what the package ships, so that a package alone can break the site.
SITE = "/usr/share/demo-site/nginx.conf"
RELOAD = {"postinst": "systemctl reload nginx || true"}


@pytest.fixture(scope="module")
def hosts(fresh: Callable[..., Lab]) -> tuple[PatchHost, PatchHost]:
    """web01 and vault01, each with packages of the tests."""
    lab = fresh("web01", "vault01")
    # What saving and restoring needs, while the mirrors still answer: patching on top of no backup may not end in none.
    for host, packages in (
        ("web01", "restic sudo python3-apt"),
        ("vault01", "restic rclone openssh-client python3-apt"),
    ):
        words = f"apt-get -q update && apt-get -y -q install --no-install-recommends {packages}"
        done = lab.exec(host, ["sh", "-ec", words])
        assert done.returncode == 0, done.stderr.decode()
    web, vault = PatchHost(lab), PatchHost(lab, "vault01")
    web.sh(f"echo 'include /usr/share/demo-site/*.conf;' > /etc/nginx/conf.d/demo.conf; mkdir -p {Path(SITE).parent}")
    return web, vault


def recap(done: subprocess.CompletedProcess[str]) -> str:
    """The last lines, for a failed assertion."""
    return (done.stdout + done.stderr)[-3000:]


# One hole that the update closes, one that nobody has fixed yet, and one in a package that is held.
DEBSECAN = """VERSION 1
CVE-2026-1111,,closed
CVE-2026-3333,,open
CVE-2026-2222,,held

demo,0,SHRF,2.0,
demo,1,SL  ,,
kept,2,SM F,2.0,

demo,demo
"""


def test_security_updates_are_applied_and_a_second_run_changes_nothing(
    hosts: tuple[PatchHost, PatchHost], ungcuu: Cli, playbook: Playbook, tmp_path: Path
) -> None:
    """The main path: a plan, then exactly that, the site well afterwards, and a report of what was and is open."""
    web, _ = hosts
    web.install(Package("demo", "1.0"), Package("kept", "1.0"))
    web.publish(Package("demo", "2.0", cves=("CVE-2026-1111",)), Package("kept", "2.0", cves=("CVE-2026-2222",)))
    web.sh("apt-mark hold kept")
    (tmp_path / "debsecan").write_text(DEBSECAN, encoding="utf-8")
    code, document, said = ungcuu("patch", "web01", "--plan")
    assert code == 0, said
    rows = document["plan"]["details"]["web01: packages"]
    assert [(row["package"], row["from"], row["to"], row["cves"]) for row in rows if row["package"] == "demo"] == [
        ("demo", "1.0", "2.0", "CVE-2026-1111")
    ]
    assert web.version("demo") == "ii  1.0"
    code, document, said = ungcuu(
        "patch", "web01", "--backup-hours", "0", "--debsecan", str(tmp_path / "debsecan"), "--reason", "test"
    )
    assert code == 0, said
    assert (web.version("demo"), web.version("kept")) == ("ii  2.0", "hi  1.0")
    report = document["patched"]["web01"]
    published = datetime(2026, 11, 2, 8, tzinfo=UTC)  # as the packages' changelogs say
    assert abs(report["exposure_days"]["CVE-2026-1111"] - (datetime.now(UTC) - published).days) <= 1
    assert [(row["package"], row["why"]) for row in report["kept_back"]] == [("kept", "held")]
    assert sorted(row["cve"] for row in report["still_open"]) == ["CVE-2026-2222", "CVE-2026-3333"]
    again = playbook("patch", "web01", **QUICK)
    assert again.returncode == 0 and "changed=0 " in again.stdout, recap(again)
    web.withdraw("demo", "kept")


def test_without_a_backup_nothing_is_upgraded_where_the_site_says_so(
    hosts: tuple[PatchHost, PatchHost], playbook: Playbook
) -> None:
    """A site that patches on top of no backup has no way back from what packages can't bring back."""
    web, _ = hosts
    web.install(Package("unsaved", "1.0"))
    web.publish(Package("unsaved", "2.0"))
    # Tests of backups may have left a restore point behind.
    (Path(os.environ["UNGCUU_STATE"]) / "hosts/web01/restore_points.json").unlink(missing_ok=True)
    done = playbook("patch", "web01", **QUICK | {"patching_backup_missing": "refuse"})
    words = " ".join(done.stdout.split())
    assert done.returncode != 0 and "newest restore point is not known" in words, recap(done)
    assert "ungcuu backup web01" in words
    assert web.version("unsaved") == "ii  1.0"
    web.withdraw("unsaved")


def test_everything_on_demand_and_back_again(hosts: tuple[PatchHost, PatchHost], ungcuu: Cli) -> None:
    """`--all` takes what is no security update too; `--rollback last` is its way back, shown by `--plan` before."""
    web, _ = hosts
    web.install(Package("plain", "1.0", suite="stable"))
    web.publish(Package("plain", "2.0", suite="stable"))
    words = ("patch", "web01", "--backup-hours", "0")
    code, _document, said = ungcuu(*words)
    assert code == 0 and web.version("plain") == "ii  1.0", said
    code, document, said = ungcuu(*words, "--all")
    assert code == 0 and web.version("plain") == "ii  2.0", said
    assert "plain" in json.dumps(document["patched"]["web01"])
    code, _document, said = ungcuu("patch", "web01", "--rollback", "last", "--plan")
    assert code == 0 and web.version("plain") == "ii  2.0", said
    code, _document, said = ungcuu("patch", "web01", "--rollback", "last")
    assert code == 0 and web.version("plain") == "ii  1.0", said
    code, document, said = ungcuu("patch", "web01", "--rollback", "20000101T000000Z-000000")
    assert code not in (0, 1) and document["error"]["next"], "a run that never was: told, with what to do"
    web.withdraw("plain")


def test_check_mode_changes_nothing_and_names_the_package(
    hosts: tuple[PatchHost, PatchHost], playbook: Playbook
) -> None:
    """--check promises that; a check that counts no change would read as: nothing is due."""
    web, _ = hosts
    web.install(Package("checked", "1.0"))
    web.publish(Package("checked", "2.0"))
    done = playbook("patch", "web01", "--check", "--diff", **QUICK)
    assert done.returncode == 0 and "+checked 2.0" in done.stdout.splitlines(), recap(done)
    assert web.version("checked") == "ii  1.0"
    web.withdraw("checked")


def test_outside_the_window_nothing_is_asked_of_the_host(
    hosts: tuple[PatchHost, PatchHost], playbook: Playbook
) -> None:
    """An upgrade during a freeze is what the freeze is for; a hole that is being exploited does not wait."""
    hosts[0].publish()
    freeze = [{"from": "2000-01-01", "to": "2999-12-31", "reason": "election"}]
    done = playbook("patch", "web01", patching_freeze=freeze, **QUICK)
    assert done.returncode != 0 and "election" in done.stdout and "--urgent" in done.stdout, recap(done)
    another_day = (datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")) + timedelta(days=3)).strftime("%a").lower()
    done = playbook("patch", "web01", patching_window=[f"{another_day} 10:00-11:00"], **QUICK)
    assert done.returncode != 0 and "--urgent" in done.stdout, recap(done)
    done = playbook("patch", "web01", patching_freeze=freeze, patching_urgent=True, **QUICK)
    assert done.returncode == 0, recap(done)


def test_a_sick_site_stops_at_the_canary_and_goes_back(hosts: tuple[PatchHost, PatchHost], playbook: Playbook) -> None:
    """The first host bears the risk for all; it must end well, and the others untouched."""
    web, vault = hosts
    web.install(Package("demo-site", "1.0", files={SITE: "# fine\n"}, scripts=RELOAD))
    web.publish(Package("demo-site", "2.0", files={SITE: "deny all;\n"}, scripts=RELOAD))
    vault.install(Package("demo", "1.0"))
    vault.publish(Package("demo", "2.0"))
    done = playbook("patch", "web01,vault01", website_health_tries=2, website_health_pause=0, **QUICK)
    assert done.returncode != 0 and "packages before were put back" in done.stdout, recap(done)
    assert web.version("demo-site") == "ii  1.0"
    assert vault.version("demo") == "ii  1.0"
    assert "200" in web.sh("curl -s -o /dev/null -w '%{http_code}' -H 'Host: portal.lab.test' http://127.0.0.1/")
    web.withdraw("demo-site")


@pytest.fixture
def vandal(hosts: tuple[PatchHost, PatchHost]) -> Iterator[PatchHost]:
    """A package whose new version breaks what no package version brings back."""
    web, _ = hosts
    broken = "/etc/nginx/conf.d/zz-broken.conf"
    web.install(Package("vandal", "1.0"))
    scripts = {"postinst": f"echo 'deny all;' > {broken}; systemctl reload nginx"}
    web.publish(Package("vandal", "2.0", scripts=scripts))
    yield web
    web.sh(f"rm -f {broken}; systemctl reload nginx")
    web.withdraw("vandal")


def test_when_going_back_does_not_help_the_restore_is_offered(vandal: PatchHost, playbook: Playbook) -> None:
    """Without a point from before the upgrade, that is all that can be done."""
    done = playbook("patch", "web01", website_health_tries=1, website_health_pause=0, **QUICK)
    assert done.returncode != 0 and "Next: ungcuu restore web01" in done.stdout, recap(done)
    assert vandal.version("vandal") == "ii  1.0"


@pytest.mark.nightly
def test_when_going_back_does_not_help_the_website_is_restored(vandal: PatchHost, playbook: Playbook) -> None:
    """The point that the run itself took before; and the operator still hears that the upgrade failed."""
    words = QUICK | {"patching_backup_missing": "make"}
    done = playbook("patch", "web01", website_health_tries=1, website_health_pause=0, **words)
    assert done.returncode != 0 and "newest restore point was put live" in " ".join(done.stdout.split()), recap(done)
    assert vandal.version("vandal") == "ii  1.0"
    assert "200" in vandal.sh("curl -s -o /dev/null -w '%{http_code}' -H 'Host: portal.lab.test' http://127.0.0.1/")


def patched_until(web: PatchHost, sign: str) -> None:
    """Patch, and kill the controller once the file of this name is there."""
    command = [sys.executable, "-m", "ungcuu", "--inventory", "lab", "--json", "patch", "web01", "--backup-hours", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as first:
        deadline = time.monotonic() + 240
        while web.sh(f"cat {sign}", check=False) == "" and time.monotonic() < deadline:
            time.sleep(1)
        os.killpg(first.pid, signal.SIGKILL)


@pytest.mark.nightly
def test_a_killed_controller_is_joined_and_restores_too(vandal: PatchHost, ungcuu: Cli) -> None:
    """Also for who comes later: the point from before the upgrade, not one that was taken of the broken website."""
    broken = "/etc/nginx/conf.d/zz-broken.conf"
    scripts = {"postinst": f"echo 'deny all;' > {broken}; systemctl reload nginx; echo once > /run/vandal; sleep 25"}
    vandal.publish(Package("vandal", "2.0", scripts=scripts))
    patched_until(vandal, "/run/vandal")
    code, document, said = ungcuu("resume", "web01")
    assert code != 0 and "restore point was put live" in " ".join(said.split()) + json.dumps(document), said
    assert vandal.version("vandal") == "ii  1.0"
    assert "200" in vandal.sh("curl -s -o /dev/null -w '%{http_code}' -H 'Host: portal.lab.test' http://127.0.0.1/")


def test_a_killed_controller_is_joined_not_doubled(hosts: tuple[PatchHost, PatchHost], ungcuu: Cli) -> None:
    """The laptop closes in the middle of an upgrade; resume finds it at work and ends it well."""
    web, _ = hosts
    web.install(Package("slow", "1.0"))
    web.publish(Package("slow", "2.0", scripts={"postinst": "echo once >> /run/slow; sleep 25"}))
    patched_until(web, "/run/slow")
    code, document, said = ungcuu("resume", "web01")
    assert code == 0 and [row["outcome"] for row in document["runs"]] == ["DONE"], said
    assert web.version("slow") == "ii  2.0"
    assert web.sh("cat /run/slow") == "once\n"
    assert json.loads(web.sh("cat /var/lib/ungcuu/patch/state.json"))["outcome"] == "done"
    web.withdraw("slow")


def test_a_dead_line_in_the_middle_is_waited_out(hosts: tuple[PatchHost, PatchHost], playbook: Playbook) -> None:
    """A provincial line drops for half a minute more often than packages break."""
    web, _ = hosts
    web.install(Package("line", "1.0"))
    drop = "nft 'add table inet deaf; add chain inet deaf i { type filter hook input priority -400; policy drop; }'"
    postinst = f"{drop}; sleep 35; nft delete table inet deaf"
    web.publish(Package("line", "2.0", scripts={"postinst": postinst}))
    done = playbook("patch", "web01", **QUICK)
    for _ in range(90):  # the operator tries again when the line is back; on a loaded machine that is later
        if "deaf" not in web.sh("nft list tables"):
            break
        time.sleep(1)
    again = done if done.returncode == 0 else playbook("patch", "web01", **QUICK)
    assert again.returncode == 0, recap(done) + recap(again)
    assert web.version("line") == "ii  2.0"
    web.withdraw("line")
