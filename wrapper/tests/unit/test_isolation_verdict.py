"""What is said about a host after isolate: the outside decides, and what nobody took is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plugin_runs
import pytest
from test_isolation import a_site

from ungcuu.contain import allowlist, card, outside, proofs, vantage_point, verdict
from ungcuu.contain.cut_off import Cut
from ungcuu.contain.outside import Look
from ungcuu.contain.proofs import CONTROLLER, INSIDE, OUTSIDE, Place
from ungcuu.contain.verdict import EXPECTED, Seen, judge
from ungcuu.core.errors import Exit, HostKeyMismatch, Outcome, StepFailed
from ungcuu.core.i18n import set_language
from ungcuu.core.phrases import Detail, Proof, Side, phrase
from ungcuu.core.sentences import templates
from ungcuu.hosts import ssh
from ungcuu.remote import reachability

CUT = Cut("web01", "cut", 0.2)
NEAR = proofs.proof(Proof.NO_PORT_ANSWERS, CONTROLLER, True, {})
FAR = proofs.proof(Proof.NO_PORT_ANSWERS, Place(Side.OUTSIDE, "intruder01"), True, {})
SILENT = Look("web01", "silent", (NEAR, FAR))
OPEN = Look("web01", "open", ({**NEAR, "passed": False},), ((CONTROLLER, (80, 443)),))
BLIND = Look("web01", "unknown", (proofs.not_seen(Proof.NO_PORT_ANSWERS, CONTROLLER, {"code": "x"}),))
ALL = [NEAR, FAR, *(proofs.proof(name, place, True, {}) for name, place in EXPECTED if place == INSIDE)]
SWITCH = "Cut it off at the switch or the hypervisor: sw1, port 7"


def judged(**fields: Any) -> tuple[Outcome, str, Any]:
    """Judge a host about which all is well but for these fields."""
    return judge(dataclasses.replace(Seen(CUT, SILENT, SWITCH, ALL), **fields))


def test_proven_needs_every_proof() -> None:
    """I2: one proof that nobody took, and the word is another."""
    assert judged()[1].startswith("isolated, and proven")
    for name, place in EXPECTED:
        rest = [row for row in ALL if not (row["name"] == name and row["side"] == place.side)]
        for rows in (rest, [*rest, proofs.not_seen(name, place, phrase(Detail.NO_VANTAGE))]):
            outcome, line, error = judged(proofs=rows)
            assert outcome is Outcome.DONE and error is None
            assert "proven" not in line
            assert f"not taken: {templates()[name]} ({place.words}" in line


def test_without_a_vantage_only_the_controller_can_see() -> None:
    """I2: "isolated, and proven" was said although nobody had looked from outside."""
    near = Look("web01", "silent", (NEAR, proofs.not_seen(Proof.NO_PORT_ANSWERS, OUTSIDE, {})))
    _outcome, line, _error = judged(look=near, proofs=[row for row in ALL if row is not FAR])
    assert line.startswith("isolated as far as the controller can see; not taken: no port answers (from outside)")


def test_a_page_that_the_intruder_changed_is_no_missing_proof() -> None:
    """What it says is nothing about the cut."""
    assert judged(proofs=[*ALL, proofs.not_seen(Proof.SITE_WORKS_INSIDE, INSIDE, {})])[1].startswith("isolated, and")


@pytest.mark.parametrize("ending", ["cut", "failed", "unknown"])
@pytest.mark.parametrize("error", [None, StepFailed("x", "y", "z")])
def test_an_open_port_outweighs_everything(ending: str, error: StepFailed | None) -> None:
    """I1: `nft` as `exit 0` had the host say that it is cut off, and every step pass."""
    outcome, line, found = judged(cut=Cut("web01", ending, 0.2), look=OPEN, error=error)
    assert outcome is Outcome.NOT_DONE
    assert found is not None and found.code is Exit.NOT_DONE
    assert line.startswith("web01 is NOT isolated: ports 80, 443 answer, seen from the controller.")
    assert found.fix == SWITCH


def test_what_nobody_could_see_is_not_proven() -> None:
    """I1: a proof that can't be had is none."""
    outcome, line, found = judged(look=BLIND)
    assert outcome is Outcome.UNKNOWN
    assert found is not None and (found.code, found.fix) == (Exit.UNKNOWN, SWITCH)
    assert line.startswith("It is NOT proven that web01 is isolated")


