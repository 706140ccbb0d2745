"""The cut's own logic: allow-lists, the exchange, the script, cards, proofs and the gate of the release."""

from __future__ import annotations

import importlib
import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from isolated import MANAGEMENT, a_site

from ungcuu.contain import allowlist, card, cut_off, early, isolation_state, proofs
from ungcuu.core.errors import Refused
from ungcuu.core.phrases import Detail, Proof
from ungcuu.detect import baseline

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_allow_list_is_merged_and_sorted() -> None:
    """Two rule sets are compared as text, so the same list must always give the same text."""
    allowed = allowlist.allow_list(["192.0.2.9", "192.0.2.8/31", "2001:db8::1", "192.0.2.9", "::ffff:198.51.100.1"])
    assert allowed == allowlist.AllowList(("192.0.2.8/31", "198.51.100.1"), ("2001:db8::1",))


def test_a_name_that_leads_nowhere_is_refused() -> None:
    """A name that silently drops out of the list is a responder locked out."""
    with pytest.raises(allowlist.Unresolved, match="gone") as gap:
        allowlist.allow_list(["192.0.2.1", "gone.example"], lambda _name: [])
    assert gap.value.name == "gone.example"


def test_a_name_with_an_answer_that_is_no_address_is_refused() -> None:
    """A part of the answer would be left out without a word: the responder who comes from there is locked out.

    Seen failing with only an empty answer refused.
    """
    with pytest.raises(allowlist.Unresolved):
        allowlist.allow_list(["gate.example"], lambda _name: ["192.0.2.7", "$(reboot)"])


def test_a_network_is_taken_as_people_write_it() -> None:
    """With bits of a host, or with a zone; either would be looked up as a name otherwise, and the cut refused."""

    def nothing(name: str) -> list[str]:
        raise AssertionError(f"{name} was looked up")

    allowed = allowlist.allow_list([" 192.0.2.9/24 ", "fe80::1%eth0"], nothing)
    assert allowed == allowlist.AllowList(("192.0.2.0/24",), ("fe80::1",))


def test_names_are_looked_up_with_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real lookup, of both families; one that fails is a name without an address, never an exception."""
    rows = [(family, 1, 6, "", (address, 0)) for family, address in ((2, "192.0.2.7"), (10, "2001:db8::7"))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_name, **_how: rows)
    assert allowlist.allow_list(["gate.example"]) == allowlist.AllowList(("192.0.2.7",), ("2001:db8::7",))

    def fails(*_name: object, **_how: object) -> None:
        raise OSError("no answer")

    monkeypatch.setattr("socket.getaddrinfo", fails)
    with pytest.raises(allowlist.Unresolved):
        allowlist.allow_list(["gate.example"])


def test_names_are_resolved_to_every_address() -> None:
    """A responder may come over either family."""
    allowed = allowlist.allow_list(["gate.example"], lambda _name: ["192.0.2.7", "2001:db8::7"])
    assert allowed == allowlist.AllowList(("192.0.2.7",), ("2001:db8::7",))


@pytest.mark.parametrize(
    ("address", "held"),
    [
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("2001:db8::99", True),
        ("2001:db8:1::", False),
        ("::ffff:192.0.2.1", True),
        ("fe80::1%eth0", False),
        ("", False),
        ("$(reboot)", False),
    ],
)
def test_what_the_list_holds(address: str, held: bool) -> None:
    """What the host says about our address decides whether it is cut; anything odd must not pass."""
    assert allowlist.allow_list(MANAGEMENT).holds(address) is held


# --- the card -----------------------------------------------------------------------------------------------------


def test_card_survives_the_disk(tmp_path: Path) -> None:
    """What is read during the incident is what was written before it, and stands alone."""
    site = a_site(tmp_path)
    kept = card.write(site.settings, card.build(site, "web01", ("192.0.2.1",)))
    assert card.load(site.settings, "web01") == kept
    assert Path(kept.known_hosts).read_text().startswith("web01 ssh-ed25519 AAAA")
    for path in (card.card_path(site.settings, "web01"), Path(kept.known_hosts)):
        assert path.stat().st_mode & 0o077 == 0
    assert site.settings.state.stat().st_mode & 0o077 == 0


def test_card_holds_the_address_that_the_host_sees(tmp_path: Path) -> None:
    """By construction: whoever enrolled the host can't be locked out by its isolation."""
    assert card.build(a_site(tmp_path), "web01", ("198.51.100.77",)).allow.holds("198.51.100.77")


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"version": 1, "host": "web02"}', '{"version": 9}'])
def test_damaged_card_is_no_card(tmp_path: Path, damage: str) -> None:
    """Then it is made again from the inventory, which is slower and right."""
    site = a_site(tmp_path)
    card.write(site.settings, card.build(site, "web01"))
    card.card_path(site.settings, "web01").write_text(damage)
    with pytest.raises(card.NoCard):
        card.load(site.settings, "web01")


