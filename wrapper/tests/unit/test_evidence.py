"""Profiles, the protocol between host and controller, and the folder that keeps what came."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ungcuu.case.evidence import Item, Outcome, ProfileError, Request, Spec, Store, collect, load_profile, script
from ungcuu.case.evidence.frames import Broken, OverLimit, Splitter, Trailer
from ungcuu.case.evidence.profile import parse_size
from ungcuu.core.phrases import Reason, phrase
from ungcuu.core.sentences import shown
from ungcuu.hosts import ssh

PROFILES = Path(__file__).parents[3] / "roles" / "evidence" / "profiles"
TARGET = ssh.Target("web01", "192.0.2.1")


def spec(name: str, how: str, limit_bytes: int = 1 << 20, seconds: float = 10, accept: tuple[int, ...] = (0,)) -> Spec:
    return Spec("test", name, "a test", "to test", how, "raw", limit_bytes, seconds, accept)


@pytest.fixture
def local_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the real program run in a real shell on this machine, with ssh left out."""

    def command(target: ssh.Target, argv: Any, control_path: Path | None = None) -> list[str]:
        return ["sh", "-c", "shift 2; exec sh -s bare", "sh", *argv]

    monkeypatch.setattr(ssh, "ssh_command", command)
    start = subprocess.Popen

    def without_log(argv: list[str], **options: Any) -> subprocess.Popen[bytes]:
        return start([argv[0], *argv[3:]] if argv[1:2] == ["-E"] else argv, **options)

    monkeypatch.setattr(ssh.subprocess, "Popen", without_log)


def take(folder: Path, *specs: Spec, **more: Any) -> dict[str, Item]:
    found = collect(Request(TARGET, specs, folder, "tester", keep_free=0, **more))
    return {item.id: item for item in found.items}


# --- profiles ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["volatile", "triage", "full"])
def test_each_profile_is_whole(name: str) -> None:
    """An item without a reason or a limit is one that nobody can defend in court, or stop."""
    specs = load_profile(PROFILES, name, {"processes": ["1"], "disks": ["/dev/vda"]})
    assert specs
    assert all(entry.what and entry.why and entry.how and entry.limit_bytes and entry.limit_seconds for entry in specs)


@pytest.mark.parametrize("name", ["volatile", "triage", "full"])
def test_each_command_is_plain_shell(name: str) -> None:
    """A syntax error would show only on the host, in the middle of an incident."""
    for entry in load_profile(PROFILES, name, {"processes": ["1"], "disks": ["/dev/vda"]}):
        done = subprocess.run(
            ["sh", "-n"], input=(script._HELPERS + entry.how).encode(), capture_output=True, check=False
        )
        assert done.returncode == 0, f"{entry.id}: {done.stderr.decode()}"


