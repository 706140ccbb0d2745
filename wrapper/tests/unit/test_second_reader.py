"""Two accounts of one host: what differs is found, what changed meanwhile is not, and silence is no agreement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ungcuu.detect import second_reader
from ungcuu.detect.baseline import Snapshot
from ungcuu.detect.second_reader import Account, Scope, area, differences, parse
from ungcuu.hosts import ssh

SUM = "a" * 64
CONFIG = {"web_root": "/var/www/portal", "web_writable": ["up"], "trees": ["/etc"], "exclude": ["/etc/mtab"]}
TARGET = ssh.Target("web01", "192.0.2.1")


def row(path: str, **more: object) -> dict[str, Any]:
    area = more.pop("area", "system")
    return {
        "path": path,
        "area": area,
        "type": "file",
        "mode": 0o644,
        "uid": 0,
        "gid": 0,
        "size": 3,
        "sha256": SUM,
        **more,
    }


def snapshot(*rows: dict[str, Any]) -> Snapshot:
    known = Snapshot(ended=True, clock=1000)
    known.rows["file"] = {(item["path"],): item for item in rows}
    known.rows["account"] = {("root",): {"name": "root", "home": "/root"}}
    return known


def entry(path: str, mode: str = "644", ctime: int = 100, kind: str = "f") -> bytes:
    return f"L{kind} {mode} 0 0 3 {ctime}.5000000000 {path}\0".encode()


def said(*records: bytes, sums: Sequence[tuple[str, str]] = ()) -> bytes:
    told = b"".join(f"{digest}  {path}\0".encode() for path, digest in sums)
    return b"N2000\0W/var/www/portal\0U/var/www/portal/up\0" + b"".join(records) + told + b"E\0"


def compared(monkeypatch: pytest.MonkeyPatch, known: Snapshot, *answers: bytes, again: Snapshot | None = None) -> Any:
    """Compare with these answers of the second reader, one a question."""
    left = list(answers)

    def stream(_target: object, _command: object, sink: Any, **_more: object) -> ssh.Streamed:
        answer = left.pop(0)
        for start in range(0, len(answer), 7):  # records come in pieces
            sink(answer[start : start + 7])
        return ssh.Streamed(ssh.Ending.EXITED, 0, len(answer), "", b"", 0.1)

    monkeypatch.setattr(ssh, "stream", stream)
    return second_reader.compare(TARGET, CONFIG, known, lambda _wanted: again or Snapshot(ended=True), 10.0)


def paths(verdict: Any) -> list[str]:
    return [gap.path for gap in verdict.disagreements]


def test_two_honest_readers_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = compared(monkeypatch, snapshot(row("/etc/a")), said(entry("/etc/a"), sums=[("/etc/a", SUM)]))
    assert (verdict.disagreements, verdict.why) == ([], "")


def test_a_file_that_was_left_out_is_reported_without_a_second_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who filters only the long answer would answer truly when asked about one file.

    Seen failing with the look at the ctime taken out.
    """
    answer = said(entry("/etc/a"), entry("/etc/cron.d/zz"), sums=[("/etc/a", SUM)])
    verdict = compared(monkeypatch, snapshot(row("/etc/a")), answer, again=snapshot(row("/etc/cron.d/zz")))
    assert paths(verdict) == ["/etc/cron.d/zz"]


def test_a_file_that_came_meanwhile_is_read_and_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A live host changes while it is read: no alarm, and nothing that came meanwhile gets past the judges."""
    known = snapshot(row("/etc/a"))
    answer = said(entry("/etc/a"), entry("/etc/cron.d/new", ctime=1999), sums=[("/etc/a", SUM)])
    verdict = compared(monkeypatch, known, answer, answer, again=snapshot(row("/etc/cron.d/new")))
    assert paths(verdict) == []
    assert known.file("/etc/cron.d/new")


@pytest.mark.parametrize(
    "answer",
    [
        said(entry("/etc/a"), sums=[("/etc/a", "b" * 64)]),
        said(entry("/etc/a", mode="4755"), sums=[("/etc/a", SUM)]),
        said(entry("/etc/b"), sums=[("/etc/a", SUM)]),
    ],
    ids=["content", "rights", "absent"],
)
def test_what_differs_twice_is_reported(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    verdict = compared(monkeypatch, snapshot(row("/etc/a")), answer, answer, again=snapshot(row("/etc/a")))
    assert "/etc/a" in paths(verdict)


@pytest.mark.parametrize("answer", [b"", b"E\0", said(entry("/etc/a")), said(entry("/etc/a"))[:-2]])
def test_silence_is_no_agreement(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    """Nothing, no sums, or no end: each is reported. Seen failing without the count of the sums."""
    assert compared(monkeypatch, snapshot(row("/etc/a")), answer, answer).why


def test_a_first_reading_that_was_cut_short_is_no_lie() -> None:
    """It says so itself; thousands of files that it did not reach are no disagreement."""
    known = snapshot(row("/etc/a"))
    known.problems.append("limit: trees")
    account = parse(said(entry("/etc/a"), entry("/etc/b")))
    assert differences(known, account, Scope.of(CONFIG, known)) == {}


@pytest.mark.parametrize(
    ("path", "mode", "wanted"),
    [
        ("/etc/x", 0o644, "system"),
        ("/etc/mtab", 0o644, ""),
        ("/var/www/portal/index.php", 0o644, "web"),
        ("/var/www/portal/up/a.jpg", 0o644, ""),
        ("/var/www/portal/up/a.php", 0o644, "upload"),
        ("/opt/x", 0o4755, "privileged"),
        ("/usr/bin/x", 0o755, "program"),
        ("/root/.ssh/authorized_keys", 0o600, "home"),
        ("/root/.ssh/known_hosts", 0o600, ""),
        ("/var/lib/ungcuu/quarantine/x", 0o4755, ""),
    ],
)
def test_what_the_first_reader_must_have_reported(path: str, mode: int, wanted: str) -> None:
    account = Account(web=b"/var/www/portal", writable=[b"/var/www/portal/up"])
    found = second_reader.Entry("file", mode, 0, 0, 0)
    assert area(path.encode(), found, account, Scope.of(CONFIG, snapshot())) == wanted


def test_any_bytes_can_be_parsed() -> None:
    """A host may answer with NULs alone, or with paths of any bytes."""
    assert not parse(b"\0" * 3_000_000).entries
    found = parse(b"Lf 644 0 0 1 5 /etc/\xff\n\0").entries
    assert len(found) == 1 and found.get(b"/etc/\xff\n") == second_reader.Entry("file", 0o644, 0, 0, 5)


def test_a_host_that_lies_about_everything_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of invented files without end must not fill the memory. Seen failing with the limit taken out."""
    monkeypatch.setattr(second_reader, "MOST", 100)
    answer = said(*(entry(f"/etc/{number:05}") for number in range(1000)))
    assert len(compared(monkeypatch, snapshot(), answer, answer).disagreements) == 100


def test_the_sample_is_drawn_from_all_files() -> None:
    """An intruder who makes files without end must not choose what is summed."""
    known = snapshot(*(row(f"/var/www/portal/{number:04}", area="web", ctime=1000) for number in range(1000)))
    drawn = [second_reader.choose(known, 1000) for _ in range(20)]
    assert all(200 <= len(paths) <= 400 for paths in drawn)
    late = sum(path >= b"/var/www/portal/0500" for paths in drawn for path in paths) / sum(map(len, drawn))
    assert 0.4 < late < 0.6
