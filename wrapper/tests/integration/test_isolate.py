"""Containment on real hosts, attacked from a foreign address: what it must kill, survive, refuse and never do.

The host carries a stateful rule set that accepts known connections: without one, a shortcut in our own rules would
never show.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from host_troubles import (
    BUSY,
    CALLERS,
    CROWD,
    DOCKER,
    EMPTIED,
    FAIL2BAN,
    FROM_80,
    FULL,
    HUNGRY,
    IDLE,
    OPEN_A_RULE,
    RETRY_AFTER,
    WRITABLE,
)
from isolation_stage import PORTS, ROOT, Held, Run, Stage, soon, without_hooks

from ungcuu.case.case import find as find_case
from ungcuu.contain import allowlist, card, cut_off
from ungcuu.core.sentences import templates
from ungcuu.hosts import ssh
from ungcuu.lab import Lab
from ungcuu.lab.podman import podman


@pytest.fixture(scope="module")
def stage(fresh: Callable[..., Lab]) -> Iterator[Stage]:
    """A website with a stateful firewall of its own and an echo service, and an intruder."""
    made = Stage(fresh("web01", "vault01", "intruder01"))
    made.on("web01", FAIL2BAN)
    yield made
    made.open()


@pytest.fixture
def opened(stage: Stage) -> Iterator[Stage]:
    """The host open before and after."""
    stage.open()
    stage.furnish()
    yield stage
    stage.open()


def test_sessions_held_before_the_cut_die_within_a_second(opened: Stage) -> None:
    """The intruder's open shell and the web shell's call home are what isolation is for."""
    lab = opened.lab
    held = [Held(opened, "intruder01", lab.address("web01", version), 9) for version in (4, 6)]
    held += [Held(opened, "web01", lab.address("intruder01", version), 9) for version in (4, 6)]
    time.sleep(3)
    ended = cut_off.cut(opened.card())
    loaded = time.time()
    assert ended.ending == "cut", ended.detail
    for session in held:
        session.join(30)
        answer = session.answer
        assert answer["answers"] > 10, "the session never worked, so its death proves nothing"
        assert answer["last"] < loaded + 1, f"{session.host}: alive {answer['last'] - loaded:.1f} s after the cut"
        assert answer["until"] > loaded + 3, "the session ended by itself"


def test_a_shortcut_for_known_connections_would_show(opened: Stage) -> None:
    """The test above proves something only if a session survives where our rules have the shortcut.

    Without the rules of devices: these kill the session before any connection is looked for.
    """
    kept = without_hooks(opened.card())
    # At -300 the kernel hasn't looked for the connection yet, which is one more reason for that priority.
    late = "priority 0; policy drop;\n\t\tct state established accept\n"
    rules = kept.rules["full"].replace("priority -300; policy drop;\n", late)
    session = Held(opened, "intruder01", opened.lab.address("web01"), 6)
    time.sleep(3)
    assert cut_off.cut(dataclasses.replace(kept, rules={**kept.rules, "full": rules})).done
    loaded = time.time()
    session.join(30)
    assert session.answer["last"] > loaded + 1


@pytest.mark.nightly
def test_cut_and_playbook_leave_the_same_rules(opened: Stage, playbook: Any) -> None:
    """Two ways to the same state would drift apart: one template, one rule set, nothing for the playbook to change."""
    assert cut_off.cut(opened.card()).done
    cut = opened.rules()
    done = playbook("isolate", "web01")
    assert done.returncode == 0, done.stdout
    assert opened.rules() == cut
    opened.open()
    assert playbook("isolate", "web01").returncode == 0
    assert opened.rules() == cut


def test_isolated_host_is_dead_outside_and_well_inside(opened: Stage, ungcuu: Run) -> None:
    """The proofs of the run itself, and the same looked at independently of them."""
    opened.card()
    address = opened.lab.address("web01")
    wait = f"import socket,time; held = socket.create_connection(('{address}', 22)); time.sleep(100)"
    opened.on("intruder01", f"systemd-run -q --unit=caller python3 -c {shlex.quote(wait)}; sleep 1")
    sessions = "ss -Htn state established '( sport = :22 )'"
    assert f"{opened.lab.address('intruder01')}:" in opened.on("web01", sessions), "nobody was there to be sent away"
    code, document, said = ungcuu("isolate", "web01", "--reason", "test", "--way", "notice-from-others")
    assert code == 0, said
    case = find_case(opened.settings, document["case"]).facts  # opened by the cut itself
    assert (case.hosts, case.detected_way, case.personal_data) == (("web01",), "notice-from-others", "unknown")
    assert f"{opened.lab.address('intruder01')}:" not in opened.on("web01", sessions), "the intruder's login lives on"
    opened.on("intruder01", "systemctl stop caller; systemctl reset-failed; true")
    taken = [row["data"] for row in document["records"] if row["kind"] == "proof"]
    assert all(row["passed"] is True for row in taken), taken
    proofs = {(row["name"], row["side"]) for row in taken}
    inside = {"management_gets_in", "nothing_gets_out", "dns_dead", "sessions_dead", "site_works_inside"}
    assert proofs >= {(name, "inside") for name in inside}
    assert [row["vantage"] for row in taken if row["side"] == "outside" and row["name"] == "no_port_answers"]
    assert [row["data"]["undo"] for row in document["records"] if row["kind"] == "inverse"] == ["ungcuu release web01"]
    assert any(row["kind"] in ("snapshot", "evidence") and row["data"]["size"] > 1000 for row in document["records"])
    handed_over = [row["data"] for row in document["records"] if row["kind"] == "custody"]
    assert [(row["from"], row["items"]) for row in handed_over] == [("web01", 1)], "what was taken has no custody"
    assert opened.alive_from_outside() == []


def test_nothing_opens_it_again(opened: Stage, playbook: Any) -> None:
    """Restarts, reloads, flushes and the tables of other programs are everyday events on a host."""
    assert playbook("isolate", "web01").returncode == 0
    rules = opened.rules()
    for event in ("systemctl restart nftables", "systemctl reload nftables", "systemctl stop nftables"):
        opened.on("web01", event)
        assert opened.rules() == rules, event
    answers = "timeout 20 sh -c 'until fail2ban-client ping >/dev/null 2>&1; do sleep 0.2; done'"
    for event in (f"systemctl restart fail2ban; {answers}", "fail2ban-client set sshd banip 203.0.113.50"):
        opened.on("web01", event)
        assert opened.rules() == rules, event
    soon(lambda: "203.0.113.50" in opened.on("web01", "nft list ruleset"), "fail2ban never touched the packet filter")
    assert opened.rules() == rules
    for event in ("nft -f /etc/nftables.conf", "nft flush ruleset"):
        opened.on("web01", event)
        soon(lambda: opened.rules() == rules, f"{event} was not undone")
    opened.on("web01", OPEN_A_RULE)
    soon(lambda: opened.rules() == rules, "a rule of the intruder stayed")
    opened.on("web01", "nft -f -", DOCKER)
    assert opened.alive_from_outside([*PORTS, 8081]) == []
    opened.restart()
    assert opened.rules() == rules
    assert opened.alive_from_outside() == []


def test_cut_needs_no_python_and_no_disk(opened: Stage) -> None:
    """An intruder, or the incident itself, may have filled the disk or broken Python."""
    kept = opened.card()
    opened.on("web01", "mv /usr/bin/python3 /usr/bin/python3.away")
    try:
        # Stricter than a full disk: nothing at all can be written.
        opened.on("web01", f"for d in {WRITABLE}; do mount --bind $d $d && mount -o remount,bind,ro $d || exit 1; done")
        ended = cut_off.cut(kept)
    finally:
        opened.on("web01", f"umount -l {WRITABLE}; mv /usr/bin/python3.away /usr/bin/python3")
    assert ended.ending == "cut", ended.detail
    assert b"== sockets" in ended.snapshot
    assert b"sshd" in ended.snapshot
    assert opened.alive_from_outside() == []


def test_host_without_python_stays_isolated(opened: Stage, ungcuu: Run) -> None:
    """Ansible can't work there; the host must not come back open after a reboot all the same."""
    opened.card()
    opened.on("web01", "mv /usr/bin/python3 /usr/bin/python3.away")
    try:
        code, document, said = ungcuu("isolate", "web01")
        assert code == 0, said
        opened.restart()
        rules = opened.rules()
        opened.on("web01", "nft flush ruleset")
        soon(lambda: opened.rules() == rules, "a flush was not undone")
    finally:
        opened.on("web01", "mv /usr/bin/python3.away /usr/bin/python3")
    assert "policy drop" in rules
    assert opened.alive_from_outside() == []
    passed = {row["data"]["name"]: row["data"]["passed"] for row in document["records"] if row["kind"] == "proof"}
    untaken = ("nothing_gets_out", "dns_dead", "sessions_dead", "outlasts_restart")
    assert passed == {"management_gets_in": True, "no_port_answers": True} | dict.fromkeys(untaken)
    assert "proven" not in document["message"]
    assert all(templates()[name] in document["message"] for name in untaken), document["message"]