def test_a_failed_proof_of_the_cut_is_no_isolation() -> None:
    """I1: "State now: web01 is cut off" stood beside a failed proof."""
    rows = [*ALL, proofs.proof(Proof.NOTHING_GETS_OUT, INSIDE, False, phrase(Detail.TRIED_OUT, count=5, escaped=3))]
    outcome, line, found = judged(proofs=rows)
    assert outcome is Outcome.NOT_DONE and found is not None
    assert "NOT proven" in line and "nothing gets out" in line
    assert SWITCH in found.fix


def test_what_does_not_last_is_cut_off_all_the_same() -> None:
    """A full disk keeps the rules from being written; the host is cut off, as its word and from outside."""
    rows = [*ALL, proofs.proof(Proof.OUTLASTS_RESTART, INSIDE, False, phrase(Detail.RULES_IN_MEMORY))]
    _outcome, line, found = judged(proofs=rows, error=StepFailed("no file", "The steps before it are done.", "again"))
    assert found is not None and found.what == "no file"
    assert "The host says that it is cut off. From outside: no port answers" in line


@pytest.mark.parametrize(
    ("ending", "code"), [("refused", Exit.REFUSED), ("not reached", Exit.UNREACHABLE), ("not sent", Exit.UNREACHABLE)]
)
@pytest.mark.parametrize("look", [OPEN, SILENT, BLIND])
def test_a_host_that_got_no_rules(ending: str, code: Exit, look: Look) -> None:
    """It was not touched, and whether it is isolated is what was seen: it may be, from before."""
    _outcome, line, found = judged(cut=Cut("web01", ending, 20.0, "why"), look=look)
    assert found is not None and found.code is code
    assert "web01 was not touched: no rules were sent." in line
    assert ("NOT isolated" in line) is (look is OPEN)


@pytest.mark.parametrize("code", [Detail.KEY_CHANGED, Detail.KEY_NOT_PINNED])
def test_a_host_that_is_another_machine_has_its_own_exit_code(code: Detail, vietnamese: None) -> None:
    """It was found by two English words of a sentence, so it was never found once the sentence was a Vietnamese one."""
    _outcome, line, found = judged(cut=Cut("web01", "refused", 1.0, phrase(code)))
    assert isinstance(found, HostKeyMismatch) and found.fix.endswith("ungcuu enrol web01")
    assert "khóa" in line and code not in line


@pytest.fixture
def vietnamese() -> Iterator[None]:
    set_language("vi")
    yield
    set_language("en")


# --- the look -----------------------------------------------------------------------------------------------------


