"""The journal under attack: every byte, every order, every moment at which a process can die."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from journal_made import Make, check, filled, make

from ungcuu.case import journal as module
from ungcuu.case.journal import Journal, read_records
from ungcuu.case.journal_check import VerifyResult
from ungcuu.core import clock, signing
from ungcuu.core.errors import JournalError, Tampered
from ungcuu.core.settings import Settings
from ungcuu.core.signing import canonical
from ungcuu.run import locks

__all__ = ["filled", "make"]


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


def test_a_full_disk_is_reported_and_leaves_no_half_record(filled: Journal, make: Make) -> None:
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


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
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
