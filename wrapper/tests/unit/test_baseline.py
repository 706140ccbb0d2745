"""What a host says is checked field by field; what the controller signed is believed only with its signature."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ungcuu.core.errors import StepFailed, Tampered
from ungcuu.core.sentences import shown
from ungcuu.detect import baseline, plausible
from ungcuu.detect.baseline import Snapshot, parse, path_bytes
from ungcuu.detect.records import checked
from ungcuu.hosts import deployed_files, remote_program, ssh
from ungcuu.remote.host_state import reading

END = b'{"k":"end","seconds":1.5,"time":1700000000}'


def line(**row: object) -> bytes:
    return json.dumps(row).encode()


def file_row(path: str, **more: object) -> bytes:
    row = {"k": "file", "area": "web", "path": path, "type": "file", "size": 1, "mode": 420, "uid": 0, "gid": 0}
    return line(**row | {"sha256": "a" * 64} | more)


def snapshot(*lines: bytes) -> Snapshot:
    return parse([*lines, END])


def test_a_reading_without_its_end_is_not_complete() -> None:
    """A host that cuts its answer short must not pass for a clean one."""
    assert not parse([file_row("/etc/x")]).complete
    assert parse([file_row("/etc/x"), END]).complete


@pytest.mark.parametrize(
    "bad",
    [
        b"not json",
        b"[" * 100_000,
        b"{}",
        b'{"k":"file"}',
        b'{"k":["file"],"path":"/x"}',
        line(k="file", path=["/etc/x"]),
        line(k="file", path="/etc/\x1b[31mx"),
        line(k="file", path="/etc/\u202egnp.php"),
        line(k="file", path="/x" * 10_000),
        line(k="file", path="/etc/x", mode=True),
        line(k="file", path="/etc/x", area="web"),
        line(k="file", path="/etc/x", size=1 << 80),
        line(k="listener", proto="tcp", address="::", port="22"),
        line(k="group", name="sudo", gid="27", members=[1]),
        line(k="file", path="/etc/x", xattrs={"a": {"b": "c"}}),
    ],
)
def test_a_record_of_another_form_is_a_problem(bad: bytes) -> None:
    """Nothing of a hostile record is repaired or kept; that it was there is reported."""
    found = parse([bad, END])
    assert not found.complete
    assert found.of("file") == {} and found.of("listener") == {} and found.of("group") == {}


def test_unknown_fields_are_dropped() -> None:
    """Only what the schema names reaches the comparison."""
    row = checked(file_row("/etc/x", ansible_host="198.51.100.9", extra={"deep": []}))
    assert row is not None and "extra" not in row and "ansible_host" not in row


def test_records_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless answer ends in a problem, not in an exhausted controller."""
    monkeypatch.setattr(baseline, "RECORD_LIMIT", 10)
    found = parse(line(k="privileged", path=f"/etc/{n}") for n in range(10_000))
    assert len(found.of("privileged")) <= 10 and not found.complete


def test_a_flood_of_files_is_stopped_and_the_rest_is_kept() -> None:
    """More files than is plausible: the host is stopped, the option is named, and what came before is judged.

    Seen failing with the count taken out.
    """
    reading = baseline.Reading(most_files=100)
    reading.push(line(k="account", name="root2", uid="0") + b"\n")
    with pytest.raises(baseline.TooMuchError):
        for number in range(1000):
            reading.push(file_row(f"/etc/{number}") + b"\n")
    found = reading.end()
    assert len(found.of("file")) == 100 and found.of("account")
    assert [str(one["code"]) for one in found.problems] == ["too_many_files"]
    assert "host_state_most_files" in shown(found.problems)


def test_a_host_that_floods_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection ends with the record that is one too many: the scan goes on with what came before."""
    sent = []

    def flood(_target: object, _name: str, _config: object, sink: Any, **_more: object) -> None:
        for number in range(1_000_000):
            sent.append(number)
            sink(file_row(f"/etc/{number}") + b"\n")

    monkeypatch.setattr(remote_program, "stream_program", flood)
    found = baseline.read_host(ssh.Target("web01", "192.0.2.1"), {}, 60, 100)
    assert len(sent) == 101 and len(found.of("file")) == 100 and not found.complete


def test_a_flood_of_bytes_is_stopped() -> None:
    """A few files with records as long as they may be must not fill the controller's disk either."""
    reading = baseline.Reading(most_files=100)
    with pytest.raises(baseline.TooMuchError):
        for number in range(100):
            reading.push(file_row(f"/etc/{number}" + "x" * 4000) + b"\n")
    assert not reading.end().complete