@pytest.mark.nightly
def test_full_disk_of_the_host(opened: Stage, ungcuu: Run) -> None:
    """The intruder, or a flood of log lines, fills the disk: all is done but what needs a file, and that is said.

    Seen failing without TMPDIR in the playbook (nothing ran after the cut) and without the files in memory (the restart
    of nftables opened the host).
    """
    opened.card()
    opened.on("web01", FULL)
    try:
        code, document, said = ungcuu("isolate", "web01")
        assert opened.alive_from_outside() == []
        rules = opened.rules()
        for event in ("systemctl restart nftables", "nft flush ruleset"):
            opened.on("web01", event)
            soon(lambda: opened.rules() == rules, f"{event} was not undone")
    finally:
        opened.on("web01", EMPTIED)
    assert (code, document["cuts"] if code == 0 else document["outcome"]) == (6, "NOT DONE"), said
    assert "The host says that it is cut off. From outside: no port answers" in document["error"]["state"]
    assert "disk takes no file" in document["error"]["what"]
    taken = {row["data"]["name"]: row["data"]["passed"] for row in document["records"] if row["kind"] == "proof"}
    assert [name for name, passed in taken.items() if passed is False] == ["outlasts_restart"]
    assert len(taken) > 5, taken
    code, document, said = ungcuu("isolate", "web01")
    assert code == 0, said
    opened.reassessed()
    assert ungcuu("release", "web01", "--confirm-host", "web01")[0] == 0
    assert opened.on("web01", "find /etc /run \\( -path '*ungcuu-isolation*' -o -path '*/ungcuu/*nft*' \\)") == ""


