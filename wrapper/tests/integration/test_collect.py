"""Evidence from a real host: nothing written there, nothing trusted from there, nothing lost on the way."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

import pytest
from evidence_plants import MARKS, PLANT, PLANT_LOGS, PLANT_NAMES, REPLACE_TOOLS, UPLOADS, UPROOT
from written_disks import difference, disk

from ungcuu.case.evidence import Collection, Item, Outcome, Request, Spec, collect, load_profile, script
from ungcuu.case.evidence.extent import scope_of
from ungcuu.core import process_guard
from ungcuu.core.sentences import shown
from ungcuu.hosts.ssh import HostKeyRefused, Target
from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
PROFILES = ROOT / "roles" / "evidence" / "profiles"
SITE = {
    "WEBSITE_ROOT": "/var/www/portal",
    "WEBSITE_WRITABLE": "wp-content/uploads",
    "WEBSITE_DATABASE_ENGINE": "mariadb",
    "WEBSITE_DATABASE_NAME": "portal",
    "EVIDENCE_DAYS": "30",
    "EVIDENCE_ROWS": "500",
}


@pytest.fixture(scope="module")
def host(fresh: Callable[..., Lab]) -> Lab:
    return fresh("web01")


@pytest.fixture
def target(host: Lab) -> Target:
    return Target(
        "web01", host.address("web01"), key=host.folder / "id_ed25519", known_hosts=host.folder / "known_hosts"
    )


def shell(host: Lab, command: str) -> str:
    done = host.exec("web01", ["sh", "-ec", command])
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace")


def spec(name: str, how: str, limit_bytes: int = 1 << 20, seconds: float = 10) -> Spec:
    return Spec("test", name, "a test", "to test", how, "raw", limit_bytes, seconds)


def take(target: Target, folder: Path, *specs: Spec, **more: Any) -> dict[str, Item]:
    return by_id(collect(Request(target, specs, folder, "tester", SITE, **more)))


def by_id(found: Collection) -> dict[str, Item]:
    return {item.id: item for item in found.items}


@pytest.fixture
def old_files(host: Lab) -> Iterator[None]:
    """Files whose access time is older than their change: the next ordinary read would set it (relatime)."""
    shell(host, "mkdir -p /root/old && echo kept > /root/old/file && cp /root/old/file /var/www/portal/old.php")
    shell(host, "touch -a -d 2020-01-01 /root/old/file /root/old /var/www/portal/old.php /var/www/portal")
    yield
    shell(host, "rm -r /root/old /var/www/portal/old.php")


def test_the_disks_are_not_written_to(host: Lab, playbook: Any, old_files: None, tmp_path: Path) -> None:
    """Evidence that the collector itself has altered is worth little: contents, names and all times must stand."""
    playbook("collect", "web01", evidence_profile="full", evidence_folder=str(tmp_path / "warm"))  # starts sudo, tar …
    seen: list[set[str]] = []
    for attempt in ("first", "second"):  # a job of the host's own may fall into one of them, the collector into both
        shell(host, "touch -a -d 2020-01-01 /root/old/file /root/old /var/www/portal/old.php /var/www/portal; sleep 1")
        before = disk(host)
        done = playbook("collect", "web01", evidence_profile="full", evidence_folder=str(tmp_path / attempt))
        assert done.returncode == 0, done.stdout + done.stderr
        seen.append(set(difference(before, disk(host))))
        if not seen[-1]:
            return
    assert set.intersection(*seen) == set()


def test_the_comparison_of_disks_would_notice(host: Lab, old_files: None) -> None:
    """The test above proves nothing unless an ordinary read and an ordinary write show."""
    before = disk(host)
    shell(host, "cat /root/old/file; touch /etc/new")
    changed = difference(before, disk(host))
    shell(host, "rm /etc/new")
    assert {"root/old/file", "etc/new"} <= changed.keys()


def test_a_command_that_tries_to_write_cannot(target: Target, host: Lab, tmp_path: Path) -> None:
    """The promise is kept by the kernel: also against a slip in a profile, or a tool that leaves files behind."""
    places = ("/etc/left", "/var/tmp/left", "/var/www/portal/left", "/root/left", "/run/left", "/tmp/left")
    items = take(target, tmp_path, *(spec(f"w{n}", f"echo x > {place}") for n, place in enumerate(places)))
    assert {item.outcome for item in items.values()} == {Outcome.FAILURE}
    assert all("Read-only file system" in str(item.reason) for item in items.values())
    assert not shell(host, f"ls {' '.join(places)} 2>/dev/null || true")


def test_the_guard_is_what_stops_it(target: Target, host: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the private view the same command writes: so the view is the defence, and its absence is recorded."""
    monkeypatch.setattr(script, "LAUNCH", "exec /bin/sh -s bare")
    found = collect(Request(target, [spec("w", "echo x > /var/tmp/left")], tmp_path, "tester"))
    assert shell(host, "cat /var/tmp/left; rm /var/tmp/left") == "x\n"
    assert found.custody["read_only_view"] is False


