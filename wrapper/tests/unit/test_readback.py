"""What the kernel says of its packet filter: read whole, every difference seen, no answer of a host breaks the reading.

The recorded answer is that of a kernel into which nft 1.0.6 loaded the rules of the mode "full".
"""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ungcuu.contain import allowlist, login_keys, packet_filter, readback, rules
from ungcuu.core.phrases import Detail, Proof, phrase
from ungcuu.core.sentences import shown

ALLOWED = allowlist.allow_list(["198.51.100.49", "192.0.2.0/24", "fd5a:75c0:1ab:3::1"])
NOW = phrase(Detail.FIRST_TIME)
WANTED = readback.Wanted("full", ALLOWED)
RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "packet_filter.json").read_text("utf-8"))
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG03FGNG2lyTlAaiLfaXzcUCj+Fn3sserECTBbOPqKeq"
KEY_FILE = "/etc/ssh/ungcuu-isolation.keys"


def differences(answer: dict[str, Any], mode: str = "full", allowed: allowlist.AllowList = ALLOWED) -> list[str]:
    """How an answer differs from the rules of a mode."""
    tables, _devices = packet_filter.read(answer)
    return packet_filter.differences(tables, rules.expected(mode, allowed, 22, [80, 443]))


def test_the_whole_rule_set_is_read() -> None:
    """The recorded kernel holds what the template says; another mode or allow-list is another rule set."""
    assert differences(RECORDED) == []
    assert any("rule" in row for row in differences(RECORDED, "egress"))
    assert len(differences(RECORDED, allowed=allowlist.allow_list(["198.51.100.49"]))) == 4


@pytest.mark.parametrize("number", [0, 1])
def test_a_rule_that_is_missing_moved_or_new_is_seen(number: int) -> None:
    """Each rule of both tables: without it, and twice. Seen failing with rules compared as a set."""
    for at in range(len(RECORDED["parts"][number]["rules"])):
        answer = copy.deepcopy(RECORDED)
        rule = answer["parts"][number]["rules"].pop(at)
        assert differences(answer), at
        answer["parts"][number]["rules"][at:at] = [rule, rule]
        assert differences(answer), at


def test_a_chain_a_set_or_an_element_that_is_missing_is_seen() -> None:
    """A chain that is gone lets everything pass; an element more lets somebody in."""
    for name in ("tables", "chains"):
        for at in range(len(RECORDED[name])):
            answer = copy.deepcopy(RECORDED)
            del answer[name][at]
            assert differences(answer), (name, at)
    for number, part in enumerate(RECORDED["parts"]):
        for name, messages in part["elements"].items():
            answer = copy.deepcopy(RECORDED)
            answer["parts"][number]["elements"][name] = []
            assert not messages or differences(answer), name


def test_an_accepting_policy_and_a_table_that_sleeps_are_seen() -> None:
    """Neither changes a rule."""
    answer = copy.deepcopy(RECORDED)
    policy = "08000500"  # the attribute's header; its value follows
    assert all(f"{policy}00000000" in text for text in answer["chains"])
    answer["chains"][0] = answer["chains"][0].replace(f"{policy}00000000", f"{policy}00000001")
    assert any("policy accept" in row for row in differences(answer))
    answer = copy.deepcopy(RECORDED)
    answer["tables"][0] = answer["tables"][0].replace("0800020000000000", "0800020000000001")
    assert any("switched off" in row for row in differences(answer))


def test_devices_neighbours_and_sessions_are_listed() -> None:
    """What the rules don't reach is said with them."""
    rows = {row["name"]: row for row in readback.judge(RECORDED, WANTED, NOW)}
    assert {name: row["passed"] for name, row in rows.items()} == {
        Proof.RULES_HELD: True,
        Proof.DEVICES_CLOSED: True,
        Proof.NEIGHBOURS_FIXED: True,
        Proof.ALLOWED_SESSIONS: True,
    }
    words = {name: shown(row["detail"]) for name, row in rows.items()}
    assert "2 of 2 devices" in words[Proof.DEVICES_CLOSED]
    assert "198.51.100.49 at 02:00:00:00:00:01" in words[Proof.NEIGHBOURS_FIXED]
    assert "198.51.100.49 (1)" in words[Proof.ALLOWED_SESSIONS]
    assert all("the host says" in text for text in words.values())


def test_a_device_without_hooks_is_named() -> None:
    """A device that appeared after the rules is an open line; its name is the host's, so it is made harmless."""
    answer = copy.deepcopy(RECORDED)
    answer["links"] = [text.replace(b"eth1\0".hex(), b"e\x1b]1\0".hex()) for text in answer["links"]]
    row = next(row for row in readback.judge(answer, WANTED, NOW) if row["name"] == Proof.DEVICES_CLOSED)
    assert row["passed"] is False
    assert "NOT closed: e\\x1b]1" in shown(row["detail"])


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"tables": 5},
        {"chains": ["zz"]},
        {"parts": [{"family": "x"}]},
        {"links": ["00"]},
        {"sessions": ["x"]},
        {"namespaces": 3},
        {"neighbours": ["00" * 13]},
        {"parts": None},
    ],
)
def test_an_answer_that_is_none_is_no_proof(change: dict[str, Any]) -> None:
    """The host writes it: whatever it writes, the run goes on, and nothing counts as proven."""
    answer = RECORDED | change if change else {}
    assert None in [row["passed"] for row in readback.judge(answer, WANTED, NOW)]


def sshd(file: str = KEY_FILE, held: str = KEY, **more: str) -> str:
    """What the host prints."""
    settings = {"authorizedkeysfile": file, "passwordauthentication": "no", "forcecommand": "none"} | more
    return "account=root\n" + "".join(f"{name} {value}\n" for name, value in settings.items()) + f"keys\n# x\n{held}\n"


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        (sshd(), True),
        (sshd(held=f"{KEY} me\n{KEY.replace('IG03', 'IG04')}"), False),
        (sshd(held=""), False),
        (sshd(file=".ssh/authorized_keys"), False),
        (sshd(authorizedkeyscommand="/usr/bin/x"), False),
        (sshd(passwordauthentication="yes"), False),
        (sshd(forcecommand="/usr/bin/x"), False),
        ("", None),
        ("keys\n", None),
    ],
)
def test_keys_are_the_responders_alone(said: str, passed: bool | None) -> None:
    """A key more is a way in; a setting of sshd that comes before ours makes them all count again."""
    assert login_keys.judge(said, [KEY], ["root"], KEY_FILE)["passed"] is passed


def test_odd_account_names_reach_no_shell() -> None:
    """An account's name comes from the inventory, where anything may stand."""
    assert "reboot" not in login_keys.question(["x; reboot", "root"], KEY_FILE)


def test_sshd_is_asked_without_the_hosts_timeout() -> None:
    """Seen failing on a host whose `timeout` hangs: the isolation ended NOT DONE after a minute, at its last proof."""
    asked = login_keys.question(["root"], "/dev/null")
    assert "timeout" not in asked
    done = subprocess.run(["sh", "-s"], input=asked, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.endswith("keys\n")
