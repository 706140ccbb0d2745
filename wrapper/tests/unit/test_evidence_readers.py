"""Reading evidence for timeline and scope: every byte of it was chosen by an attacker."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ungcuu.case.evidence.extent import request, scope
from ungcuu.case.evidence.readers import LINE_MOST, FileRow, archive_lines, file_rows, journal_entries

SINCE = datetime(2026, 11, 20, tzinfo=UTC)


def pack(folder: Path, *names: str, form: str = "posix") -> Path:
    """Make an archive the way items are made."""
    path = folder / "a.tar"
    options = [
        "--create",
        f"--format={form}",
        "--sparse",
        "--absolute-names",
        "--file",
        str(path),
        "--directory",
        str(folder),
    ]
    subprocess.run(["tar", *options, "--", *names], check=True)
    return path


def test_lines_of_an_archive(tmp_path: Path) -> None:
    """Long names, names with any byte, packed rotations and several pieces in one gz file."""
    long = "d" * 90 + "/" + "e" * 120
    odd = os.fsdecode(b"a\xff\x1b\n.log")
    for name in (long, odd):
        (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / long).write_bytes(b"one\ntwo")
    (tmp_path / odd).write_bytes(b"three\n")
    (tmp_path / "old.log.1.gz").write_bytes(gzip.compress(b"four\nfi") + gzip.compress(b"ve\n"))
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("/etc/passwd")
    found = list(archive_lines(pack(tmp_path, long, odd, "old.log.1.gz", "empty", "link")))
    assert found == [
        (long, b"one"),
        (long, b"two"),
        (odd, b"three"),
        ("old.log.1.gz", b"four"),
        ("old.log.1.gz", b"five"),
    ]


def test_a_bomb_and_an_endless_line_take_no_memory(tmp_path: Path) -> None:
    """200 MB of zeros in 200 KB: nothing may be held whole."""
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"\0" * (200 << 20), 9))
    (tmp_path / "y.log").write_bytes(b"z" * (8 << 20) + b"\nlast\n")
    archive = pack(tmp_path, "x.gz", "y.log")
    tracemalloc.start()
    found = [(name, len(line)) for name, line in archive_lines(archive)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [("x.gz", LINE_MOST), ("y.log", LINE_MOST), ("y.log", 4)]
    assert peak < 16 << 20


def test_damage_ends_the_reading_and_nothing_else(tmp_path: Path) -> None:
    """Any byte may be wrong: no exception, no hang, no memory."""
    (tmp_path / "a.log").write_bytes(b"line\n" * 3000)
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"line\n" * 3000))
    whole = pack(tmp_path, "a.log", "b.gz").read_bytes()
    rng = random.Random(7)  # noqa: S311  (the same damage each time)
    broken = tmp_path / "broken"
    for _ in range(300):
        data = bytearray(whole[: rng.randint(0, len(whole))])
        for _ in range(rng.randint(0, 30)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        broken.write_bytes(data)
        assert sum(len(line) for _name, line in archive_lines(broken)) < 1 << 20
        list(file_rows(broken))
        list(journal_entries(broken))


def test_a_claimed_size_is_not_believed(tmp_path: Path) -> None:
    """A header that claims 8 GiB, a journal field that claims 2^63 bytes."""
    (tmp_path / "a.log").write_bytes(b"x\n")
    data = bytearray(pack(tmp_path, "a.log", form="gnu").read_bytes())
    data[124:136] = b"77777777777\0"
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 256 + sum(data[156:512]))
    (tmp_path / "b").write_bytes(data)
    assert next(iter(archive_lines(tmp_path / "b"))) == ("a.log", b"x")
    (tmp_path / "c").write_bytes(b"A=1\nMESSAGE\n" + b"\xff" * 7 + b"\x7f" + b"text")
    assert list(journal_entries(tmp_path / "c")) == [{"A": b"1", "MESSAGE": b"text"}]


def test_a_list_of_files_as_find_writes_it(tmp_path: Path) -> None:
    """Tabs and line feeds in names must not shift the columns."""
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "a\tb\n").write_text("x")
    (folder / "l").symlink_to("to\there")
    out = tmp_path / "rows"
    form = r"%y\t%m\t%U\t%G\t%s\t%i\t%n\t%A@\t%T@\t%C@\t%B@\t%p\0%l\0"
    with out.open("wb") as file:
        subprocess.run(["find", str(folder), "-printf", form], stdout=file, check=True)
    rows = {row.path: row for row in file_rows(out)}
    assert rows.keys() == {str(folder), str(folder / "a\tb\n"), str(folder / "l")}
    assert rows[str(folder / "l")].target == "to\there"
    assert rows[str(folder / "a\tb\n")].modified == pytest.approx((folder / "a\tb\n").stat().st_mtime)
    assert rows[str(folder)].mode == folder.stat().st_mode & 0o7777


def test_journal_entries_with_binary_fields(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b"A=1\nMESSAGE\n" + (5).to_bytes(8, "little") + b"a\nb=c\nB=2\n\n\nA=3\n")
    assert list(journal_entries(path)) == [{"A": b"1", "MESSAGE": b"a\nb=c", "B": b"2"}, {"A": b"3"}]


LOG = [
    b'192.0.2.9 - - [21/Nov/2026:08:00:00 +0700] "POST /up/x.php?c=id HTTP/1.1" 200 120 "-" "curl"',
    b'192.0.2.9 - - [21/Nov/2026:08:01:00 +0700] "GET /backup.sql HTTP/1.1" 200 5000000 "-" "curl"',
    b'192.0.2.9 - - [19/Nov/2026:08:01:00 +0700] "GET / HTTP/1.1" 200 100 "-" "curl"',
    b'192.0.2.7 - - [21/Nov/2026:09:00:00 +0700] "GET /index.php HTTP/1.1" 200 100 "-" "Mozilla"',
    b'192.0.2.7 - - [21/Nov/2026:09:00:00 +0700] "GET /photo.jpg HTTP/1.1" 200 9000000 "-" "Mozilla"',
    b'2001:db8::5 - - [21/Nov/2026:10:00:00 +0700] "GET /up/%78.php/\x1b[2J HTTP/1.1" 403 - "-" "-"',
    b"not a log line",
    b'999.1.1.1 - - [21/Nov/2026:10:00:00 +0700] "GET / HTTP/1.1" 200 1 "-" "-"',
]


def entry(who: bytes, message: bytes, day: int) -> dict[str, bytes]:
    stamp = int(datetime(2026, 11, day, tzinfo=UTC).timestamp() * 1e6)
    return {"SYSLOG_IDENTIFIER": who, "MESSAGE": message, "__REALTIME_TIMESTAMP": str(stamp).encode()}


def test_scope() -> None:
    """One table of what an investigator asks first; all of it traced back to evidence."""
    entries = [
        entry(b"sshd", b"Accepted publickey for root from 192.0.2.9 port 5 ssh2: ED25519", 22),
        entry(b"sshd", b"Accepted password for old from 192.0.2.9 port 5 ssh2", 19),
        entry(b"sudo", b"   portal : TTY=x ; PWD=/ ; USER=root ; COMMAND=/bin/sh", 22),
        entry(b"useradd", b"new user: name=ad\x1bmin2, UID=0", 22),
        entry(b"evil", b"Accepted publickey for forged from 192.0.2.9 port 5", 22),
    ]
    day = SINCE.timestamp() + 3600
    old = SINCE.timestamp() - 3600
    files = [
        FileRow("f", 0o644, 0, 0, 1, 1, day, old, day, None, "/w/up/x.php", ""),
        FileRow("f", 0o644, 0, 0, 1, 2, day, old, old, None, "/w/read.php", ""),
        FileRow("f", 0o644, 0, 0, 1, 3, old, old, old, None, "/w/still.php", ""),
    ]
    found = scope(SINCE, ["/up/x.php"], lambda: filter(None, map(request, LOG)), entries, files)
    assert [(row.address, row.requests, row.sent) for row in found.addresses] == [
        ("192.0.2.9", 3, 5000220),
        ("2001:db8::5", 1, 0),
    ]
    assert {row.account: row.acts for row in found.accounts} == {
        "root": ("login", "login from a suspicious address"),
        "portal": ("sudo as root",),
        "ad\\x1bmin2": ("changed by useradd",),
    }
    assert (found.changed, found.changed_count) == (("/w/up/x.php",), 1)
    assert (found.read, found.read_count) == (("/w/read.php",), 1)
    assert found.left_bytes == 5000120
    assert [row.path for row in found.responses] == ["/backup.sql"]
    assert "\x1b" not in repr(found)
    assert found.limits
