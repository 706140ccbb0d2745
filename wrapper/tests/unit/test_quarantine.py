"""Nothing is deleted, everything can be put back, and a lying host can't turn eradication into a weapon."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ungcuu.remote.config import CONFIG
from ungcuu.remote.quarantine import __main__ as remote
from ungcuu.remote.quarantine import give_back, take_files, take_system

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="owners can be set by root only")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """A quarantine below the test's own folder, and the program's configuration pointing to it."""
    CONFIG["store"] = str(tmp_path / "store")
    yield tmp_path / "store"
    CONFIG.clear()


def action(path: Path | bytes, do: str = "move", identity: str = "id-1", **more: Any) -> dict[str, Any]:
    raw = path if isinstance(path, bytes) else os.fsencode(path)
    return {"id": identity, "do": do, "path": base64.b64encode(raw).decode(), "sha256": "", **more}


def back(done: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    CONFIG["put_back"] = True
    try:
        return remote.perform(done | {"known": answer["known"]})
    finally:
        CONFIG.pop("put_back")


@as_root
def test_a_file_goes_and_comes_back_as_it_was(tmp_path: Path, store: Path) -> None:
    """Owner, mode, times, attributes and content: all of it may be evidence, and the finding may have been wrong."""
    path = tmp_path / "bad.php"
    path.write_bytes(b"<?php 1;")
    os.chown(path, 4711, 4712)
    path.chmod(0o4755)
    os.setxattr(path, "user.mark", b"1")
    os.utime(path, ns=(10**18, 10**18 + 7))
    before = path.stat()
    answer = remote.perform(action(path))
    assert answer["outcome"] == "done" and not path.exists()
    kept = store / "id-1" / "content"
    assert stat.S_IMODE(kept.stat().st_mode) == 0 and kept.stat().st_uid == 0
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    assert back(action(path), answer)["outcome"] == "done"
    after = path.stat()
    for name in ("st_mode", "st_uid", "st_gid", "st_mtime_ns", "st_size"):
        assert getattr(after, name) == getattr(before, name)
    assert path.read_bytes() == b"<?php 1;" and os.getxattr(path, "user.mark") == b"1"


@as_root
def test_twice_changes_nothing(tmp_path: Path, store: Path) -> None:
    """A run that is repeated after a lost connection finds its work done."""
    path = tmp_path / "x"
    path.write_text("x")
    assert remote.perform(action(path))["outcome"] == "done"
    assert remote.perform(action(path, identity="id-2"))["outcome"] == "gone"
    assert [item.name for item in store.iterdir()] == ["id-1"]


@as_root
def test_across_file_systems(tmp_path: Path, store: Path) -> None:
    """/dev/shm is another file system: the copy is checked before the original goes."""
    path = Path("/dev/shm") / f"ungcuu-test-{os.getpid()}"
    path.write_bytes(b"x" * 3_000_000)
    path.chmod(0o755)
    try:
        answer = remote.perform(action(path))
        assert answer["outcome"] == "done" and not path.exists()
        assert (store / "id-1" / "content").stat().st_size == 3_000_000
        assert back(action(path), answer)["outcome"] == "done"
        assert stat.S_IMODE(path.stat().st_mode) == 0o755
    finally:
        path.unlink(missing_ok=True)


@as_root
def test_links_lead_nowhere(tmp_path: Path, store: Path) -> None:
    """An intruder who turns a folder into a link must not choose which file we move."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "passwd").write_text("root")
    (tmp_path / "uploads").symlink_to(victim)
    assert remote.perform(action(tmp_path / "uploads" / "passwd"))["outcome"] == "refused"
    assert (victim / "passwd").read_text() == "root"
    assert remote.perform(action(tmp_path / "uploads"))["outcome"] == "done"
    assert (victim / "passwd").exists() and (store / "id-1" / "content").is_symlink()


@as_root
@pytest.mark.parametrize("raw", [b"/a/../etc/passwd", b"relative", b"/", b"/a\0b", b"/etc/.."])
def test_paths_that_are_not_plain(store: Path, raw: bytes) -> None:
    """The host's program checks once more what the controller checked."""
    assert remote.perform(action(raw))["outcome"] in ("refused", "gone")


@as_root
def test_a_good_file_is_left(tmp_path: Path, store: Path) -> None:
    """Between scan and eradication the file may have been restored."""
    path = tmp_path / "index.php"
    path.write_text("good")
    digest = hashlib.sha256(b"good").hexdigest()
    assert remote.perform(action(path, keep=digest))["outcome"] == "good"
    assert path.exists()


@as_root
def test_check_touches_nothing(tmp_path: Path, store: Path) -> None:
    """--check only says what would be done."""
    path = tmp_path / "x"
    path.write_text("x")
    CONFIG["check"] = True
    assert remote.perform(action(path))["outcome"] == "would"
    assert path.exists() and not store.exists()


@as_root
def test_check_foretells_the_way_back_and_touches_nothing(tmp_path: Path, store: Path) -> None:
    """A unit stays masked until it is put back: the mask is not "something else". No folder is made in quarantine."""
    unit = tmp_path / "x.service"
    unit.write_text("[Service]")
    known = remote.perform(action(unit))["known"]
    unit.symlink_to("/dev/null")
    CONFIG["check"] = True
    asked = action(unit, "stop_unit", unit="x.service")
    assert back(asked, {"known": known})["outcome"] == "would"
    assert str(unit.readlink()) == "/dev/null"
    assert back(action(unit), {"known": known})["outcome"] == "refused", "a file that is no unit has no mask"
    assert back(asked | {"id": "id-9"}, {"known": known})["outcome"] == "gone"
    assert [item.name for item in store.iterdir()] == ["id-1"]