def test_a_whole_collection(playbook: Any, host: Lab, tmp_path: Path) -> None:
    """Each item has a record, each record's file hashes to its name, and nothing failed on a healthy host."""
    folder = tmp_path / "evidence"
    done = playbook("collect", "web01", evidence_profile="full", evidence_folder=str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(line) for line in (folder / "manifest-web01.jsonl").read_text().splitlines()]
    items = [record for record in records if record["record"] == "item"]
    wanted = [entry.id for name in ("volatile", "triage", "full") for entry in load_profile(PROFILES, name)]
    assert [item["id"] for item in items] == wanted
    assert not {item["id"]: item["reason"] for item in items if item["outcome"] in ("FAILURE", "CUT_OFF")}
    named = {item["sha256"] for item in items if item["sha256"]}
    assert {path.name for path in folder.iterdir()} == named | {"manifest-web01.jsonl"}
    for name in named:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == name
    assert [record["from"] for record in records if record["record"] == "custody"] == ["web01"] * 3
    again = playbook("collect", "web01", evidence_profile="full", evidence_folder=str(folder))
    assert "changed=0" in again.stdout, again.stdout


def test_what_the_items_hold(target: Target, host: Lab, tmp_path: Path) -> None:
    """Collecting the wrong thing is as bad as collecting nothing: look for planted marks in the items."""
    shell(host, PLANT)
    specs = [entry for name in ("volatile", "triage") for entry in load_profile(PROFILES, name)]
    items = by_id(collect(Request(target, specs, tmp_path, "tester", SITE)))
    held = {name: (tmp_path / item.sha256).read_bytes() if item.sha256 else b"" for name, item in items.items()}
    with tarfile.open(fileobj=io.BytesIO(held["deleted_programs"])) as archive:
        files = [archive.extractfile(member) for member in archive.getmembers()]
        hashes = {hashlib.sha256(file.read()).hexdigest() for file in files if file}
    assert shell(host, "sha256sum /usr/bin/sleep").split()[0] in hashes
    shell(host, UPROOT)
    for name, mark in MARKS.items():
        assert mark in held[name], name


def test_logs_are_found_where_they_are(target: Target, host: Lab, tmp_path: Path) -> None:
    """Panels and administrators put logs anywhere; the log that is missed is the one that shows the way in."""
    shell(host, PLANT_LOGS)
    specs = [entry for entry in load_profile(PROFILES, "triage") if entry.id == "web_logs"]
    item = take(target, tmp_path, *specs)["web_logs"]
    shell(host, "rm -r /etc/apache2 /srv/* /etc/nginx/conf.d/c.conf")
    with tarfile.open(tmp_path / item.sha256) as archive:
        names = archive.getnames()
    assert {"/srv/logs/a.log.2.gz", "/srv/logs/b.log", "/srv/h1/c.log", "/var/log/nginx/access.log"} <= set(names)
    assert len(names) == len(set(names))
    assert "/srv/logs/other.log" not in names


