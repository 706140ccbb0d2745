"""Properties of what proves: journal, manifests, evidence and the vault's ledger, on examples that Hypothesis makes.

500 examples each in an ordinary run; 10,000 with ``HYPOTHESIS_PROFILE=nightly``, as ``./check nightly`` sets it.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from property_data import TEXTS, line, rows, trees

from ungcuu.case.evidence import readers
from ungcuu.case.evidence.store import Store
from ungcuu.case.integrity import manifest_rows
from ungcuu.case.journal import NAME, Journal, read_head
from ungcuu.case.journal_check import verify
from ungcuu.core.errors import JournalError

VAULT = Path(__file__).parents[3] / "roles/backup_vault/files"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    """A journal of eight records; each example works on its bytes."""
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal.open(folder / "cases" / "UC-1", folder / "keys", folder / "heads")
    for number in range(8):
        journal.append("step", {"number": number, "text": "bước \x1b[2J", "list": [1, None, {"a": 2.5}]})
    return journal


CHANGE = st.one_of(
    st.tuples(st.just("flip"), st.integers(0), st.integers(1, 255)),
    st.tuples(st.just("delete"), st.integers(0), st.integers(1, 400)),
    st.tuples(st.just("cut"), st.integers(0), st.just(0)),
    st.tuples(st.just("swap"), st.integers(0, 7), st.integers(0, 7)),
    st.tuples(st.just("drop"), st.integers(0, 7), st.just(0)),
    st.tuples(st.just("repeat"), st.integers(0, 7), st.integers(0, 7)),
    st.tuples(st.just("insert"), st.integers(0), st.integers(0, 255)),
)


def changed(good: bytes, what: str, at: int, how: int) -> bytes:
    """The bytes of a journal after one change."""
    lines, place = good.splitlines(keepends=True), at % len(good)
    if what == "flip":
        return good[:place] + bytes([good[place] ^ how]) + good[place + 1 :]
    if what == "delete":
        return good[:place] + good[place + how :]
    if what == "cut":
        return good[:place]
    if what == "insert":
        return good[:place] + bytes([how]) + good[place:]
    if what == "swap":
        lines[at], lines[how] = lines[how], lines[at]
    elif what == "drop":
        del lines[at]
    else:
        lines.insert(how, lines[at])
    return b"".join(lines)


@given(st.lists(CHANGE, min_size=1, max_size=3))
def test_every_change_of_a_journal_is_found(written: Journal, changes: list[tuple[str, int, int]]) -> None:
    """Several changes at once may not hide one another."""
    good = written.path.read_bytes()
    bad = good
    for what, at, how in changes:
        assume(bad.count(b"\n") == 8 or what not in ("swap", "drop", "repeat"))
        assume(bad)
        bad = changed(bad, what, at, how)
    assume(bad != good)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "UC-1")
        folder.mkdir()
        (folder / NAME).write_bytes(bad)
        assert not verify(folder, written.public, read_head(written.head_path)).ok
        assert verify(written.folder, written.public, written.head_path).ok


@given(trees(st.text(max_size=10)))
def test_a_record_is_refused_or_comes_back_as_it_was(written: Journal, data: Any) -> None:
    """Half a record, or one that says something else than what was given, is worse than an error."""
    from ungcuu.case.record import seal, unseal
    from ungcuu.core.clock import now

    body = {"data": {"x": data}, "kind": "k", "prev": "0" * 64, "seq": 1, "time": now()}
    try:
        text, record = seal(body, written._key)
    except JournalError:
        return
    assert all(0x20 <= byte < 0x7F for byte in text[:-1])
    read, problem = unseal(text, written.public)
    assert read == record, problem
    assert json.dumps(read.data["x"], sort_keys=True) == json.dumps(data, sort_keys=True)


# --- manifests ------------------------------------------------------------------------------------------------------

ITEM = rows(
    {
        "record": st.sampled_from(["item", "custody"]),
        "outcome": st.just("SUCCESS"),
        "sha256": st.just("a" * 64),
        "profile": TEXTS,
        "id": TEXTS,
        "size": st.integers(),
    }
)
LINES = st.lists(ITEM.map(line) | st.binary(max_size=40), max_size=6).map(b"\n".join)


@given(LINES)
def test_a_manifest_is_read_whatever_stands_in_it(data: bytes) -> None:
    """A damaged list must neither end a collection nor stand for evidence that is not there."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "manifest-web01.jsonl").write_bytes(data)
        assert all(len(name) == 64 for name in manifest_rows(Path(place) / "manifest-web01.jsonl"))
        store = Store(Path(place), "web01")
        try:
            assert all(item.outcome == "SUCCESS" for item in store.taken().values())
            store.not_handed_over()
        finally:
            store.close()