def test_check_foretells_that_sudo_would_refuse(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise take_files.RefusedError("sudo would no longer accept the file")

    monkeypatch.setattr(take_files, "check_sudoers", refuse)
    path = tmp_path / "sudoers"
    path.write_bytes(b"good\nbad\n")
    CONFIG["check"] = True
    asked = action(path, "remove_lines", lines=[hashlib.sha256(b"bad").hexdigest()])
    assert remote.perform(asked)["outcome"] == "refused"


@pytest.mark.parametrize(("row", "outcome"), [("sudo:x:27:mai\n", "gone"), ("sudo:x:27:\n", "would")])
def test_check_foretells_a_membership(store: Path, monkeypatch: pytest.MonkeyPatch, row: str, outcome: str) -> None:
    monkeypatch.setattr(give_back, "run", lambda *argv: (0, row) if argv[0] == "getent" else pytest.fail("changed"))
    CONFIG["check"] = True
    asked = action(b"/etc/group", "remove_member", account="mai", group="sudo")
    assert back(asked, {"known": {"type": "member"}})["outcome"] == outcome


@as_root
def test_exactly_these_lines_go(tmp_path: Path, store: Path) -> None:
    """The operator's key stays, byte for byte, and so does the file's owner."""
    path = tmp_path / "authorized_keys"
    path.write_bytes(b"good one\r\nbad\nlast without end")
    os.chown(path, 4711, 4712)
    path.chmod(0o600)
    bad = hashlib.sha256(b"bad").hexdigest()
    answer = remote.perform(action(path, "remove_lines", lines=[bad]))
    assert answer["outcome"] == "done" and path.read_bytes() == b"good one\r\nlast without end"
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (4711, 0o600)
    assert remote.perform(action(path, "remove_lines", identity="id-2", lines=[bad]))["outcome"] == "gone"
    assert back(action(path, "remove_lines"), answer)["outcome"] == "done"
    assert path.read_bytes() == b"good one\r\nbad\nlast without end"


@as_root
def test_lines_come_back_only_into_the_file_that_was_left(tmp_path: Path, store: Path) -> None:
    """A key that was added since must not be lost by putting an old one back."""
    path = tmp_path / "authorized_keys"
    path.write_bytes(b"good\nbad\n")
    answer = remote.perform(action(path, "remove_lines", lines=[hashlib.sha256(b"bad").hexdigest()]))
    path.write_bytes(b"good\nnew\n")
    assert back(action(path, "remove_lines"), answer)["outcome"] == "refused"
    assert path.read_bytes() == b"good\nnew\n"


@as_root
def test_nothing_is_put_over_something_else(tmp_path: Path, store: Path) -> None:
    """Putting back is no way to overwrite the restored file."""
    path = tmp_path / "x"
    path.write_text("bad")
    answer = remote.perform(action(path))
    path.write_text("restored")
    assert back(action(path), answer)["outcome"] == "refused"
    assert path.read_text() == "restored"


@as_root
def test_what_was_swapped_in_quarantine_is_not_put_back(tmp_path: Path, store: Path) -> None:
    """The controller's memory decides what comes back, not what lies on the host."""
    path = tmp_path / "x"
    path.write_text("was")
    answer = remote.perform(action(path))
    kept = store / "id-1" / "content"
    kept.chmod(0o600)
    kept.write_text("swapped")
    assert back(action(path), answer)["outcome"] == "refused"
    assert not path.exists()


@pytest.mark.parametrize("identity", ["../x", "a/b", "", "x" * 99, "a\0"])
def test_quarantine_ids_are_plain(tmp_path: Path, store: Path, identity: str) -> None:
    """An id is a folder's name."""
    path = tmp_path / "x"
    path.write_text("x")
    assert remote.perform(action(path, identity=identity))["outcome"] == "refused"
    assert path.exists()


@pytest.mark.parametrize("pid", [0, 1, -1])
def test_some_processes_are_never_ended(store: Path, pid: int) -> None:
    """Number 1 is the host itself; -1 would be everyone."""
    assert remote.perform({"id": "i", "do": "kill", "pid": pid, "start": "1"})["outcome"] in ("refused", "failed")


def test_the_very_process_that_was_seen(store: Path) -> None:
    """A process number is used again; the start time distinguishes the two."""
    import subprocess

    with subprocess.Popen(["sleep", "60"]) as child:
        assert remote.perform({"id": "i", "do": "kill", "pid": child.pid, "start": "1"})["outcome"] == "gone"
        assert child.poll() is None
        start = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
        assert remote.perform({"id": "i", "do": "kill", "pid": child.pid, "start": start})["outcome"] == "done"
        assert child.wait(10) == -9


@pytest.mark.parametrize("name", ["root", "ungcuu", "a b", "-x", "$(id)", "a:b", ""])
def test_some_accounts_are_never_locked(store: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """root, ours, and what is no account's name. With the defence out, this must not lock the tester's own root."""
    monkeypatch.setattr(take_system, "run", lambda *words: pytest.fail(f"reached the system: {words}"))
    CONFIG["protected"] = ["ungcuu"]
    assert remote.perform({"id": "i", "do": "lock_account", "account": name})["outcome"] == "refused"