def seen(states: dict[int, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **facts: object) -> Look:
    """Look at a host whose ports have these states, for the controller."""

    def ports(addresses: list[str], numbers: list[int], _timeout: float) -> list[dict[str, Any]]:
        return [{"address": a, "port": n, "state": states.get(n, "silent")} for a in addresses for n in numbers]

    monkeypatch.setattr(reachability, "ports", ports)
    return outside.look(card.build(a_site(tmp_path, **facts), "web01"))


def test_silence_counts_only_where_the_host_is_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A host that is off, or a line that is dead, is silent too."""
    assert seen({22: "open"}, monkeypatch, tmp_path).state == "silent"
    assert seen({22: "refused"}, monkeypatch, tmp_path).state == "silent", "sshd was killed; the host answers"
    assert seen({}, monkeypatch, tmp_path).state == "unknown"


def test_a_host_behind_a_jump_host_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The controller has no way to its ports: that is no sign that it is off."""
    found = seen({}, monkeypatch, tmp_path, ansible_ssh_common_args="-J gate.example")
    assert found.state == "unknown"
    assert found.missing[0]["detail"] == phrase(Detail.JUMP_HOST)


@pytest.mark.parametrize("state", ["open", "refused"])
def test_any_answer_is_no_isolation(state: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A refusal is a packet that got out."""
    found = seen({22: "open", 80: state}, monkeypatch, tmp_path)
    assert (found.state, found.alive) == ("open", ((CONTROLLER, (80,)),))


@pytest.mark.parametrize("state", ["blocked", "unreachable"])
def test_what_was_never_sent_proves_nothing(state: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A controller without a route, or with a filter of its own, sees a silent host."""
    states = dict.fromkeys((*vantage_point.PORTS, 22), state)
    assert seen(states, monkeypatch, tmp_path).state == "unknown"


def two(tmp_path: Path, **facts: object) -> Any:
    """A site with a vault of its own."""
    site = a_site(tmp_path, website_vault_host="vault01", website_vault_address="192.0.2.20", **facts)
    vault = {"ansible_host": "192.0.2.20", "ungcuu_known_hosts": site.variables("web01")["ungcuu_known_hosts"]}
    return dataclasses.replace(
        site, hosts={**site.hosts, "vault01": vault, "mon01": vault | {"ansible_host": "192.0.2.30"}}
    )


def test_the_vault_is_the_vantage_where_no_other_is_named(tmp_path: Path) -> None:
    """Any second machine can look; the controller itself is none."""
    assert vantage_point.vantage_of(two(tmp_path), "web01") == "vault01"
    assert vantage_point.vantage_of(two(tmp_path, isolation_vantage="mon01"), "web01") == "mon01"
    assert vantage_point.vantage_of(two(tmp_path, isolation_vantage="nobody"), "web01") == ""
    assert vantage_point.vantage_of(two(tmp_path, isolation_vantage="web01"), "web01") == ""
    local = two(tmp_path)
    hosts = {**local.hosts, "vault01": {**local.hosts["vault01"], "ansible_connection": "local"}}
    assert vantage_point.vantage_of(dataclasses.replace(local, hosts=hosts), "web01") == ""


def answer(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the vantage see SSH open, and every other port in this state."""

    def run(_target: ssh.Target, _command: list[str], stdin: bytes, **_more: object) -> ssh.Result:
        order = plugin_runs.order_of(stdin)
        rows = [
            {"address": a, "port": p, "state": "open" if p == 22 else state}
            for a in order["addresses"]
            for p in order["ports"]
        ]
        said = plugin_runs.answering(lambda _order: {"ports": rows})("", stdin)["stdout"]
        return ssh.Result(ssh.Ending.EXITED, 0, said.encode(), b"", 0.1)

    monkeypatch.setattr(ssh, "run", run)
    monkeypatch.setattr(
        reachability, "ports", lambda a, n, _t: [{"address": x, "port": p, "state": "silent"} for x in a for p in n]
    )


def test_a_vault_that_may_log_in_proves_the_sites_ports_and_says_what_it_can_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It stands in the allow-list: that SSH answers it is no way out, and no proof that others are shut out."""
    answer("silent", monkeypatch)
    found = outside.look(card.build(two(tmp_path), "web01"))
    rows = {row["name"]: row["passed"] for row in found.proofs if row.get("vantage") == "vault01"}
    assert rows == {Proof.NO_PORT_ANSWERS: True, Proof.SSH_CLOSED: None}
    assert found.state == "silent"
    assert "SSH is closed to others (from outside (vault01))" in verdict.not_taken(found.proofs)


def test_ssh_that_answers_a_stranger_is_a_hole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A vantage that the allow-list does not hold must not reach even SSH."""
    answer("silent", monkeypatch)
    found = outside.look(card.build(two(tmp_path, isolation_vantage="mon01"), "web01"))
    assert (found.state, found.alive) == ("open", ((Place(Side.OUTSIDE, "mon01"), (22,)),))


def test_a_vantage_that_is_down_is_a_proof_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It must neither fail the isolation nor pass for a proof."""
    answer("silent", monkeypatch)
    gone = ssh.Result(ssh.Ending.NOT_REACHED, None, b"", b"", 1.0, "timed out")
    monkeypatch.setattr(ssh, "run", lambda *_a, **_m: gone)
    states = {22: "open"}
    monkeypatch.setattr(
        reachability,
        "ports",
        lambda a, n, _t: [{"address": x, "port": p, "state": states.get(p, "silent")} for x in a for p in n],
    )
    found = outside.look(card.build(two(tmp_path), "web01"))
    assert found.state == "silent"
    assert [proofs.words(row, detail=True) for row in found.missing] == [
        "no port answers (from outside (vault01)): not proven: vault01 gave no answer"
    ]


def test_a_name_in_the_allow_list_counts_for_the_vantage() -> None:
    """An alarm about the vault's own way in would cry wolf."""
    allowed = allowlist.AllowList(("192.0.2.0/24",), ())
    assert vantage_point.may_log_in({"address": "192.0.2.20"}, allowed)
    assert vantage_point.may_log_in({"address": "198.51.100.1", "is_vault": True}, allowed)
    assert not vantage_point.may_log_in({"address": "198.51.100.1"}, allowed)