def test_bytes_without_a_line_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros without end are no record: dropped piece by piece, counted, stopped. Seen failing without the count."""
    monkeypatch.setattr(baseline, "OTHER_BYTES", 8 << 20)
    reading = baseline.Reading()
    with pytest.raises(baseline.TooMuchError):
        for _number in range(1000):
            reading.push(b"\0" * (64 << 10))
    assert not reading.end().complete


def test_what_is_plausible_follows_the_baseline() -> None:
    """A small site is stopped early, a large one is read whole, and the inventory has the last word."""
    assert plausible.most_files(0, None) == 500_000
    assert plausible.most_files(0, 3_000) == 103_000
    assert plausible.most_files(0, 300_000) == 600_000
    assert plausible.most_files(2_000_000, 3_000) == 2_000_000


def test_a_reading_comes_in_pieces_of_any_size() -> None:
    """A record that is cut in the middle of a character is one record all the same."""
    data = b"\n".join([file_row("/var/www/Sở Công Thương/x"), file_row("/etc/x"), END]) + b"\n"
    reading = baseline.Reading()
    for start in range(0, len(data), 3):
        reading.push(data[start : start + 3])
    found = reading.end()
    assert found.complete and [key[0] for key in found.of("file")] == ["/etc/x", "/var/www/Sở Công Thương/x"]


def test_a_large_site_takes_flat_memory(tmp_path: Path) -> None:
    """Ten times as many files take no more memory to read, sign, load and compare: neither list is ever held whole.

    Seen failing with the rows in a dictionary: 153 MB more, against 29 MB that the database's cache may take.
    """
    script = (
        "import re, sys\nfrom pathlib import Path\nfrom ungcuu.detect import baseline, files\n"
        "from ungcuu.detect.comparison import Comparison, Policy\n"
        "state, many = Path(sys.argv[1]), int(sys.argv[2])\n"
        "def read():\n"
        "    reading = baseline.Reading()\n"
        "    for n in range(many):\n"
        '        reading.push(b\'{"k":"file","area":"web","path":"/var/www/portal/%07d.php","type":"file","size":1,\'\n'
        '            b\'"mode":420,"uid":0,"gid":0,"mtime":1,"ctime":1,"sha256":"%064d"}\\n\' % (n, n))\n'
        '    reading.push(b\'{"k":"end","seconds":1.5,"time":1700000000}\\n\')\n'
        "    return reading.end()\n"
        "baseline.save(state, 'web01', read())\n"
        "known, now = baseline.load(state, 'web01'), read()\n"
        "assert not baseline.save(state, 'web01', now)\n"
        "assert files.interesting(Comparison(Policy('web01', '/var/www/portal'), known.snapshot, now)) == []\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    peaks = []
    for many in (4_000, 40_000):
        command = [sys.executable, "-c", script, str(tmp_path / str(many)), str(many)]
        peaks.append(int(subprocess.run(command, capture_output=True, check=True, timeout=300).stdout))
    assert peaks[1] - peaks[0] < 40 * 1024


@pytest.mark.parametrize(
    "record",
    [
        b'{"k":"privileged","path":"/%d"}',
        b'{"k":"listener","proto":"t","address":"%d","port":1}',
        b'{"k":"group","name":"%d","gid":"1","members":[' + b",".join([b'"aa"'] * 9000) + b"]}",
        b'{"k":"process","pid":%d}',
        b'{"k":"unread","path":"%d","why":"PermissionError"}',
        b'{"k":"line","x":[' + b'"aa",' * 5_000_000 + b'"%d"]}',
    ],
    ids=["paths", "listeners", "lists", "processes", "problems", "one long line"],
)
def test_memory_is_bounded(tmp_path: Path, record: bytes) -> None:
    """As many bytes as the quota lets in, chosen to weigh most: the controller stays below 512 MB resident."""
    (tmp_path / "record").write_bytes(record)
    script = (
        "import re, sys\nfrom pathlib import Path\n"
        "from ungcuu.detect.baseline import parse\nBYTE_QUOTA = 64 << 20\n"
        "record = Path(sys.argv[1]).read_bytes()\ndata = bytearray()\nn = 0\n"
        "while len(data) < BYTE_QUOTA:\n    data += record.replace(b'%d', b'%d' % n) + b'\\n'; n += 1\n"
        "data = bytes(data[:BYTE_QUOTA])\nassert not parse(data.splitlines()).complete\n"
        # Not ru_maxrss, which begins with the peak of whoever started us.
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "record")], capture_output=True, check=True, timeout=120
    )
    assert int(done.stdout) < 512 * 1024


@pytest.mark.parametrize(
    "raw",
    [
        b"/a/b",
        b"/a b",
        b"/a\\b",
        b"/a\\x41",
        b"/\xff\xfe",
        b"/\x1b]0;x\x07",
        "/Sở Công Thương".encode(),
        "/\u202etxt".encode(),
    ],
)
def test_paths_survive_the_way_as_bytes(raw: bytes) -> None:
    """The path that is moved must be the path that was seen, whatever its bytes; and it is always printable."""
    text = reading.escaped(raw)
    assert text.isprintable()
    assert path_bytes(text) == raw


def sent_program(config: dict[str, Any], more: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the reader as a host runs it: no package of ungcuu is to be found there."""
    text = remote_program.program("host_state", config)
    start = b"sys.exit("
    return subprocess.run(
        [sys.executable, "-I", "-S", "-"],
        input=text.replace(start, more + start),
        capture_output=True,
        check=True,
        timeout=30,
        cwd="/",
    )


