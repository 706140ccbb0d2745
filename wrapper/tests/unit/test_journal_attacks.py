"""What an attacker does to a journal's bytes, order, head and key: all of it is found."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from journal_made import Make, check, filled, make

from ungcuu.case import journal as module
from ungcuu.case import record as record_module
from ungcuu.case.journal import Journal
from ungcuu.case.journal_check import verify
from ungcuu.core import clock, signing
from ungcuu.core.errors import Tampered

__all__ = ["filled", "make"]


# --- attacks on bytes and order -----------------------------------------------------------------------------------


def test_every_changed_inserted_or_lost_byte_is_found(filled: Journal) -> None:
    """A journal that forgives one byte proves nothing. The record that holds the byte is the one that is named."""
    good = filled.path.read_bytes()
    head = module.read_head(filled.head_path)
    assert check(filled).ok
    for at in range(len(good)):
        record = good[:at].count(b"\n") + 1
        for bad in (
            good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :],
            good[:at] + good[at + 1 :],
            good[:at] + b" " + good[at:],
        ):
            filled.path.write_bytes(bad)
            result = verify(filled.folder, filled.public, head)
            assert not result.ok and result.first_bad in (record, record + 1), (at, bad[max(0, at - 9) : at + 9])


def test_every_truncation_is_found(filled: Journal) -> None:
    """Cutting off the end is what an intruder would do, and no chain alone can see it."""
    good = filled.path.read_bytes()
    for length in range(len(good)):
        filled.path.write_bytes(good[:length])
        result = check(filled)
        assert (result.ok, result.first_bad) == (False, good[:length].count(b"\n") + 1)


ORDERS = {
    "swapped": ([0, 2, 1, 3], 2),
    "deleted first": ([1, 2, 3], 1),
    "deleted middle": ([0, 2, 3], 2),
    "deleted last": ([0, 1, 2], 4),
    "repeated": ([0, 1, 1, 2, 3], 3),
    "repeated at the end": ([0, 1, 2, 3, 3], 5),
    "reversed": ([3, 2, 1, 0], 1),
    "emptied": ([], 1),
}


@pytest.mark.parametrize(("order", "bad"), ORDERS.values(), ids=ORDERS.keys())
def test_every_other_order_is_found(filled: Journal, order: list[int], bad: int) -> None:
    lines = filled.path.read_bytes().splitlines(keepends=True)
    filled.path.write_bytes(b"".join(lines[number] for number in order))
    assert (check(filled).ok, check(filled).first_bad) == (False, bad)


def test_a_record_of_another_case_is_found(filled: Journal, make: Make) -> None:
    """Same key, true signature, wrong case."""
    other = make("UC-20261122-002")
    other.append("step", {"number": 0})
    filled.path.write_bytes(other.path.read_bytes())
    assert check(filled).first_bad == 1


def test_a_journal_that_was_written_again_with_another_key_is_found(filled: Journal, tmp_path: Path) -> None:
    forged = Journal.open(tmp_path / "evil" / filled.case, tmp_path / "evilkeys", tmp_path / "evilheads")
    for number in range(4):
        forged.append("step", {"number": number, "text": "nothing happened"})
    filled.path.write_bytes(forged.path.read_bytes())
    filled.head_path.write_bytes(forged.head_path.read_bytes())
    assert (check(filled).first_bad, check(filled).problem) == (1, "its signature is wrong")


def test_the_same_json_spelt_otherwise_is_found(filled: Journal, tmp_path: Path) -> None:
    """Two spellings of one record would let a parser and a reader see different things."""
    key = signing.signing_key(tmp_path / "keys")
    body = {"data": {}, "kind": "x", "prev": record_module.genesis(filled.case), "seq": 1, "time": clock.now()}
    line, _record = record_module.seal(body, key)
    assert record_module.unseal(line, filled.public)[0] is not None
    for old, new in ((b'"kind":"x"', b'"kind":"y","kind":"x"'), (b'"seq":1', b'"seq":1.0'), (b'"x"', b'"\\u0078"')):
        text = line[: line.index(b',"hash"')].replace(old, new) + b"}"
        digest = module.hashlib.sha256(text).hexdigest()
        sig = module.base64.b64encode(key.sign(digest.encode())).decode()
        forged = text[:-1] + f',"hash":"{digest}","sig":"{sig}"}}\n'.encode()
        assert record_module.unseal(forged, filled.public) == (None, "it is not a record")


def heads(journal: Journal, make: Make) -> Iterator[tuple[str, Any]]:
    other = make("UC-20261122-002")
    other.append("step", {})
    mine = json.loads(journal.head_path.read_bytes())
    yield "missing", None
    yield "another case's", json.loads(other.head_path.read_bytes())
    yield "empty", {}
    for name, value in {"seq": 3, "hash": "0" * 64, "case": "x", "time": "", "sig": "AAAA", "extra": 1}.items():
        yield f"{name} changed", mine | {name: value}
    yield "seq as text", mine | {"seq": "4"}
    yield "seq true", mine | {"seq": True}
    yield "sig no text", mine | {"sig": 4}


def test_every_wrong_head_is_found(filled: Journal, make: Make) -> None:
    for name, head in heads(filled, make):
        assert not verify(filled.folder, filled.public, head).ok, name


def test_a_signature_has_one_spelling(filled: Journal) -> None:
    """Base64's last letter has four spare bits: a byte that may change unseen is a byte that is not protected."""
    good = filled.path.read_bytes()
    letter = good[-6:-5]
    spellings = [bytes([other]) for other in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"]
    assert good[-5:] == b'=="}\n' and letter in spellings
    for other in spellings:
        filled.path.write_bytes(good[:-6] + other + good[-5:])
        assert check(filled).ok is (other == letter)


def test_a_signed_head_of_another_history_is_found(filled: Journal, tmp_path: Path) -> None:
    """Two histories of one case under one key: a copy of the state folder was written to, and brought back."""
    last = dataclasses.replace(filled.records()[-1], hash="0" * 64)
    head = json.loads(module._head(filled.case, last, signing.signing_key(tmp_path / "keys")))
    assert verify(filled.folder, filled.public, head).first_bad == 4


def test_an_old_head_is_found(make: Make) -> None:
    """A head that is put back to an older one would let the records after it be cut off."""
    journal = make()
    journal.append("step", {})
    old = journal.head_path.read_bytes()
    journal.append("step", {})
    assert verify(journal.folder, journal.public, json.loads(old)).notes, "one behind is what a kill leaves"
    journal.append("step", {})
    assert verify(journal.folder, journal.public, json.loads(old)).first_bad == 2


def test_nothing_is_appended_to_a_journal_that_was_changed(filled: Journal, make: Make) -> None:
    """No journal, no run: a run that went on after tampering would bury the proof of it."""
    good, head = filled.path.read_bytes(), filled.head_path.read_bytes()
    lines = good.splitlines(keepends=True)
    attacks: dict[str, tuple[bytes, bytes | None]] = {
        "last record lost": (b"".join(lines[:-1]), head),
        "all lost": (b"", head),
        "last record torn": (good[:-9], head),
        "last record changed": (good.replace(b'"number":3', b'"number":9'), head),
        "old record added": (good + lines[0], head),
        "head lost": (good, None),
        "head damaged": (good, head[:-9]),
        "head changed": (good, head.replace(b'"seq":4', b'"seq":3')),
    }
    for name, (data, new_head) in attacks.items():
        filled.path.write_bytes(data)
        filled.head_path.unlink(missing_ok=True)
        if new_head is not None:
            filled.head_path.write_bytes(new_head)
        with pytest.raises(Tampered):
            make()
        if name != "last record changed" and not name.startswith("head"):  # the size alone gives these away
            with pytest.raises(Tampered):
                filled.append("step", {})
        assert filled.path.read_bytes() == data, name


def test_a_signed_record_with_another_number_is_found(filled: Journal) -> None:
    """It follows the last one and is signed; only its number is wrong. Seen failing with the number unchecked."""
    last = filled.records()[-1]
    body = {"data": {}, "kind": "step", "prev": last.hash, "seq": last.seq + 2, "time": clock.now()}
    filled.path.write_bytes(filled.path.read_bytes() + record_module.seal(body, filled._key)[0])
    assert check(filled).first_bad == last.seq + 1


def test_what_is_missing_is_named_by_its_place(filled: Journal, tmp_path: Path) -> None:
    assert verify(filled.folder, filled.public, None).first_bad == 5
    missing = verify(tmp_path / "none", filled.public, filled.head_path)
    assert (missing.ok, missing.records, missing.first_bad) == (False, 0, 1)
