"""The journal under attack: every byte, every order, every moment at which a process can die."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ungcuu.case import journal as module
from ungcuu.case import record as record_module
from ungcuu.case.journal import Journal, VerifyResult, read_records, verify
from ungcuu.core import clock, signing
from ungcuu.core.errors import JournalError, Tampered
from ungcuu.core.settings import Settings
from ungcuu.core.signing import canonical
from ungcuu.run import locks

Make = Callable[..., Journal]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def opened(case: str = "UC-20261122-001") -> Journal:
        return Journal.open(tmp_path / "cases" / case, tmp_path / "keys", tmp_path / "heads")

    return opened


@pytest.fixture
def filled(make: Make) -> Journal:
    journal = make()
    for number in range(4):
        journal.append("step", {"number": number, "text": "bước \x1b[2J\u202e\x7f"})
    return journal


def check(journal: Journal) -> VerifyResult:
    return verify(journal.folder, journal.public, journal.head_path)


def test_records_come_back_as_they_went_in(make: Make) -> None:
    journal = make()
    data = {"text": "Sở Công Thương \udcff\x00\u2028", "deep": [{"a": (1, 2.5, None, True)}], "path": Path("/x")}
    written = journal.append("note", data)
    (read,) = journal.records()
    assert read == written
    assert read.data == {"text": data["text"], "deep": [{"a": [1, 2.5, None, True]}], "path": "/x"}
    assert check(journal) == VerifyResult(True, 1, head_hash=read.hash)


def test_the_file_is_safe_to_print(filled: Journal) -> None:
    """Someone will `cat` the journal on the console during an incident."""
    for line in filled.path.read_bytes().split(b"\n"):
        assert all(0x20 <= byte < 0x7F for byte in line)


def test_a_stranger_can_check_a_record_with_sed_sha256sum_and_openssl(filled: Journal, tmp_path: Path) -> None:
    """The proof may not depend on our own code."""
    (tmp_path / "key.pem").write_bytes(signing.public_pem(filled.public))
    script = r"""
    prev=$(printf 'ungcuu journal v1\n%s\n' "$CASE" | sha256sum | cut -c1-64)
    while IFS= read -r line; do
      body=$(printf %s "$line" | sed -E 's/,"hash":"[0-9a-f]{64}","sig":"[^"]*"\}$/}/')
      hash=$(printf %s "$body" | sha256sum | cut -c1-64)
      printf %s "$hash" > hash
      printf %s "$line" | sed -E 's/.*"sig":"([^"]*)"\}$/\1/' | base64 -d > sig
      openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in hash -sigfile sig > /dev/null || exit 3
      case $line in *"\"prev\":\"$prev\""*) ;; *) exit 4 ;; esac
      case $line in *"\"hash\":\"$hash\""*) ;; *) exit 5 ;; esac
      prev=$hash
    done < "$FILE"
    """
    environment = os.environ | {"CASE": filled.case, "FILE": str(filled.path)}
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, env=environment, check=True)


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


def test_a_journal_that_was_written_anew_with_another_key_is_found(filled: Journal, tmp_path: Path) -> None:
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


# --- what a kill leaves behind ------------------------------------------------------------------------------------


def test_a_torn_last_record_is_set_aside_and_recorded(filled: Journal, make: Make) -> None:
    torn = b'{"data":{"number":4'
    with filled.path.open("ab") as file:
        file.write(torn)
    assert (check(filled).ok, check(filled).first_bad) == (False, 5)
    assert len(filled.records()) == 4
    record = make().records()[-1]
    assert (record.kind, record.data["bytes"]) == ("torn", len(torn))
    assert (filled.folder / record.data["file"]).read_bytes() == torn
    assert check(filled).ok


def test_a_record_whose_head_was_not_written_is_kept(filled: Journal, make: Make, monkeypatch: Any) -> None:
    head = filled.head_path.read_bytes()
    filled.append("step", {"number": 4})
    filled.head_path.write_bytes(head)
    assert check(filled).ok and check(filled).notes
    again = make()
    assert check(again) == VerifyResult(True, 5, head_hash=again.records()[-1].hash)


class _Killed(BaseException):
    """The test's child has reached its end."""