@pytest.fixture
def device(tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    """A real block device whose size is no multiple of a large block, and what is on it."""
    content = os.urandom(5 << 20) + b"end".ljust(512, b".")
    (tmp_path / "disk").write_bytes(content)
    made = subprocess.run(
        ["losetup", "--find", "--show", tmp_path / "disk"], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no block device can be made here: {made.stderr.strip()}")
    yield made.stdout.strip(), content
    subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)


def test_an_image_has_the_hash_of_the_disk(local_host: None, device: tuple[str, bytes], tmp_path: Path) -> None:
    """Whoever hashes the seized disk must come to the same: zeros added at the end would make the image worthless."""
    name, content = device
    places = {"processes": [], "disks": [name, str(tmp_path / "disk")]}
    specs = [entry for entry in load_profile(PROFILES, "full", places) if entry.id.startswith("disk")]
    image, refused = collect(Request(TARGET, specs, tmp_path / "case", "tester", keep_free=0)).items
    assert (image.outcome, image.size) == (Outcome.SUCCESS, len(content))
    assert image.sha256 == hashlib.sha256(content).hexdigest()
    assert refused.outcome is Outcome.MISSING and "not a block device" in shown(refused.reason)


def test_ids_are_unique_over_all_profiles() -> None:
    """The journal and the timeline know an item by its id alone."""
    ids = [entry.id for name in ("volatile", "triage", "full") for entry in load_profile(PROFILES, name)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    "change",
    [
        {"bytes": "16"},
        {"why": None},
        {"command": "true", "files": ["/etc"]},
        {"form": "zip"},
        {"id": "../x"},
        {"more": 1},
    ],
)
def test_a_wrong_item_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """A profile is edited by hand; a slip must be named before anything is asked of a host."""
    item = {"id": "one", "what": "w", "why": "y", "form": "text", "bytes": "1 MiB", "seconds": 1, "command": "true"}
    changed = {key: value for key, value in (item | change).items() if value is not None}
    (tmp_path / "mine.yml").write_text(yaml.safe_dump({"items": [changed]}))
    with pytest.raises(ProfileError):
        load_profile(tmp_path, "mine")


def test_a_profile_name_is_not_a_path(tmp_path: Path) -> None:
    with pytest.raises(ProfileError):
        load_profile(tmp_path, "../volatile")


def test_an_operators_value_is_an_argument_not_shell(tmp_path: Path, local_host: None) -> None:
    """A process id or device typed by a tired person must not run as a command."""
    item = {"id": "each_one", "what": "w", "why": "y", "form": "raw", "bytes": "1 MiB", "seconds": 5, "each": "disks"}
    (tmp_path / "mine.yml").write_text(yaml.safe_dump({"items": [item | {"command": 'printf %s "$ITEM"'}]}))
    hostile = "$(touch pwned)'; touch pwned #"
    specs = load_profile(tmp_path, "mine", {"disks": [hostile]})
    taken = take(tmp_path / "evidence", *specs)["each_one_1"]
    assert (tmp_path / "evidence" / taken.sha256).read_text() == hostile


def test_sizes() -> None:
    assert parse_size("16 MiB") == 16 << 20


# --- the stream -------------------------------------------------------------------------------------------------


def split(stream: bytes, cuts: list[int], limit: int = 1 << 30) -> list[tuple[bytes, Trailer]]:
    found: list[tuple[bytes, Trailer]] = []
    body = bytearray()

    def finish(trailer: Trailer) -> None:
        found.append((bytes(body), trailer))
        body.clear()

    splitter = Splitter("MARK", lambda: limit, body.extend, finish)
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        splitter.feed(stream[start:end])
    return found


def test_items_survive_every_way_the_stream_is_cut() -> None:
    """Network pieces end anywhere, also in the middle of a marker; not a byte may be lost or added."""
    bodies = [b"", b"\n", b"\nMAR", b"x" * 50, b"\n\nMAR\nMARK \n", b"MARK\n", b"a\nMARK.", b"\0" * 9]
    stream = b"".join(body + b"\nMARK\ncomplaint\nrc %d\nMARK.\n" % index for index, body in enumerate(bodies))
    expected = [(body, Trailer(index, "complaint")) for index, body in enumerate(bodies)]
    assert split(stream, []) == expected
    assert split(stream, list(range(1, len(stream)))) == expected
    rng = random.Random(5)  # noqa: S311  (the same cuts each time)
    for _ in range(300):
        cuts = sorted(rng.sample(range(1, len(stream)), rng.randint(1, 12)))
        assert split(stream, cuts) == expected


def test_no_more_than_the_limit_is_written() -> None:
    kept = bytearray()
    splitter = Splitter("MARK", lambda: 10, kept.extend, lambda _trailer: None)
    with pytest.raises(OverLimit):
        for _ in range(5):
            splitter.feed(b"abc")
    assert bytes(kept) == b"abcabcabca"


def test_an_endless_trailer_is_given_up() -> None:
    """A host that never ends what it says must not fill the controller's memory."""
    splitter = Splitter("MARK", lambda: 10, lambda _data: None, lambda _trailer: None)
    splitter.feed(b"\nMARK\n")
    with pytest.raises(Broken):
        for _ in range(100):
            splitter.feed(b"x" * 1000)


# --- the program, in a real shell -------------------------------------------------------------------------------


def test_each_outcome_is_known_apart(tmp_path: Path, local_host: None) -> None:
    """ "Nothing was there" and "it could not be read" lead to different conclusions."""
    items = take(
        tmp_path,
        spec("good", "printf 'a\\0b\\377\\n'"),
        spec("empty", "true"),
        spec("failed", "echo part; echo why >&2; exit 3"),
        spec("accepted", "echo part; exit 3", accept=(0, 3)),
        spec("missing", "missing 'not here'"),
        spec("no_program", "there_is_no_such_program"),
        spec("too_long", "sleep 30", seconds=1),
        spec("too_large", "yes", limit_bytes=1000),
        spec("last", "echo still here"),
    )
    assert {name: item.outcome.value for name, item in items.items()} == {
        "good": "SUCCESS",
        "empty": "EMPTY",
        "failed": "FAILURE",
        "accepted": "SUCCESS",
        "missing": "MISSING",
        "no_program": "MISSING",
        "too_long": "CUT_OFF",
        "too_large": "CUT_OFF",
        "last": "SUCCESS",
    }
    assert (tmp_path / items["good"].sha256).read_bytes() == b"a\0b\xff\n"
    assert items["failed"].reason == phrase(Reason.EXIT_STATUS, status=3, why="why")
    assert (tmp_path / items["failed"].sha256).read_bytes() == b"part\n"
    assert items["too_large"].size == 1000
    assert items["missing"].reason == "not here"


def test_a_command_that_ignores_its_end_costs_its_own_limit_only(tmp_path: Path, local_host: None) -> None:
    """A replaced `timeout` or a process out of reach must not hold up the rest."""
    started = time.monotonic()
    items = take(
        tmp_path,
        spec("stuck", "echo first; setsid sleep 60 & sleep 0.2; exit 0", seconds=1),
        spec("next", "echo second"),
        grace=0.5,
    )
    assert time.monotonic() - started < 15
    assert items["stuck"].outcome is Outcome.CUT_OFF
    assert (tmp_path / items["stuck"].sha256).read_bytes() == b"first\n"
    assert items["next"].outcome is Outcome.SUCCESS


def test_an_endless_item_costs_its_own_limit_only(tmp_path: Path, local_host: None) -> None:
    """The controller counts and ends it, and goes on over a new connection."""
    items = take(tmp_path, spec("endless", "yes", limit_bytes=100_000), spec("next", "echo second"))
    assert items["endless"].outcome is Outcome.CUT_OFF
    assert items["endless"].size == 100_000
    assert items["next"].outcome is Outcome.SUCCESS


def test_control_bytes_in_complaints_are_neutralised(tmp_path: Path, local_host: None) -> None:
    """The complaint names a file that the intruder named; it goes to the screen and the report."""
    item = take(tmp_path, spec("failed", "printf '\\033]0;x\\007\\n' >&2; exit 1"))["failed"]
    assert "\x1b" not in shown(item.reason) + item.complaint
    assert "\\x1b" in item.complaint


def test_a_marker_cannot_be_guessed(tmp_path: Path, local_host: None) -> None:
    """Whoever could print the marker could end an item early and forge the next one."""
    items = take(
        tmp_path, spec("spy", "env; tr '\\0' ' ' </proc/$PPID/cmdline; cat /proc/$PPID/environ"), spec("b", "echo b")
    )
    text = (tmp_path / items["spy"].sha256).read_bytes()
    longest = max((len(word) for word in text.split() if all(c in b"0123456789abcdef" for c in word)), default=0)
    assert longest < 48
    assert items["b"].outcome is Outcome.SUCCESS


# --- the folder -------------------------------------------------------------------------------------------------


def test_files_are_named_by_what_they_hold(tmp_path: Path, local_host: None) -> None:
    items = take(tmp_path / "e", spec("a", "echo one"), spec("b", "echo one"), spec("c", "echo two"))
    names = {path.name for path in (tmp_path / "e").iterdir()} - {"manifest-web01.jsonl"}
    assert names == {hashlib.sha256(text).hexdigest() for text in (b"one\n", b"two\n")}
    assert items["a"].sha256 == items["b"].sha256
    assert (tmp_path / "e").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "e" / items["a"].sha256).stat().st_mode & 0o777 == 0o400