def test_memory_of_a_process_on_request(target: Target, host: Lab, tmp_path: Path) -> None:
    """Keys and the unpacked form of malware are in memory alone."""
    secret = "in-" + "memory-only"
    shell(host, f"(X={secret} sleep 600 >/dev/null 2>&1 &)")
    pid = shell(host, "pgrep --full 'sleep 600'").split()[0]
    found = collect(Request(target, load_profile(PROFILES, "volatile", {"processes": [pid]}), tmp_path, "tester", SITE))
    shell(host, f"kill {pid}")
    item = by_id(found)["process_memory_1"]
    assert item.outcome is Outcome.SUCCESS, item.reason
    assert secret.encode() in (tmp_path / item.sha256).read_bytes()


def test_scope_from_real_items(target: Target, host: Lab, tmp_path: Path) -> None:
    """What a report says about the reach of an intruder comes from these items: check the path to the end."""
    since = datetime.now(UTC) - timedelta(seconds=1)
    shell(host, f"echo '<?php echo 1;' > {UPLOADS}/door.php; useradd --system scope-mark")
    url = f"http://{host.address('web01')}/wp-content/uploads/door.php?c=id"
    urlopen(UrlRequest(url, headers={"Host": "portal.lab.test"}), timeout=20).read()
    specs = load_profile(PROFILES, "triage")
    items = collect(Request(target, specs, tmp_path, "tester", SITE)).items
    shell(host, f"rm {UPLOADS}/door.php; userdel scope-mark")
    found = scope_of(tmp_path, items, since, [{"path": f"{UPLOADS}/door.php"}], "/var/www/portal")
    assert [row.address for row in found.addresses] == [host.address("controller")]
    assert f"{UPLOADS}/door.php" in found.changed
    assert "/etc/passwd" in found.changed
    assert {"ungcuu", "scope-mark"} <= {row.account for row in found.accounts}


def test_within_its_time(target: Target, host: Lab, tmp_path: Path) -> None:
    """Volatile evidence that takes a minute is no longer what was there: 10 s, and 60 s for triage."""
    for name, most in (("volatile", 10), ("triage", 60)):
        started = time.monotonic()
        collect(Request(target, load_profile(PROFILES, name), tmp_path, "tester", SITE))
        assert time.monotonic() - started < most


