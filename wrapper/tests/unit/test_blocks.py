"""Blocks: nobody who may manage the host is shut out, nothing is released silently, the host's words stay out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ungcuu.contain import blocks
from ungcuu.contain.allowlist import AllowList
from ungcuu.contain.blocks import Block, NotBlocked

ALLOWED = AllowList(("192.0.2.1", "198.51.100.0/28"), ("2001:db8::1",))
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def block(network: str, **fields: str) -> Block:
    """A block."""
    return Block(network, "an", "brute force", "2026-11-01T00:00:00+00:00", **fields)


@pytest.mark.parametrize("network", ["192.0.2.1", "192.0.2.0/24", "198.51.100.3", "2001:db8::/32"])
def test_management_is_never_blocked(network: str) -> None:
    """A responder who blocks the attacker's network must not block the own one with it."""
    with pytest.raises(NotBlocked, match="management"):
        blocks.added((), [block(network)], ALLOWED)


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "203.0.113.9; flush ruleset", "host", "", "203.0.113.300"])
def test_slips_of_the_hand_are_refused(text: str) -> None:
    """What is rendered into a rule set is an address, nothing else."""
    with pytest.raises(NotBlocked):
        blocks.network(text)


def test_overlaps_are_refused() -> None:
    """nft would refuse them midway, after the list was written."""
    with pytest.raises(NotBlocked, match="overlaps"):
        blocks.added((block("203.0.113.0/24"),), [block("203.0.113.9")], ALLOWED)


def test_second_block_keeps_its_beginning() -> None:
    """The time of the first block belongs to the case."""
    again = Block("203.0.113.9", "binh", "again", "2026-11-20T00:00:00+00:00")
    [one] = blocks.added((block("203.0.113.9"),), [again], ALLOWED)
    assert (one.since, one.reason) == ("2026-11-01T00:00:00+00:00", "again")


def test_only_what_is_blocked_is_unblocked() -> None:
    """A misspelt address must not pass for done."""
    assert blocks.removed((block("203.0.113.9"),), ["203.0.113.9"]) == ()
    with pytest.raises(NotBlocked, match="not blocked"):
        blocks.removed((block("203.0.113.9"),), ["203.0.113.8"])


def test_time_over_is_reported_and_nothing_else() -> None:
    """The intruder knows calendars too."""
    assert block("203.0.113.9", until="2026-11-21T00:00:00+00:00").over(NOW)
    assert not block("203.0.113.9", until="2026-11-23T00:00:00+00:00").over(NOW)
    assert not block("203.0.113.9").over(NOW)


def test_comment_can_not_leave_its_quotes() -> None:
    """The reason is typed by a person and rendered into a rule set."""
    assert not set('"{}\n\\') & set(Block("203.0.113.9", "an", 'x" } flush ruleset {\n\\', "now").comment)
    assert len(Block("203.0.113.9", "an", "x" * 500, "now").comment) <= 120


def test_list_survives_the_disk(tmp_path: Path) -> None:
    """And a damaged one is an error, not an empty list: that would open every door."""
    folder = tmp_path / "state" / "hosts" / "web01"
    assert blocks.load(folder) == ()
    blocks.save(folder, [block("203.0.113.9")])
    assert blocks.load(folder) == (block("203.0.113.9"),)
    (folder / blocks.FILE).write_text('[{"network": "203.0.113.9"}]')
    with pytest.raises(ValueError, match="damaged"):
        blocks.load(folder)


def test_counters_are_numbers_of_our_own_networks() -> None:
    """A lying host gets numbers shown, nothing else."""
    elements = [
        {"elem": {"val": "203.0.113.9", "counter": {"packets": 3, "bytes": 180}}},
        {"elem": {"val": {"prefix": {"addr": "198.51.100.0", "len": 24}}, "counter": {"packets": "\x1b", "bytes": 1}}},
        {"elem": {"val": "\x1b[2J", "counter": {"packets": 1, "bytes": 1}}},
        "junk",
    ]
    listing = {"nftables": [{"set": {"elem": elements}}, {"set": "junk"}, "junk"]}
    rows = blocks.counters(listing, [block("203.0.113.9"), block("198.51.100.0/24")])
    assert [row["packets"] for row in rows] == [3, None]
    assert "\x1b" not in json.dumps(rows)