def test_what_was_taken_is_not_taken_again(tmp_path: Path, local_host: None) -> None:
    """An interrupted collection goes on; the older evidence is the better one."""
    first, second = spec("a", "date +%N; echo"), spec("b", "date +%N; echo")
    before = take(tmp_path, first)
    found = collect(Request(TARGET, [first, second], tmp_path, "tester", keep_free=0))
    assert [item.id for item in found.items] == ["b"]
    assert found.kept == ("a",)
    again = take(tmp_path, first, second, again=True)
    assert again["a"].sha256 != before["a"].sha256
    assert (tmp_path / before["a"].sha256).exists()


def test_altered_evidence_does_not_count_as_taken(tmp_path: Path, local_host: None) -> None:
    """A file that was changed behind our back is not evidence: it must be taken again, and the journal shows both."""
    item = take(tmp_path, spec("a", "echo one"))["a"]
    (tmp_path / item.sha256).chmod(0o600)
    (tmp_path / item.sha256).write_bytes(b"two\n")
    assert take(tmp_path, spec("a", "echo one"))["a"].outcome is Outcome.SUCCESS
    assert (tmp_path / item.sha256).read_bytes() == b"one\n"


def test_a_killed_collection_hands_over_later(tmp_path: Path, local_host: None) -> None:
    """Items whose records never reached the journal must reach it with the next run."""
    items = take(tmp_path, spec("a", "echo one"))
    manifest = tmp_path / "manifest-web01.jsonl"
    lines = [line for line in manifest.read_text().splitlines() if json.loads(line)["record"] == "item"]
    manifest.write_text("\n".join(lines) + '\n{"record": "item", "torn')
    (tmp_path / ".partial-web01-abcdefgh").write_bytes(b"half")
    found = collect(Request(TARGET, [spec("a", "echo one"), spec("b", "echo two")], tmp_path, "tester", keep_free=0))
    assert [item.id for item in found.items] == ["a", "b"]
    assert found.items[0] == items["a"]
    assert not list(tmp_path.glob(".partial*"))
    assert not collect(
        Request(TARGET, [spec("a", "echo one"), spec("b", "echo two")], tmp_path, "t", keep_free=0)
    ).items