# --- evidence -------------------------------------------------------------------------------------------------------

FIELD = st.sampled_from(
    [b"f", b"0644", b"0", b"-1", b"1e999", b"nan", b"-inf", b"1.5", b"9" * 400, b"/var/www/x", b"-", b"", b"\xff"]
)
NUMBER = st.sampled_from([b"0", b"7", b"0644"])
FILE_ROW = st.tuples(FIELD, *[NUMBER] * 6, *[FIELD] * 4, FIELD).map(b"\t".join)


@given(st.lists(FILE_ROW | st.binary(max_size=30), max_size=6).map(b"\0".join))
def test_a_list_of_files_is_read_or_left_out(data: bytes) -> None:
    """Times are put into order and shown as dates: seen failing, a host's `inf` and `nan` went through."""
    for row in read(readers.file_rows, data):
        for moment in (row.accessed, row.modified, row.changed, row.born or 0.0):
            assert math.isfinite(moment) and abs(moment) < 1e11


@given(st.binary(max_size=300) | st.lists(st.binary(max_size=9), max_size=9).map(b"\n".join))
def test_evidence_of_any_bytes_is_read_to_its_end(data: bytes) -> None:
    read(readers.hash_rows, data)
    read(readers.journal_entries, data)
    read(readers.archive_lines, data)


MEMBERS = st.lists(st.tuples(TEXTS, st.binary(max_size=60), st.booleans()), max_size=4)


@given(MEMBERS, st.integers(0), st.integers(0, 255))
def test_an_archive_of_logs_with_a_changed_byte_is_read_to_its_end(
    members: list[tuple[str, bytes, bool]], at: int, how: int
) -> None:
    """Archives stay opaque: names are shown and never written to."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content, packed in members:
            body = gzip.compress(content) if packed else content
            plain = name.encode("utf-8", "replace").decode().replace("\0", "") or "x"
            entry = tarfile.TarInfo(plain + ".gz" * packed)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    data = bytearray(out.getvalue())
    data[at % len(data)] ^= how
    read(readers.archive_lines, bytes(data))


def read(reader: Any, data: bytes) -> list[Any]:
    """What a reader of files yields for these bytes; it must end, and raise nothing."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return list(reader(Path(file.name)))


# --- the vault's ledger ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vault() -> Iterator[Any]:
    """The vault's own modules."""
    sys.path.insert(0, str(VAULT))
    from ungcuu_vault import common, site

    yield site, common
    sys.path.remove(str(VAULT))
    for name in [name for name in sys.modules if name.startswith("ungcuu_vault")]:
        del sys.modules[name]


LEDGER = st.lists(rows({"id": TEXTS, "time": TEXTS}), max_size=3) | trees()


@given(LEDGER.map(lambda tree: json.dumps(tree).encode()) | st.binary(max_size=60))
def test_a_ledger_is_a_list_of_points_or_refused(vault: Any, data: bytes) -> None:
    """A damaged ledger must not read as a vault without points: seen failing, any JSON was taken."""
    site, common = vault
    with tempfile.TemporaryDirectory() as place:
        one = object.__new__(type("One", (site.Site,), {"store": Path(place)}))
        (Path(place) / "ledger.json").write_bytes(data)
        try:
            points = site.Site.ledger(one)
        except common.VaultError:
            return
        assert isinstance(points, list)
        assert all(isinstance(point, dict) and "id" in point for point in points)