def test_a_killed_collection_goes_on(host: Lab, tmp_path: Path) -> None:
    """The controller's power fails in the middle: nothing that was taken is lost, or taken twice."""
    folder = tmp_path / "evidence"
    variables = json.dumps({"evidence_profile": "triage", "evidence_folder": str(folder)})
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [program, "-i", "inventory/lab", "-l", "web01", "-e", variables, "playbooks/collect.yml"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    manifest = folder / "manifest-web01.jsonl"
    for _ in range(600):
        if manifest.exists() and manifest.read_bytes().count(b"\n") >= 8:
            break
        time.sleep(0.05)
    process_guard.end(str(folder))
    process.wait()
    before = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert 8 <= len(before) < 30
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    records = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert records[: len(before)] == before
    taken = [record["id"] for record in records if record["record"] == "item" and record["outcome"] == "SUCCESS"]
    assert len(taken) == len(set(taken))
    assert not list(folder.glob(".partial*"))


# --- hosts that fight back --------------------------------------------------------------------------------------


def test_endless_output_is_ended(target: Target, tmp_path: Path) -> None:
    """A replaced tool that never stops talking must cost its own limit, and not the rest of the evidence."""
    started = time.monotonic()
    items = take(target, tmp_path, spec("endless", "yes", limit_bytes=5 << 20), spec("next", "echo here"))
    assert time.monotonic() - started < 30
    assert (items["endless"].outcome, items["endless"].size) == (Outcome.CUT_OFF, 5 << 20)
    assert items["next"].outcome is Outcome.SUCCESS


def test_memory_is_flat(target: Target, tmp_path: Path) -> None:
    """T7: a reply of 300 MB once took 983 MB of the controller's memory."""
    code = f"""
import re
from pathlib import Path
from ungcuu.case.evidence import Request, Spec, collect
from ungcuu.hosts.ssh import Target
key, known_hosts = Path({str(target.key)!r}), Path({str(target.known_hosts)!r})
target = Target("web01", {target.address!r}, key=key, known_hosts=known_hosts)
spec = Spec("test", "large", "w", "y", "head -c 300M /dev/zero", "raw", 1 << 30, 60)
item = collect(Request(target, [spec], Path({str(tmp_path)!r}), "tester")).items[0]
# Not ru_maxrss: that begins with the peak of whoever started us, and pytest has read dumps by now.
print(item.outcome, item.size, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    outcome, size, kibibytes = done.stdout.split()
    assert (outcome, int(size)) == ("SUCCESS", 300 << 20)
    assert int(kibibytes) < 128 << 10


def test_replaced_tools_cost_their_own_items_only(target: Target, host: Lab, tmp_path: Path) -> None:
    """An intruder with root replaces what a responder will call: ps hangs, ss floods, timeout does nothing."""
    shell(host, REPLACE_TOOLS)
    try:
        specs = [replace(entry, limit_seconds=2) for entry in load_profile(PROFILES, "volatile")]
        items = by_id(collect(Request(target, specs, tmp_path, "tester", SITE, grace=1)))
    finally:
        shell(
            host,
            "for t in ps ss timeout; do for p in /usr/bin/$t /bin/$t; do [ ! -e $p.real ] || mv $p.real $p; done; done",
        )
    assert items["processes"].outcome is Outcome.CUT_OFF
    assert items["connections"].outcome is Outcome.CUT_OFF
    for name in ("connection_tables", "process_status", "process_command_lines", "open_files", "mounts"):
        assert items[name].outcome is Outcome.SUCCESS, name


def test_hostile_names_stay_data(target: Target, host: Lab, tmp_path: Path) -> None:
    """T4, T5, T6: names with control bytes, and names that climb out of a folder, in lists and in archives."""
    shell(host, PLANT_NAMES)
    specs = [entry for entry in load_profile(PROFILES, "triage") if entry.id.startswith(("web_", "temporary"))]
    items = by_id(collect(Request(target, specs, tmp_path / "evidence", "tester", SITE)))
    shell(
        host,
        "rm -rf /var/tmp/traversal.tar /var/www/portal/wp-content/uploads/*.php /var/www/portal/wp-content/uploads/...",
    )
    names = {path.name for path in (tmp_path / "evidence").iterdir()} - {"manifest-web01.jsonl"}
    assert all(len(name) == 64 and set(name) <= set("0123456789abcdef") for name in names)
    manifest = (tmp_path / "evidence" / "manifest-web01.jsonl").read_text()
    assert "\\u001b" not in manifest
    assert "\x1b" not in manifest
    assert [path.name for path in tmp_path.iterdir()] == ["evidence"]
    assert b"a\x1b[2J\nb\rc.php\0" in (tmp_path / "evidence" / items["web_manifest"].sha256).read_bytes()
    assert {item.outcome for item in items.values()} == {Outcome.SUCCESS}


def test_another_host_key_is_refused(target: Target, tmp_path: Path) -> None:
    """Evidence from whoever answers is no evidence; and nothing of ungcuu may be sent to it."""
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    pinned = tmp_path / "known_hosts"
    pinned.write_text(f"web01 {' '.join(other.with_suffix('.pub').read_text().split()[:2])}\n")
    with pytest.raises(HostKeyRefused):
        take(replace(target, known_hosts=pinned), tmp_path / "evidence", spec("a", "echo x"))
    assert [path.read_bytes() for path in (tmp_path / "evidence").iterdir()] == [b""]  # the manifest, begun


def test_a_connection_that_is_killed_costs_one_item(target: Target, tmp_path: Path) -> None:
    """The intruder kills the session that collects: the item under way is a failure, and the next one is taken."""
    kill = (
        'pid=$$; while [ "$pid" -gt 1 ]; do case $(cat /proc/$pid/comm) in sshd*) kill -9 $pid; sleep 5;; esac;'
        " pid=$(cut -d' ' -f4 /proc/$pid/stat); done"
    )
    items = take(target, tmp_path, spec("a", "echo one"), spec("b", f"echo part; {kill}"), spec("c", "echo three"))
    assert [items[name].outcome.value for name in "abc"] == ["SUCCESS", "FAILURE", "SUCCESS"]
    assert "connection ended" in shown(items["b"].reason)


def test_an_unreachable_host_is_said(target: Target, tmp_path: Path) -> None:
    found = collect(Request(replace(target, port=9), [spec("a", "echo one")], tmp_path, "tester"))
    assert not found.reached
    assert [item.outcome for item in found.items] == [Outcome.FAILURE]


def test_an_isolated_host_without_python(target: Target, host: Lab, tmp_path: Path) -> None:
    """When it matters most, only SSH gets through, and Python may be gone."""
    controller = host.address("controller")
    rules = (
        "table inet cut { chain i { type filter hook input priority -300; policy drop; iif lo accept;"
        f" ip saddr {controller} tcp dport 22 accept; }}; chain o {{ type filter hook output priority -300;"
        f" policy drop; oif lo accept; ip daddr {controller} tcp sport 22 accept; }}; }}"
    )
    shell(host, f"nft '{rules}'; for p in /usr/bin/python3*; do mv $p $p.away; done")
    try:
        specs = [entry for name in ("volatile", "triage") for entry in load_profile(PROFILES, name)]
        items = by_id(collect(Request(target, specs, tmp_path, "tester", SITE)))
    finally:
        shell(host, "for p in /usr/bin/python3*.away; do mv $p ${p%.away}; done; nft delete table inet cut")
    assert not {name: item.reason for name, item in items.items() if item.outcome in (Outcome.FAILURE, Outcome.CUT_OFF)}
    assert items["firewall"].outcome is Outcome.SUCCESS
    assert items["content_rows"].outcome is Outcome.SUCCESS


def test_an_archive_can_be_read_by_others(target: Target, tmp_path: Path) -> None:
    """A third party opens it with tar alone, and finds owners and all times."""
    tar = shutil.which("tar")
    assert tar
    item = take(target, tmp_path, *[entry for entry in load_profile(PROFILES, "triage") if entry.id == "accounts"])[
        "accounts"
    ]
    listed = subprocess.run(
        [tar, "-tvf", str(tmp_path / item.sha256)], capture_output=True, text=True, check=True
    ).stdout
    assert "root/shadow" in listed
    assert "/etc/shadow" in listed
    assert b"atime=" in (tmp_path / item.sha256).read_bytes()
    assert b"ctime=" in (tmp_path / item.sha256).read_bytes()


def test_scope_knows_apart_what_ungcuu_wrote(host: Lab, ungcuu: Any) -> None:
    """After an isolation the host holds a dozen new files of ungcuu; the one that the intruder changed must show."""
    assert ungcuu("enrol", "web01")[0] == 0
    code, document, said = ungcuu("case", "open", "web01", "--title", "ours")
    assert code == 0, said
    case = document["case"]
    ungcuu("isolate", "web01", "--no-case")  # not every proof can be taken where the lab has this host alone
    shell(host, "nft list table inet ungcuu_isolation; test -e /etc/ungcuu/isolation.nft; sleep 1")
    shell(host, "echo '# more' >> /etc/ungcuu/isolation.sh; echo x > /etc/ungcuu/hidden")
    try:
        code, document, said = ungcuu("collect", "web01")
        assert code == 0, said
        code, document, said = ungcuu("case", "scope", case)
    finally:
        ungcuu("case", "close", case, "--force", "--reason", "test")
        Path(os.environ["UNGCUU_STATE"], "hosts/web01/isolation.json").unlink(missing_ok=True)
        shell(
            host,
            "systemctl disable -q --now ungcuu-isolation-guard ungcuu-isolation;"
            "rm -rf /etc/ungcuu /etc/systemd/system/ungcuu-* /etc/systemd/system/nftables.service.d;"
            "systemctl daemon-reload; nft delete table inet ungcuu_isolation",
        )
    (one,) = document["scope"]
    assert {"/etc/ungcuu/isolation.nft", "/etc/systemd/system/ungcuu-isolation.service"} <= set(one["ours"])
    assert one["altered"] == ["/etc/ungcuu/isolation.sh"]
    assert {"/etc/ungcuu/hidden", "/etc/ungcuu/isolation.sh"} <= set(one["changed"])
    assert not set(one["ours"]) & set(one["changed"])