def test_stale_card_shows(tmp_path: Path) -> None:
    """A card made before the responders moved would lock them out."""
    site = a_site(tmp_path)
    made = card.build(site, "web01")
    assert made.source == card.fingerprint(site, "web01")
    for change in ({"management_addresses": ["192.0.2.2"]}, {"ansible_host": "192.0.2.11"}, {"website_ports": [8443]}):
        assert made.source != card.fingerprint(a_site(tmp_path, **change), "web01")


def test_rules_of_every_mode_are_whole(tmp_path: Path) -> None:
    """The last line is what shows the host that nothing was cut off on the way."""
    made = card.build(a_site(tmp_path), "web01")
    for mode in early.MODES:
        text = made.rules_for(mode, made.allow)
        assert text.endswith(cut_off.LAST_LINE + "\n")
        assert "@" not in re.sub(r"@management_ipv[46]|@DEVICES@", "", text)
        assert ("tcp dport { 80, 443 } accept" in text) is (mode != "full")
        assert "ct state" not in text
        assert text.count("policy drop;") == 5
    only4 = made.rules_for("full", allowlist.AllowList(("192.0.2.1",), ()))
    assert only4.count("elements") == 2  # of either table


# --- proofs -------------------------------------------------------------------------------------------------------


def test_a_port_that_was_not_answered_for_is_not_dead() -> None:
    """A probe that died must not pass for a host that is silent."""
    asked = (["192.0.2.10"], [22, 80])
    silent = [{"address": "192.0.2.10", "port": port, "state": "silent"} for port in (22, 80)]
    assert proofs.contained({"ports": silent}, proofs.CONTROLLER, *asked)[0]["passed"] is True
    for rows in (silent[:1], [], None, [*silent[:1], {**silent[1], "state": "refused"}], [*silent[:1], {"state": []}]):
        assert proofs.contained({"ports": rows}, proofs.CONTROLLER, *asked)[0]["passed"] is False
    assert proofs.contained({"ports": []}, proofs.CONTROLLER, [], [])[0]["passed"] is False


def test_inside_proofs_fail_on_any_way_out() -> None:
    """A single answered name is a tunnel."""
    good = {"out": [{"state": "blocked"}], "dns": [{"state": "silent"}], "held": 1, "moving": [], "site": None}
    assert all(row["passed"] for row in proofs.contained_inside(good, ["192.0.2.9"], False))
    for bad in (
        {"out": [{"state": "open"}]},
        {"out": []},
        {"dns": [{"state": "answered"}]},
        {"moving": ["a b"]},
        {"moving": None},
    ):
        assert not all(row["passed"] for row in proofs.contained_inside({**good, **bad}, ["192.0.2.9"], False)), bad
    assert proofs.contained_inside(good, [], False)[0]["passed"] is None, "no way to look is not a proof"


def test_nothing_of_the_host_is_passed_on() -> None:
    """A hostile probe's text must not reach a record."""
    hostile = {
        "ports": [{"address": "192.0.2.10", "port": 22, "state": "\x1b]0;owned"}],
        "site": [{"status": "\x1b[2J"}],
    }
    place = proofs.CONTROLLER
    told = proofs.contained(hostile, place, ["192.0.2.10"], [22]) + proofs.served(hostile, place, ["192.0.2.10"])
    assert "\x1b" not in json.dumps(told, ensure_ascii=False)


# --- the gate of the release --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The host's folder of a state folder."""
    return tmp_path / "state" / "hosts" / "web01"