@pytest.mark.nightly
def test_a_host_without_memory_is_cut(opened: Stage) -> None:
    """A leak, or malware that wants it so: processes die at random, and the cut must not need one of them."""
    kept = opened.card()
    podman("update", "--memory", "350m", "--memory-swap", "350m", opened.lab.container("web01"))
    try:
        opened.on("web01", HUNGRY)
        time.sleep(3)
        ended = cut_off.cut(kept)
        alive = opened.alive_from_outside()
    finally:
        podman("update", "--memory", "8g", "--memory-swap", "8g", opened.lab.container("web01"))
        opened.on("web01", IDLE)
    assert ended.ending == "cut", ended.detail
    assert ended.seconds < 30, f"{ended.seconds:.1f} s"
    assert alive == []


@pytest.mark.nightly
def test_a_full_process_table_is_said_and_outlasted(opened: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """No program can start there, sshd's children neither: the responder must hear that the host is NOT cut off.

    Whoever keeps knocking gets in as soon as there is a place again; seen failing without that.
    """
    kept = opened.card()
    opened.on("web01", f"systemd-run -q --unit=busy-crowd -p TasksMax=infinity python3 -c {shlex.quote(CROWD)}")
    over = time.monotonic() + 32
    while opened.lab.exec("web01", ["sh", "-c", "true & wait"]).returncode == 0 and time.monotonic() < over - 12:
        time.sleep(0.2)
    monkeypatch.setattr(ssh, "shared_connection", lambda _target: None)
    try:
        monkeypatch.setattr(cut_off, "AGAIN_SECONDS", 1)
        first = cut_off.cut(kept)
        monkeypatch.setattr(cut_off, "AGAIN_SECONDS", 60)
        ended = cut_off.cut(kept)
    finally:
        time.sleep(max(0.0, over - time.monotonic()))
    assert first.ending == "not reached", "the table was never full, so what follows proves nothing"
    assert ended.ending == "cut", ended.detail
    assert opened.alive_from_outside() == []
    opened.on("web01", IDLE)


@pytest.mark.nightly
def test_callers_who_crowd_sshd_do_not_hold_the_cut(opened: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of connections that never log in keep a responder out, unless the responder keeps knocking.

    Seen failing without that (nine times of ten; the tenth knock is let in).
    """
    kept = opened.card()
    crowd = "/etc/ssh/sshd_config.d/00-crowd.conf"
    opened.on("web01", f"printf 'MaxStartups 3:90:200\\nLoginGraceTime 600\\n' > {crowd}; systemctl restart ssh")
    try:
        callers = CALLERS.format(address=opened.lab.address("web01"))
        opened.on("intruder01", f"systemd-run -q --unit=callers python3 -c {shlex.quote(callers)}")
        time.sleep(2)
        monkeypatch.setattr(ssh, "shared_connection", lambda _target: None)
        monkeypatch.setattr(cut_off, "AGAIN_SECONDS", 0)
        nothing = dataclasses.replace(kept, rules={"full": ""})
        away = [cut_off.cut(nothing).ending == "not reached" for _ in range(5)]
        assert sum(away) > 2, "hardly anybody was turned away, so what follows proves nothing"
        monkeypatch.setattr(cut_off, "AGAIN_SECONDS", 30)
        ended = cut_off.cut(kept)
    finally:
        opened.on("intruder01", "systemctl stop callers; systemctl reset-failed; true")
        opened.on("web01", f"rm {crowd}; systemctl restart ssh")
    assert ended.ending == "cut", ended.detail


def test_full_disk_of_the_journal_holds_nothing_back(opened: Stage) -> None:
    """The controller's disk fills up during incidents: isolation warns and goes on."""
    opened.card()
    state = opened.settings.state
    script = (
        'set -e; d=$(mktemp -d); mount -t tmpfs -o size=2m tmpfs "$d"; mkdir -p "$d/hosts/web01"; cp -a "$1"/lab "$d";'
        'cp -a "$1"/hosts/web01/card.json "$1"/hosts/web01/known_hosts "$d/hosts/web01";'
        'dd if=/dev/zero of="$d/full" 2>/dev/null || true;'
        'UNGCUU_STATE="$d" exec "$2" -m ungcuu -i lab --json isolate web01'
    )
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(state), sys.executable]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout, done.stderr
    document = json.loads(done.stdout)
    assert document["outcome"] == "DONE", done.stderr
    assert document["warnings"], "nobody is warned that nothing is recorded"
    assert "snapshot is in /dev/shm" in done.stderr, "what the cut ended is kept nowhere"
    assert opened.alive_from_outside() == []


def test_refused_before_the_cut_when_it_would_lock_out(opened: Stage, ungcuu: Run, playbook: Any) -> None:
    """A responder who locks themselves out during an incident has lost the host."""
    mistaken = dataclasses.replace(opened.card(), allow=allowlist.AllowList(("203.0.113.9",), ()))
    ended = cut_off.cut(mistaken)
    assert (ended.ending, ended.seen) == ("refused", opened.lab.address("controller"))
    card.write(opened.settings, mistaken)
    code, document, _said = ungcuu("isolate", "web01")
    assert code == 4
    assert f"--allow {opened.lab.address('controller')}" in document["error"]["next"]
    (opened.settings.host_dir("web01") / "card.json").unlink()
    for entry in ("203.0.113.9", "no-such-name.invalid"):
        done = playbook("isolate", "web01", management_addresses=[entry])
        assert done.returncode != 0
        assert "Refused, nothing was touched" in done.stdout
    assert opened.rules() == ""


def test_half_a_rule_set_is_none(opened: Stage) -> None:
    """A connection that breaks midway must not leave the host without rules, or with half of them."""
    kept = opened.card()
    assert cut_off.cut(kept).done
    rules = opened.rules()
    whole = kept.rules["full"]
    torn = [whole[: whole.index(at)] for at in ("\tchain output", "# devices", "\tchain egress")]
    for text in (*torn, "\n".join(whole.splitlines()[:5]) + "\n", ""):
        ended = cut_off.cut(dataclasses.replace(kept, rules={**kept.rules, "full": text}))
        assert ended.ending == "failed"
        assert opened.rules() == rules


def test_release_needs_a_clean_reassessment(opened: Stage, ungcuu: Run) -> None:
    """Sites that return to service without the cause being found are hit again."""
    opened.card()
    (opened.settings.host_dir("web01") / "reassessment.json").unlink(missing_ok=True)
    assert ungcuu("isolate", "web01")[0] == 0
    code, document, _said = ungcuu("release", "web01", "--confirm-host", "web01")
    assert (code, "re-assessed" in document["error"]["what"]) == (4, True)
    assert opened.alive_from_outside() == []
    opened.reassessed()
    code, document, said = ungcuu("release", "web01", "--confirm-host", "web01")
    assert code == 0, said
    assert opened.rules() == ""
    sides = {row["data"]["side"] for row in document["records"] if row["kind"] == "proof" and row["data"]["passed"]}
    assert sides == {"controller", "outside"}
    assert "22 open" in " ".join(opened.alive_from_outside([22, 80]))


def test_maintenance_shows_a_notice_and_nothing_else(opened: Stage, ungcuu: Run) -> None:
    """Visitors see the notice; the site's code, database and secrets are out of reach."""
    opened.card()
    code, document, said = ungcuu("isolate", "web01", "--mode", "maintenance")
    assert code == 0, said
    page = opened.probe(
        "intruder01",
        ask="site",
        addresses=[opened.lab.address("web01")],
        site={"name": "portal.lab.test", "path": "/", "text": "Bảo trì"},
    )["site"][0]
    assert (page["status"], page["found"]) == (503, True)
    for address in (opened.lab.address("web01"), f"[{opened.lab.address('web01', 6)}]"):
        answer = opened.on("intruder01", f"python3 -c {shlex.quote(RETRY_AFTER)} '{address}'").split()
        assert answer[0] == "503"
        assert int(answer[1]) > 0, "search engines would drop the pages"
    taken = {(row["data"]["name"], row["data"]["passed"]) for row in document["records"] if row["kind"] == "proof"}
    assert ("notice_shown", True) in taken
    assert not [name for name, passed in taken if passed is False]
    assert {row.split()[1] for row in opened.alive_from_outside()} == {"80", "443"}
    assert opened.on("web01", "systemctl is-active mariadb || true").strip() == "inactive"
    assert opened.on("web01", "systemctl list-units --state=active --plain --no-legend 'php*-fpm*'").strip() == ""
    opened.reassessed()
    code, document, said = ungcuu("release", "web01", "--confirm-host", "web01")
    assert code == 0, said


def test_from_maintenance_to_full_and_back(opened: Stage, ungcuu: Run) -> None:
    """The guard put the rules of the mode before back: port 80 stayed open, and the run ended NOT DONE. Seen so
    in a drill, before the guard was handed the new rules; not tried here with either half of that taken out."""
    opened.card()
    code, _document, said = ungcuu("isolate", "web01", "--mode", "maintenance")
    assert code == 0, said
    ended = cut_off.cut(opened.card(), "full")
    assert ended.done, ended.detail
    time.sleep(3)  # the guard has looked
    assert opened.alive_from_outside([80, 443]) == []
    for mode, alive in (("full", set()), ("maintenance", {"80", "443"}), ("full", set())):
        code, document, said = ungcuu("isolate", "web01", "--mode", mode)
        assert code == 0, said
        assert not [
            row["data"] for row in document["records"] if row["kind"] == "proof" and row["data"]["passed"] is False
        ]
        assert {row.split()[1] for row in opened.alive_from_outside([80, 443])} == alive
        active = opened.on("web01", "systemctl is-active mariadb || true").strip()
        assert active == ("active" if mode == "full" else "inactive")
    opened.reassessed()
    code, _document, said = ungcuu("release", "web01", "--confirm-host", "web01")
    assert code == 0, said


def test_egress_serves_and_lets_nothing_out(opened: Stage, ungcuu: Run) -> None:
    """The site is worth more than the evidence, but the web shell may not call home: seen from both sides.

    Port 80 is open to answers, so the intruder calls from there too: seen getting out without the rule on packets that
    start a connection, and living on where the site's connections from before are not ended.
    """
    lab = opened.lab
    theirs = [lab.address("intruder01"), lab.address("intruder01", 6)]
    held = [Held(opened, "web01", lab.address("intruder01", version), 30) for version in (4, 6)]
    opened.on("web01", "systemctl stop nginx")  # it holds the port that the intruder wants to call home from
    held += [Held(opened, "web01", lab.address("intruder01", version), 30, source=80) for version in (4, 6)]
    time.sleep(3)
    opened.on("web01", "systemctl start nginx")
    ended = cut_off.cut(opened.card(), "egress")
    loaded = time.time()
    assert ended.done, ended.detail
    for session in held:
        session.join(30)
        assert session.answer["answers"] > 10, "the session never worked, so its death proves nothing"
        assert session.answer["last"] < loaded + 1
        # Those from port 80 are ended, the others starve.
        assert session.ask["source"] or session.answer["until"] > loaded + 3, "the session ended by itself"
    called = f"systemctl stop nginx; for a in {' '.join(theirs)}; do python3 -c {shlex.quote(FROM_80)} $a; done"
    assert opened.on("web01", f"{called}; systemctl start nginx").split() == ["dead", "dead"]
    code, document, said = ungcuu("isolate", "web01", "--mode", "egress")
    assert code == 0, said
    taken = {
        (row["data"]["name"], row["data"]["side"]): row["data"]["passed"]
        for row in document["records"]
        if row["kind"] == "proof"
    }
    assert set(taken.values()) == {True}, taken
    wanted = {("nothing_gets_out", "inside"), ("dns_dead", "inside"), ("site_serves", "controller")}
    assert taken.keys() >= wanted
    site = {"name": "portal.lab.test", "path": "/", "text": opened.site.variables("web01")["website_health_text"]}
    ours = [lab.address("web01"), lab.address("web01", 6)]
    pages = opened.probe("intruder01", ask="site", addresses=ours, site=site)["site"]
    assert [(page["status"], page["found"]) for page in pages] == [(200, True)] * 2
    assert {row.split()[1] for row in opened.alive_from_outside()} <= {"80", "443"}
    out = opened.probe("web01", ask="inside", outside=theirs, ports=[22, 53, 80, 443, 8080], allowed=[], timeout=1)
    assert {row["state"] for row in out["out"]} <= {"silent", "blocked"}, out["out"]
    assert {row["state"] for row in out["dns"]} <= {"silent", "blocked"}, out["dns"]
    assert len(out["out"]) == 10


def test_a_host_under_load_is_cut(opened: Stage) -> None:
    """Miners and floods are what incidents look like: the cut must not wait for an idle host."""
    kept = opened.card()
    opened.on("web01", BUSY)
    try:
        time.sleep(2)
        bare = ssh.run(kept.target, "true").seconds
        ended = cut_off.cut(kept)
        alive = opened.alive_from_outside()
    finally:
        opened.on("web01", IDLE)
    assert ended.ending == "cut", ended.detail
    # The snapshot has its 4 s; the rest is a connection, whatever one costs on a machine that others load too.
    assert ended.seconds < cut_off.SNAPSHOT_SECONDS + max(6.0, 4 * bare), f"{ended.seconds:.1f} s, bare {bare:.1f} s"
    assert b"== sockets" in ended.snapshot
    assert alive == []


def test_no_vault_and_a_host_that_is_gone(opened: Stage, ungcuu: Run) -> None:
    """Two of three machines are dead, and the third must be isolated all the same, with an outcome of its own."""
    opened.card()
    vault = card.build(opened.site, "vault01", (opened.lab.address("controller"),))
    card.write(opened.settings, vault)
    opened.on(
        "vault01", "nft 'table inet gone { chain input { type filter hook input priority -400; policy drop; }; }'"
    )
    begun = time.monotonic()
    try:
        code, document, said = ungcuu("isolate", "vault01", "web01")
    finally:
        opened.on("vault01", "nft delete table inet gone")
    assert code != 0
    cuts = {row["host"]: row for row in document["cuts"]}
    assert {host: row["ending"] for host, row in cuts.items()} == {"vault01": "not reached", "web01": "cut"}
    assert cuts["web01"]["seconds"] < 5
    assert "web01: isolated, and proven" in document["message"], said
    assert "vault01" in document["message"]
    assert opened.alive_from_outside() == []
    assert time.monotonic() - begun < 120


def test_block_shuts_out_one_and_counts(opened: Stage, ungcuu: Run) -> None:
    """One attacker is shut out, in both families, while the site goes on serving everybody else."""
    theirs = [opened.lab.address("intruder01"), opened.lab.address("intruder01", 6)]
    session = Held(opened, "intruder01", opened.lab.address("web01"), 40)
    time.sleep(2)
    block = ("block", "web01", *theirs, "--reason", "test", "--until", "2020-01-01", "--confirm-host", "web01")
    try:
        code, document, said = ungcuu(*block)
        assert code == 0, said
        loaded = time.time()
        assert opened.alive_from_outside([22, 80, 8080]) == []
        reach = opened.probe("web01", ask="ports", addresses=theirs, ports=[22, 8080], timeout=1)["ports"]
        assert {row["state"] for row in reach} <= {"silent", "blocked"}
        opened.on("web01", "systemctl restart nftables")
        assert opened.alive_from_outside([22, 80, 8080]) == []
        code, document, said = ungcuu(*block)
        assert code == 0, said
        assert {row["network"] for row in document["blocks"]} == set(theirs)
        assert all(row["packets"] > 0 for row in document["blocks"]), document["blocks"]
        assert all((row["owner"], row["reason"]) == (opened.settings.operator, "test") for row in document["blocks"])
        session.join(60)
        assert session.answer["last"] < loaded
        _code, doctor, _said = ungcuu("doctor", "web01")
        assert any("unblock web01" in str(row) and theirs[0] in str(row) for row in doctor["checks"]), doctor
        assert opened.alive_from_outside([22, 80]) == [], "an end that was reached must remind, never release"
    finally:
        code, document, said = ungcuu("unblock", "web01", *theirs, "--confirm-host", "web01")
    assert (code, document["blocks"]) == (0, []), said
    assert opened.alive_from_outside([80]) != []


def test_one_dead_host_holds_nobody_back(opened: Stage) -> None:
    """Several hosts are cut at once; each has its own outcome."""
    kept = opened.card()
    dead = dataclasses.replace(kept, host="gone01", address="198.51.100.254")
    begun = time.monotonic()
    ended = cut_off.cut_all([dead, kept])
    assert [one.ending for one in ended] == ["not reached", "cut"]
    assert ended[1].seconds < 5
    assert time.monotonic() - begun < 30