def _append_until_killed(make: Make, at: int, half: bool, told: int) -> None:
    """In a child: append records, and die just before the ``at``-th call that touches the disk."""
    calls = 0

    def deadly(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == at:
                if half and name == "write":
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    report = os.write
    for name in ("open", "write", "fsync", "replace", "rename", "fchmod", "ftruncate", "truncate", "link", "unlink"):
        setattr(os, name, deadly(name))
    journal = make()
    for number in range(3):
        journal.append("step", {"number": number})
        report(told, b"%d" % number)
    os._exit(0)


@pytest.mark.parametrize("half", [False, True])
def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path: Path, half: bool) -> None:
    """A controller dies at the worst moment; afterwards the journal must be whole and go on."""
    for at in range(1, 500):
        root = tmp_path / str(at)

        def make(root: Path = root) -> Journal:
            return Journal.open(root / "cases" / "UC-1", root / "keys", root / "heads")

        told, tell = os.pipe()
        if not (child := os.fork()):
            try:
                _append_until_killed(make, at, half, tell)
            finally:
                os._exit(9)
        os.close(tell)
        acknowledged = os.read(told, 100).decode()
        while more := os.read(told, 100).decode():
            acknowledged += more
        os.close(told)
        status = os.waitpid(child, 0)[1]
        journal = make()
        journal.append("after", {})
        assert check(journal).ok, (at, check(journal))
        steps = [str(record.data["number"]) for record in journal.records() if record.kind == "step"]
        assert "".join(steps)[: len(acknowledged)] == acknowledged
        assert len(steps) <= len(acknowledged) + 1
        if status == 0:
            assert at > 20
            return
    pytest.fail("the child never came to its end")


# --- many at once -------------------------------------------------------------------------------------------------


def test_twenty_processes_append_at_once(make: Make) -> None:
    """Two operators and a timer share a case; interleaved halves would break the chain."""
    children = []
    for worker in range(20):
        if not (child := os.fork()):
            try:
                journal = make()
                for number in range(10):
                    journal.append("step", {"worker": worker, "number": number})
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 20
    journal = make()
    assert check(journal).ok
    for worker in range(20):
        mine = [record.data["number"] for record in journal.records() if record.data["worker"] == worker]
        assert mine == list(range(10))