def test_program_carries_its_configuration_as_data() -> None:
    """A value of the inventory that looks like code must stay text."""
    config = {
        "contents": ["L2V0Yy9ob3N0bmFtZQ=="],
        "seconds": 5,
        "web_root": "'''\"\"\"\\n;import os;os.abort()#{x}",
        "weird": "\u2028\ud800",
    }
    look = b"from ungcuu.remote.config import CONFIG\nsys.stderr.write('seen ' + str(CONFIG['web_root']))\n"
    assert sent_program(config, look).stderr.decode().endswith("seen " + config["web_root"])


def test_a_program_sees_no_file_of_ours_and_leaves_none() -> None:
    """What is sent is all there is: the host has no ungcuu, and evidence there must not be disturbed."""
    look = (
        b"import ungcuu.remote.host_state.files as part\n"
        b"sys.stderr.write(repr((hasattr(part, '__file__'), part.__spec__.has_location)))\n"
    )
    assert sent_program({"contents": ["L2V0Yy9ob3N0bmFtZQ=="]}, look).stderr == b"(False, False)"


# --- the signed file ----------------------------------------------------------------------------------------------


def test_baseline_comes_back_as_it_was_signed(tmp_path: Path) -> None:
    """What is compared later is what was seen then."""
    assert baseline.save(tmp_path, "web01", snapshot(file_row("/etc/x")))
    loaded = baseline.load(tmp_path, "web01")
    assert loaded is not None and loaded.snapshot.file("/etc/x") is not None
    assert (tmp_path / "hosts/web01/baseline.json").stat().st_mode & 0o777 == 0o600


def test_the_same_state_is_not_signed_again(tmp_path: Path) -> None:
    """A second run on an unchanged host reports no change."""
    baseline.save(tmp_path, "web01", snapshot(file_row("/etc/x", mtime=1, ctime=1)))
    assert not baseline.save(tmp_path, "web01", snapshot(file_row("/etc/x", mtime=2, ctime=2)))
    assert baseline.save(tmp_path, "web01", snapshot(file_row("/etc/x", sha256="b" * 64)))
    assert len(list((tmp_path / "hosts/web01").glob("baseline-*.json"))) == 1


def test_an_incomplete_reading_is_never_signed(tmp_path: Path) -> None:
    """A baseline with a gap would hide in it whatever the intruder puts there later."""
    with pytest.raises(StepFailed):
        baseline.save(tmp_path, "web01", parse([file_row("/etc/x")]))
    assert baseline.load(tmp_path, "web01") is None