def test_two_collections_of_a_host_do_not_mix(tmp_path: Path, local_host: None) -> None:
    """A worker of a killed run may still be writing; two writers would take everything twice."""
    first = Store(tmp_path, "web01")
    with pytest.raises(OSError, match="another collection"):
        take(tmp_path, spec("a", "echo one"))
    first.close()
    assert take(tmp_path, spec("a", "echo one"))


def test_custody_names_both_ends(tmp_path: Path, local_host: None) -> None:
    found = collect(Request(TARGET, [spec("a", "echo one")], tmp_path, "an.nguyen", keep_free=0))
    custody = found.custody
    assert (custody["from"], custody["to"], custody["who"]) == ("web01", str(tmp_path), "an.nguyen")
    assert custody["tool"].startswith("ungcuu ")
    assert custody["read_only_view"] is False
    assert abs(custody["clock_skew_seconds"]) < 5


def test_a_full_disk_is_said_and_nothing_half_received_stays(tmp_path: Path, local_host: None) -> None:
    """The controller's disk is where the case lives: it must not be filled, and the report must be true."""
    found = collect(Request(TARGET, [spec("a", "echo one")], tmp_path, "tester", keep_free=1 << 62))
    assert "MiB are left" in found.stopped
    assert [item.outcome for item in found.items] == [Outcome.FAILURE]
    assert not list(tmp_path.glob(".partial*"))


def test_a_disk_that_fills_up_on_the_way(tmp_path: Path, local_host: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A web root larger than the controller's disk must not take the journals' last room."""
    monkeypatch.setattr("ungcuu.case.evidence.store._CHECK_EVERY", 100_000)
    monkeypatch.setattr("ungcuu.case.evidence.store._BATCH", 65_536)
    room = iter([1 << 40, 1 << 40, 0])
    real = os.statvfs(tmp_path)

    def statvfs(_path: object) -> object:
        return SimpleNamespace(f_bavail=next(room, 0) // real.f_frsize, f_frsize=real.f_frsize)

    monkeypatch.setattr(os, "statvfs", statvfs)
    found = collect(Request(TARGET, [spec("a", "head -c 900000 /dev/zero")], tmp_path, "tester", keep_free=1 << 20))
    assert "MiB are left" in found.stopped
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith("manifest")]


@pytest.mark.parametrize("size", [1, 4096, (1 << 20) - 1, 1 << 20, (5 << 20) + 4097, 12 << 20])
def test_what_is_kept_is_what_came(size: int, tmp_path: Path) -> None:
    """Batches go to the disk from another thread, past the cache where it can, the last one through it."""
    chance = random.Random(size)  # noqa: S311 - the same in every run
    content = left = chance.randbytes(size)
    partial = Store(tmp_path, "web01").receive()
    while left:
        step = chance.randrange(1, 300_000)
        partial.write(left[:step])
        left = left[step:]
    name = partial.keep()
    assert name == hashlib.sha256(content).hexdigest()
    assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize("size", [2_500_000, 20_000_000], ids=["last batch", "on the way"])
def test_a_disk_that_takes_only_a_part(size: int, tmp_path: Path, local_host: None) -> None:
    """The kernel's limit of a file's size stands for the full disk: a write is cut short, the next one fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_100_000, hard))
    try:
        found = collect(Request(TARGET, [spec("a", f"head -c {size} /dev/zero", 1 << 30)], tmp_path, "tester"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in found.stopped
    assert [path.name for path in tmp_path.iterdir()] == ["manifest-web01.jsonl"]


def test_a_write_error_ends_the_collection(tmp_path: Path, local_host: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("ungcuu.case.evidence.store.Partial.write", full)
    found = collect(Request(TARGET, [spec("a", "echo one"), spec("b", "echo two")], tmp_path, "tester", keep_free=0))
    assert "No space left" in found.stopped
    assert [item.outcome for item in found.items] == [Outcome.FAILURE, Outcome.FAILURE]
    assert not list(tmp_path.glob(".partial*"))


def test_a_host_name_is_not_a_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="host name"):
        Store(tmp_path, "../web01")
