"""The line between controller and host fails in the midst of a run: UNKNOWN in time, and ``resume`` settles it.

The faults are rules of the packet filter in the controller's own network namespace, for SSH to web01 alone: nothing on
the host takes part in them.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from killed_verbs import CONFIRM, FULL, ROWS, children, prepare, settings, started, victim
from patch_host import Package, PatchHost

from ungcuu.lab import Lab
from ungcuu.run.resume import open_runs

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]

Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
TABLE = "ungcuu_test_faults"
# What becomes of a packet of SSH, on its way to the host and from it.
FAULTS = {
    "reset": "reject with tcp reset",
    "black hole": "drop",
    "one kilobyte a second": "limit rate over 1024 bytes/second burst 2048 bytes drop",
}
MOST_SECONDS = 30  # until a dead line has its true word,
WORD_SECONDS = 15  # and what this machine may take to say it beside other tests
SLOW_SECONDS = 25  # for which the line is slow
PATIENCE = 45  # patching_line_seconds: an upgrade goes on by itself, so a line is waited for
TRIED = list(ROWS) if FULL else ["harden", "block", "rotate"]


@pytest.fixture(scope="module")
def web(fresh: Callable[..., Lab], ungcuu: Ungcuu) -> Iterator[Lab]:
    lab = fresh("web01", "vault01", "intruder01")
    assert ungcuu("baseline", "web01")[0] == 0
    assert ungcuu("backup", "web01")[0] == 0
    yield lab


@pytest.fixture(autouse=True)
def nothing_open(web: Lab, ungcuu: Ungcuu) -> Iterator[None]:
    """What a failed test left open is closed: each is judged by itself."""
    yield
    if open_runs(settings()):
        ungcuu("resume", "--close")


@contextmanager
def fault(lab: Lab, what: str) -> Iterator[None]:
    """Let the line have this fault for a while."""
    address = lab.address("web01")
    rules = f"""
        table ip {TABLE} {{
            chain out {{ type filter hook output priority -300; ip daddr {address} tcp dport 22 {FAULTS[what]}; }}
            chain in {{ type filter hook input priority -300; ip saddr {address} tcp sport 22 {FAULTS[what]}; }}
        }}"""
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True, timeout=10)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "ip", TABLE], check=True, timeout=10)


def ended(process: subprocess.Popen[str], said: str, seconds: float = 120) -> tuple[int, dict[str, Any], str]:
    """Wait for the end of a verb; return its exit code, the document, what was said."""
    out, rest = process.communicate(timeout=seconds)
    return process.returncode, json.loads(out) if out else {}, said + rest


def settle(ungcuu: Ungcuu, verb: str) -> None:
    """Take up what is open; nothing is left open but what a person must decide, and says so."""
    code, document, said = ungcuu("resume", "web01", *CONFIRM)
    if ROWS[verb].settled:
        assert (code, document["outcome"]) == (0, "DONE"), f"{document} {said}"
    if document.get("outcome") != "DONE":
        assert verb in {run.verb for run in open_runs(settings())}
        assert ungcuu("resume", "web01", "--close")[0] == 0
    assert open_runs(settings()) == []


@pytest.mark.parametrize("what", ["reset", "black hole"])
@pytest.mark.parametrize("verb", TRIED)
def test_a_line_that_died_leaves_the_run_unknown_in_time(web: Lab, ungcuu: Ungcuu, verb: str, what: str) -> None:
    prepare(web, verb, ungcuu)
    process, said = started(verb, ROWS[verb])
    victim(process, "ssh")  # it is connected
    begun = time.monotonic()
    with fault(web, what):
        code, document, said = ended(process, said)
        seconds = time.monotonic() - begun
        assert (code, document["outcome"]) == (7, "UNKNOWN"), f"{document} {said}"
        assert seconds <= MOST_SECONDS + WORD_SECONDS, f"{seconds:.0f} s"
        assert [run.verb for run in open_runs(settings())] == [verb]
        code, document, said = ungcuu("resume", "web01", *CONFIRM)  # while the host can't be asked
        assert code != 0 and document.get("outcome") != "DONE", f"{document} {said}"
        assert [run.verb for run in open_runs(settings())] == [verb]
    settle(ungcuu, verb)


@pytest.mark.parametrize("verb", TRIED)
def test_a_slow_line_ends_in_the_truth(web: Lab, ungcuu: Ungcuu, verb: str) -> None:
    """DONE where it got through, UNKNOWN where it did not: never a word for which nobody asked the host."""
    prepare(web, verb, ungcuu)
    process, said = started(verb, ROWS[verb])
    victim(process, "ssh")
    with fault(web, "one kilobyte a second"):
        until = time.monotonic() + SLOW_SECONDS
        while time.monotonic() < until and process.poll() is None:
            time.sleep(0.2)
    code, document, said = ended(process, said, 600)
    assert document["outcome"] in ("DONE", "UNKNOWN"), f"{document} {said}"
    if document["outcome"] == "DONE":
        assert code == 0 and open_runs(settings()) == []
    else:
        assert code == 7 and [run.verb for run in open_runs(settings())] == [verb]
        settle(ungcuu, verb)


def test_a_key_that_changed_in_the_midst_is_not_talked_to(web: Lab, ungcuu: Ungcuu) -> None:
    """Another machine answers at its address: UNKNOWN, and ``resume`` is refused until the host is back."""
    keep = "cp -a /etc/ssh/ssh_host_* /root/; ssh-keygen -q -t ed25519 -N '' -f /root/other"
    web.exec("web01", ["sh", "-ec", keep])
    process, said = started("harden", ROWS["harden"])
    victim(process, "ssh")
    other = "cp /root/other /etc/ssh/ssh_host_ed25519_key; cp /root/other.pub /etc/ssh/ssh_host_ed25519_key.pub;"
    ends = "systemctl restart ssh; pkill -KILL -x sshd; systemctl reset-failed ssh; systemctl restart ssh"
    web.exec("web01", ["sh", "-c", f"{other} {ends}"])
    try:
        code, document, said = ended(process, said)
        assert (code, document["outcome"]) == (7, "UNKNOWN"), f"{document} {said}"
        code, document, said = ungcuu("resume", "web01", *CONFIRM)
        assert code != 0 and document.get("outcome") != "DONE", f"{document} {said}"
        assert "host key" in (json.dumps(document, ensure_ascii=False) + said).lower()
        assert [run.verb for run in open_runs(settings())] == ["harden"]
    finally:
        web.exec("web01", ["sh", "-c", f"cp -a /root/ssh_host_* /etc/ssh/; {ends}"])
    settle(ungcuu, "harden")


def test_a_line_that_drops_in_mid_upgrade_never_leaves_dpkg_halfway(web: Lab, ungcuu: Ungcuu) -> None:
    """The upgrade is the host's own unit: it ends whatever becomes of the line, and ``resume`` hears how."""
    host = PatchHost(web)
    host.install(Package("dropped", "1.0"))
    host.publish(Package("dropped", "2.0", scripts={"postinst": "echo once >>/run/dropped; sleep 25"}))
    process, said = started("patch", ROWS["patch"])
    until = time.monotonic() + 240
    while not host.sh("cat /run/dropped", check=False) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.5)
    assert process.poll() is None and children(process.pid), said
    begun = time.monotonic()
    with fault(web, "black hole"):
        code, document, said = ended(process, said)
    assert time.monotonic() - begun <= MOST_SECONDS + PATIENCE + WORD_SECONDS
    assert document["outcome"] == "UNKNOWN", f"{code} {document} {said}"
    code, document, said = ungcuu("resume", "web01", *CONFIRM)
    assert (code, document["outcome"]) == (0, "DONE"), f"{document} {said}"
    assert host.version("dropped") == "ii  2.0"
    assert host.sh("cat /run/dropped") == "once\n"
    assert host.sh("dpkg --audit") == ""