@pytest.mark.parametrize(
    "attack", ["content", "files", "no files", "signature", "no signature", "other host", "other key"]
)
def test_a_tampered_baseline_is_refused(tmp_path: Path, attack: str) -> None:
    """Whoever can edit the baseline could bless a web shell."""
    baseline.save(tmp_path, "web01", snapshot(file_row("/etc/x")))
    path, host = tmp_path / "hosts/web01/baseline.json", "web01"
    (listed,) = path.parent.glob("files-*.jsonl")
    if attack == "content":
        path.write_bytes(path.read_bytes().replace(b'"reader":3', b'"reader":1'))
    elif attack == "files":
        listed.write_bytes(listed.read_bytes().replace(b"a" * 64, b"b" * 64))
    elif attack == "no files":
        listed.unlink()
    elif attack == "signature":
        path.with_suffix(".sig").write_text("00" * 64)
    elif attack == "no signature":
        path.with_suffix(".sig").unlink()
    elif attack == "other host":
        path.parent.rename(tmp_path / "hosts/web02")
        host = "web02"
    else:
        for key in (tmp_path / "keys").iterdir():
            key.unlink()
        baseline.save(tmp_path, "web03", snapshot(file_row("/etc/x")))
    with pytest.raises(Tampered):
        baseline.load(tmp_path, host)
    with pytest.raises(Tampered):
        baseline.check_signature(tmp_path, [host])


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("killed_again", [False, True])
@pytest.mark.parametrize("writes", range(4))
def test_a_signed_document_outlives_a_kill_at_every_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int, killed_again: bool
) -> None:
    """A run that was killed while it signed left "does not match its signature": an intruder's mark, and no baseline.

    Seen failing (Tampered) with the new signature written over the old one before the document.
    """
    path, keys, real = tmp_path / "hosts/web01/quarantine.json", tmp_path / "keys", baseline.put

    def document(number: int) -> dict[str, object]:
        return {"format": baseline.FORMAT, "host": "web01", "items": [number]}

    def sign(number: int, most: int) -> None:
        done: list[Path] = []

        def put(file: Path, data: bytes | str) -> None:
            if len(done) == most:
                raise Killed
            done.append(file)
            real(file, data)

        monkeypatch.setattr(baseline, "put", put)
        with contextlib.suppress(Killed):
            baseline.sign(path, document(number), keys)

    path.parent.mkdir(parents=True)
    sign(1, 99)
    sign(2, writes)
    if killed_again:
        sign(3, 1)
    assert baseline.verified(path, keys, "web01") == document(2 if writes >= 2 else 1)
    sign(4, 99)
    assert baseline.verified(path, keys, "web01") == document(4)
    assert len(path.with_suffix(".sig").read_text().split()) == 1


def test_a_baseline_of_the_earlier_form_is_read(tmp_path: Path) -> None:
    """Its files stand in the signed document itself: nobody has to take a new baseline for an update of ungcuu."""
    known = snapshot(file_row("/etc/x"))
    rows = {kind: list(of.values()) for kind, of in known.rows.items()}
    document = {"format": 1, "host": "web01", "taken": "2026-01-01T00:00:00.000Z", "reader": 3, "rows": rows}
    baseline.sign(baseline.host_folder(tmp_path, "web01") / "baseline.json", document, tmp_path / "keys")
    baseline.check_signature(tmp_path, ["web01"])
    found = baseline.load(tmp_path, "web01")
    assert found is not None and found.snapshot.file("/etc/x") == known.file("/etc/x")
    assert not baseline.save(tmp_path, "web01", known)


def test_our_own_files_are_known_by_content(tmp_path: Path) -> None:
    """Only the very content that was sent is excused: a name alone excuses nothing."""
    deployed_files.remember(tmp_path, "web01", {"/etc/ungcuu/isolation.nft": "table", "/etc/b": "x"})
    deployed_files.remember(tmp_path, "web01", {"/etc/b": None})
    known = deployed_files.load(tmp_path, "web01")
    assert list(known) == ["/etc/ungcuu/isolation.nft"]
    (tmp_path / "hosts/web01/expected.json").write_text("[]")
    assert deployed_files.load(tmp_path, "web01") == {}


def test_reader_runs_in_isolated_mode() -> None:
    """The reader imports nothing but the standard library, and ends with its end mark."""
    config: dict[str, Any] = {"contents": ["L2V0Yy9ob3N0bmFtZQ=="], "seconds": 10}
    found = parse(sent_program(config).stdout.splitlines())
    assert found.ended and list(found.contents) == ["/etc/hostname"]


def test_a_slow_host_is_given_more_time_for_each_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded host's list of units took more than 20 s: no baseline was possible, whatever time the site allowed."""
    given: list[tuple[float, str]] = []

    def run(
        *_words: object, timeout: float, env: dict[str, str], **_more: object
    ) -> subprocess.CompletedProcess[bytes]:
        given.append((timeout, env["SYSTEMD_BUS_TIMEOUT"]))
        return subprocess.CompletedProcess([], 0, b"", b"")

    monkeypatch.setattr(reading.subprocess, "run", run)
    for seconds in (60, 900):
        monkeypatch.setitem(reading.CONFIG, "seconds", seconds)
        reading.run("systemctl")
    assert given == [(20, "20"), (100, "100")]