def test_threads_of_one_journal_append_at_once(make: Make) -> None:
    journal = make()
    threads = [threading.Thread(target=lambda: [journal.append("step", {}) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert check(journal) == VerifyResult(True, 160, head_hash=journal.records()[-1].hash)


def test_the_first_key_wins_a_race(tmp_path: Path) -> None:
    """Two keys would make half of the journals unverifiable."""
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda: results.append(signing.fingerprint(signing.signing_key(tmp_path).public_key())))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1
    assert signing.fingerprint(signing.public_key(tmp_path)) == results[0]
    assert (tmp_path / signing.KEY).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [signing.KEY, f"{signing.KEY}.pub"]


def test_an_append_does_not_read_the_journal_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal of a hundred thousand records must take the next one as fast as the first."""
    journal = make()
    journal.append("step", {})
    monkeypatch.setattr(module, "_tail", lambda *_args: pytest.fail("the file was read again"))
    for _ in range(20):
        journal.append("step", {})


def test_the_tail_is_found_behind_a_long_record(make: Make) -> None:
    journal = make()
    journal.append("step", {"text": "x" * 300_000})
    assert make().append("step", {}).seq == 2


# --- disks that are full ------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_leaves_no_half_record(filled: Journal, make: Make) -> None:
    """Half a record accepted as a whole one would be a lie; half a record left behind would stop the next run."""
    before = filled.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(JournalError) as caught:
            filled.append("step", {"text": "x" * 500})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(filled.path) in caught.value.what and caught.value.fix
    assert filled.path.read_bytes() == before
    assert filled.append("step", {}).seq == 5
    assert check(make()).ok


def test_a_record_whose_head_has_no_room_is_taken_back(filled: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_more: object) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = filled.path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_beside", full)
        with pytest.raises(JournalError, match="No space left"):
            filled.append("step", {})
    assert filled.path.read_bytes() == before
    assert filled.append("step", {}).seq == 5
    assert check(filled).ok


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "cases").write_text("a file")
    with pytest.raises(JournalError):
        Journal.open(tmp_path / "cases" / "UC-1", tmp_path / "keys", tmp_path / "heads")


# --- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"bytes", {1: 2}, {1, 2}])
def test_what_is_not_json_is_refused_whole(filled: Journal, value: object) -> None:
    before = filled.path.read_bytes()
    with pytest.raises(JournalError):
        filled.append("step", {"value": value})
    assert filled.path.read_bytes() == before


def test_nesting_and_size_have_an_end(filled: Journal) -> None:
    """A host may answer with ten thousand brackets or with a megabyte of noise."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for data in ({"deep": deep}, {"long": "x" * (module.MAX_RECORD + 1)}):
        with pytest.raises(JournalError):
            filled.append("step", data)
    assert check(filled).ok


def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    for name in (".hidden", "a b", "x" * 65, "a\nb"):
        with pytest.raises(JournalError):
            Journal.open(tmp_path / name, tmp_path / "keys", tmp_path / "heads")


def test_a_journal_that_is_a_symlink_is_not_followed(tmp_path: Path) -> None:
    """A link in the case folder would send records into another file of the operator."""
    (tmp_path / "UC-1").mkdir()
    (tmp_path / "UC-1" / module.NAME).symlink_to(tmp_path / "elsewhere")
    journal = Journal.open(tmp_path / "UC-1", tmp_path / "keys", tmp_path / "heads")
    with pytest.raises(JournalError):
        journal.append("step", {})
    assert not (tmp_path / "elsewhere").exists()


def test_canonical_json_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical({"b": 1, "a": {"d": 1, "c": 2}}) == b'{"a":{"c":2,"d":1},"b":1}'


def test_canonical_json_has_one_spelling_for_each_value(tmp_path: Path) -> None:
    """A record is checked by others: a time, a path, a tuple or DEL must not depend on who writes them."""
    moment = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    value = {"time": moment, "path": tmp_path, "list": (1, [moment]), "text": "\x7fé"}
    assert canonical(value) == (
        f'{{"list":[1,["{clock.format_time(moment)}"]],"path":"{tmp_path}","text":"\\u007f\\u00e9","time":"{clock.format_time(moment)}"}}'
    ).encode("ascii")


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Seen failing with the kind unchecked: the first signature would be an exception in the middle of a run."""
    other = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / signing.KEY).write_bytes(other.private_bytes(*form))
    with pytest.raises(JournalError, match="not an Ed25519 key"):
        signing.signing_key(tmp_path)
    public = other.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / f"{signing.KEY}.pub").write_bytes(public)
    with pytest.raises(Tampered, match="not an Ed25519 key"):
        signing.public_key(tmp_path)


def test_a_key_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(Tampered, match="can't be read"):
        signing.public_key(tmp_path)
    (tmp_path / signing.KEY).write_text("no key")
    with pytest.raises(JournalError, match="can't be used"):
        signing.signing_key(tmp_path)


def test_the_public_half_is_made_again_and_never_replaced(tmp_path: Path) -> None:
    """Its place is documented; what was given out by telephone must not change under anybody's hand."""
    key = signing.signing_key(tmp_path)
    public = tmp_path / "journal_ed25519.pub"
    assert public.stat().st_mode & 0o777 == 0o644
    public.unlink()
    assert signing.public_pem(signing.signing_key(tmp_path).public_key()) == signing.public_pem(key.public_key())
    assert public.read_bytes() == signing.public_pem(key.public_key())
    public.write_text("of somebody else")
    signing.signing_key(tmp_path)
    assert public.read_text() == "of somebody else"


def test_a_key_that_another_process_made_first_is_the_key(tmp_path: Path) -> None:
    key = signing.signing_key(tmp_path).public_key()
    signing._make_key(tmp_path / signing.KEY)
    assert signing.public_pem(signing.signing_key(tmp_path).public_key()) == signing.public_pem(key)
    # By its file or by its folder; its fingerprint is the one that openssl and sha256sum give.
    named = signing.public_key(tmp_path / f"{signing.KEY}.pub")
    der = named.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert signing.fingerprint(key) == hashlib.sha256(der).hexdigest()


def test_the_record_is_on_disk_before_the_head_names_it(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head on disk without its record reads as tampering. Seen failing with each of the four syncs left out."""
    synced: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").resolve().name.partition(".json")[0])
        real(fd)

    journal = make()
    monkeypatch.setattr(os, "fsync", fsync)
    journal.append("step", {})
    names = [name if name in ("journal", "heads", journal.case) else "spare" for name in synced]
    assert names == ["journal", journal.case, "spare", "heads"]


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


def test_a_first_record_that_was_torn_is_set_aside(make: Make) -> None:
    journal = make()
    journal.path.write_bytes(b'{"data":' + b"x" * 40_000)
    assert make().records()[0].kind == "torn"
    assert check(journal).ok


def test_a_lock_that_cannot_be_opened_is_said(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = make()

    def refuses() -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(journal._lock, "acquire", refuses)
    with pytest.raises(JournalError, match="Read-only"):
        journal.append("step", {})


def test_reading_names_a_record_that_cannot_be_read(filled: Journal) -> None:
    filled.path.write_bytes(filled.path.read_bytes().replace(b'"number":1', b'"number":7'))
    with pytest.raises(Tampered, match="Record 2 of"):
        read_records(filled.folder)


def test_every_folder_of_the_state_is_private(tmp_path: Path) -> None:
    """The state folder itself, too. Seen failing: `mkdir -p` gives its mode to the last folder alone."""
    state = tmp_path / "state" / "ungcuu"
    with locks.hold(Settings(state, tmp_path, "lan"), ("web01",), "backup", ""):
        Journal.open(state / "operations", state / "keys", state / "heads")
    folders = [path for path in (tmp_path / "state").rglob("*") if path.is_dir()]
    assert [str(path) for path in folders if path.stat().st_mode & 0o077] == []