def reassessed(folder: Path, **fields: object) -> None:
    """A clean re-assessment, with these fields changed, signed as reassess signs it."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"host": "web01", "time": f"{NOW:%Y-%m-%dT%H:%M:%SZ}", "outcome": "clean", "entry": {"closed": True}}
    document = {"format": baseline.FORMAT, **record, **fields}
    baseline.sign(folder / isolation_state.REASSESSMENT, document, folder.parents[1] / "keys")


def test_forged_reassessment_keeps_it_shut(folder: Path) -> None:
    """One word changed in a file must not return a host to service."""
    reassessed(folder, outcome="not clean")
    path = folder / isolation_state.REASSESSMENT
    path.write_bytes(path.read_bytes().replace(b"not clean", b"clean"))
    assert "signature" in isolation_state.against_release(folder, "web01", NOW)[0]


def test_clean_reassessment_opens_the_gate(folder: Path) -> None:
    """And nothing else does."""
    isolation_state.mark_isolated(folder, "web01", "full", NOW - timedelta(hours=2))
    assert isolation_state.against_release(folder, "web01", NOW) == ["it has not been re-assessed"]
    reassessed(folder)
    assert isolation_state.against_release(folder, "web01", NOW + timedelta(hours=1)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": "not clean"},
        {"outcome": None},
        {"host": "web02"},
        {"entry": {"closed": False}},
        {"entry": None},
        {"time": "2026-11-22T09:59:59Z"},
        {"time": "tomorrow"},
        {"time": "2026-11-22T13:30:00Z"},
        {"time": None},
    ],
)
def test_everything_else_keeps_it_shut(folder: Path, fields: dict[str, object]) -> None:
    """Sites that return without the cause being found are hit again."""
    isolation_state.mark_isolated(folder, "web01", "full", NOW - timedelta(hours=2))
    reassessed(folder, **fields)
    assert isolation_state.against_release(folder, "web01", NOW)


def test_old_reassessment_says_nothing(folder: Path) -> None:
    """What happened since is unknown."""
    reassessed(folder)
    assert isolation_state.against_release(folder, "web01", NOW + timedelta(hours=25))


def test_first_cut_keeps_its_time(folder: Path) -> None:
    """A second isolate must not make the re-assessment look older than the isolation."""
    assert isolation_state.mark_isolated(folder, "web01", "full", NOW)
    assert not isolation_state.mark_isolated(folder, "web01", "full", NOW + timedelta(hours=1))
    assert isolation_state.mark_isolated(folder, "web01", "egress", NOW + timedelta(hours=1))
    assert isolation_state.isolated_since(folder) == NOW
    assert isolation_state.mark_released(folder, NOW)
    assert not isolation_state.mark_released(folder, NOW)
    assert isolation_state.isolated_since(folder) is None


@pytest.mark.parametrize("damaged", [b"", b"\0" * 40, b"[]", b'{"host": "web01"}', b'{"time": "soon"}'])
def test_a_mark_that_cannot_be_read_still_says_that_the_host_is_isolated(tmp_path: Path, damaged: bytes) -> None:
    """Seen failing: a disk that was full for a moment made an isolated host one that nobody looks after."""
    mark = tmp_path / isolation_state.MARK
    mark.write_bytes(damaged)
    os.utime(mark, (NOW.timestamp(), NOW.timestamp()))
    assert isolation_state.isolated_since(tmp_path) == NOW


@pytest.mark.parametrize("page", [{"status": 200, "found": False}, {"status": 500, "found": False}, None])
def test_a_defaced_site_says_nothing_against_the_cut(page: object) -> None:
    """An isolation that held must not end as failed because the intruder had changed the page."""
    answer = {"out": [], "dns": [], "moving": [], "held": 0, "site": page}
    (row,) = [row for row in proofs.contained_inside(answer, [], True) if row["name"] == Proof.SITE_WORKS_INSIDE]
    assert row["passed"] is None
    assert row["detail"]["code"] == Detail.PAGE_MAY_BE_CHANGED


@pytest.mark.parametrize(
    ("verb", "options"), [("rotate", {}), ("restore", {"to": "", "only": (), "path": "", "clean": False})]
)
def test_what_needs_the_database_is_refused_while_maintenance_keeps_it_stopped(
    tmp_path: Path, verb: str, options: dict[str, object]
) -> None:
    """It ended NOT DONE in the middle, with words of MariaDB's client. Seen failing without the look beforehand."""
    module = importlib.import_module(f"ungcuu.cli.commands.{verb}")
    given = options | {"at": "latest", "first_sign": ""}
    context = mock.Mock(options=given, hosts=("web01",), settings=mock.Mock(host_dir=lambda _host: tmp_path))
    module._preflight(context)
    isolation_state.mark_isolated(tmp_path, "web01", "full", NOW)
    module._preflight(context)
    isolation_state.mark_isolated(tmp_path, "web01", "maintenance", NOW)
    with pytest.raises(Refused, match=f"its database is stopped, and {verb} needs it"):
        module._preflight(context)
    context.options |= {"to": "spare01", "only": ("files",)}
    if verb == "restore":
        module._preflight(context)
