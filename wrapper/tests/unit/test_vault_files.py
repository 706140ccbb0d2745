"""The view that a point is read through: exactly the files of its list, for the account to read, gone afterwards."""

from __future__ import annotations

import fcntl
import grp
import json
import pwd
import stat
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from vault_kill import needs_root
from vault_world import ACCOUNT, PROGRAM

pytestmark = needs_root
NOBODY = pwd.getpwnam(ACCOUNT)
KEY, INDEX, LATER_INDEX, FIRST, SECOND, OURS, THEIRS, LATER = (f"{n:x}{n:x}" * 32 for n in range(1, 9))
FILES = {
    "config": "config",
    f"keys/{KEY}": KEY,
    **{f"index/{name}": name for name in (INDEX, LATER_INDEX)},
    **{f"snapshots/{name}": name for name in (FIRST, SECOND)},
    **{f"data/{name[:2]}/{name}": name for name in (OURS, THEIRS, LATER)},
}


def paths_of(folder: Path) -> set[str]:
    """Files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def folders_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_dir()}


class Store:
    """A trusted set of two points: the second one came with an index and a pack of its own."""

    def __init__(self, folder: Path, vault: SimpleNamespace) -> None:
        self.path, self.trusted, self.files, self.error = folder, vault.trusted, vault.files, vault.common.VaultError
        self.set = folder / "sets" / "1"
        vault.files.make_folders(self._folder("sets/1"), writable=False)
        (self.set / "points").mkdir()
        for path, content in FILES.items():
            (self.set / path).write_text(content)
            (self.set / path).chmod(0o440)
        (folder / "repository").symlink_to("sets/1")
        self.keep(FIRST, index=[INDEX], data=[OURS, THEIRS])
        self.keep(SECOND, index=[INDEX, LATER_INDEX], data=[OURS, THEIRS, LATER])

    def _folder(self, name: str) -> Path:
        (self.path / name).mkdir(parents=True)
        return self.path / name

    def keep(self, identity: str, **names: list[str]) -> None:
        """Write the list of a point."""
        row = {"keys": [KEY], "index": [], "snapshots": [identity], "data": []} | names
        (self.set / "points" / f"{identity}.json").write_text(json.dumps(row))

    def view(self, *identities: str) -> set[str]:
        """The files in a view of these points."""
        with self.trusted.view(self.path, identities) as folder:
            return paths_of(folder)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    monkeypatch.syspath_prepend(str(PROGRAM))
    from ungcuu_vault import common, files, trusted

    monkeypatch.setattr(common, "ACCOUNT", ACCOUNT)
    made = tmp_path / "store"
    made.mkdir()
    yield Store(made, SimpleNamespace(common=common, files=files, trusted=trusted))
    for name in [name for name in sys.modules if name.split(".")[0] == "ungcuu_vault"]:
        del sys.modules[name]


FIRSTS = {
    "config",
    f"keys/{KEY}",
    f"index/{INDEX}",
    f"snapshots/{FIRST}",
    *(f"data/{n[:2]}/{n}" for n in (OURS, THEIRS)),
}
SECONDS = FIRSTS - {f"snapshots/{FIRST}"} | {f"snapshots/{SECOND}", f"index/{LATER_INDEX}", f"data/{LATER[:2]}/{LATER}"}


def test_a_view_holds_the_files_of_the_point_s_list_and_no_others(store: Store) -> None:
    """What was written later, by a host or by a fault of ungcuu, is not in it."""
    assert store.view(FIRST) == FIRSTS
    assert store.view(SECOND) == SECONDS
    assert store.view(FIRST, SECOND) == FIRSTS | SECONDS
    assert store.view(SECOND, FIRST) == FIRSTS | SECONDS


def test_a_list_brings_no_other_point_with_it(store: Store) -> None:
    store.keep(FIRST, index=[INDEX], data=[OURS, THEIRS], snapshots=[FIRST, SECOND])
    assert store.view(FIRST) == FIRSTS


def test_the_files_are_the_set_s_own(store: Store) -> None:
    """A second name costs no space; and a copy could be of what another process wrote meanwhile."""
    with store.trusted.view(store.path, [FIRST]) as folder:
        for path in FIRSTS:
            assert (folder / path).samefile(store.set / path), path
            assert (folder / path).stat().st_mode & 0o777 == 0o440


def test_the_account_may_read_a_view_and_change_nothing_in_it(store: Store) -> None:
    """A host talks with it: one that took it over adds no file to what a restore reads."""
    with store.trusted.view(store.path, [FIRST]) as folder:
        wanted = {"keys", "index", "snapshots", "data", *(f"data/{name[:2]}" for name in (OURS, THEIRS))}
        assert folders_of(folder) == wanted
        for path in (folder, *(folder / name for name in wanted)):
            facts = path.stat()
            assert (facts.st_uid, facts.st_gid) == (0, NOBODY.pw_gid), path
            assert stat.S_IMODE(facts.st_mode) == 0o750, path
        assert folder.parent == store.path / "views"
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o711


def test_a_pack_that_is_missing_is_left_out(store: Store) -> None:
    """Another point's perhaps: a damaged point must not keep a whole one from being read."""
    (store.set / "data" / THEIRS[:2] / THEIRS).unlink()
    assert store.view(FIRST) == FIRSTS - {f"data/{THEIRS[:2]}/{THEIRS}"}


@pytest.mark.parametrize("path", ["config", f"keys/{KEY}", f"index/{INDEX}", f"snapshots/{FIRST}"])
def test_without_the_rest_there_is_no_view(store: Store, path: str) -> None:
    """Half of a repository might be read as a smaller point."""
    (store.set / path).unlink()
    with pytest.raises(store.error, match=path.rpartition("/")[2]):
        store.view(FIRST)
    assert list((store.path / "views").iterdir()) == []


@pytest.mark.parametrize(
    "written", ["", "{", "[]", "7", '{"keys": []}', json.dumps({"keys": 1, "index": [], "snapshots": [], "data": []})]
)
def test_a_list_that_cannot_be_read_gives_no_view(store: Store, written: str) -> None:
    """And never the whole set in its place."""
    (store.set / "points" / f"{FIRST}.json").write_text(written)
    with pytest.raises(store.error, match=f"list of files for the point {FIRST[:8]}:"):
        store.view(FIRST)
    with pytest.raises(store.error, match="list of files for the point abcdabcd:"):
        store.view("abcd" * 16)


def test_a_view_is_gone_afterwards(store: Store) -> None:
    with store.trusted.view(store.path, [FIRST]) as folder:
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(ValueError, match="broke"), store.trusted.view(store.path, [FIRST]) as folder:
        raise ValueError("broke")
    assert not folder.exists()
    assert (store.set / "config").read_text() == "config"


def test_what_a_killed_run_left_goes_and_what_another_reads_stays(store: Store) -> None:
    """Two restores at once: the second one must not take the first one's view for a leftover."""
    views = store.path / "views"
    (views / "left/data").mkdir(parents=True)
    (views / "left/data/file").write_text("x")
    (views / "link").symlink_to(store.set)
    with store.trusted.view(store.path, [FIRST]) as first:
        assert not (views / "left").exists()
        with store.trusted.view(store.path, [SECOND]) as second:
            assert paths_of(first) == FIRSTS
            assert paths_of(second) == SECONDS
        assert paths_of(first) == FIRSTS
    assert (store.set / "config").exists()


def test_a_view_outlives_the_set_that_it_was_made_of(store: Store) -> None:
    """Retention makes the next set while a restore reads."""
    with store.trusted.view(store.path, [FIRST]) as folder:
        whole = store.files.Files(frozenset([KEY]), frozenset([INDEX]), frozenset([FIRST]), frozenset([OURS, THEIRS]))
        store.trusted.install(store.path, store.set, whole, [SECOND])
        assert not store.set.exists()
        assert {path: (folder / path).read_text() for path in FIRSTS} == {path: FILES[path] for path in FIRSTS}
    assert store.trusted.points(store.path) == {FIRST}
    assert store.trusted.let_go(store.path) == {SECOND}
    assert store.view(FIRST) == FIRSTS


def test_a_view_waits_while_the_set_changes_and_for_no_other_view(store: Store) -> None:
    """Linked from two sets, a view would lack files of both."""
    made = threading.Event()

    def view() -> None:
        store.view(FIRST)
        made.set()

    with (store.path / "set.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        worker = threading.Thread(target=view)
        worker.start()
        assert not made.wait(0.3)
        fcntl.flock(lock, fcntl.LOCK_SH)  # as another view holds it
        assert made.wait(10)
        worker.join()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_view_leaves_no_descriptor_open(store: Store) -> None:
    """The lock on its folder goes with it: held on, no later run would take the folder for a leftover."""
    store.view(FIRST)
    before = open_files()
    (store.path / "views/left").mkdir()
    store.view(FIRST)
    assert open_files() == before


def test_one_temporary_folder_is_made_at_a_time(store: Store) -> None:
    """Between its making and its lock another run would remove it as a leftover."""
    made = threading.Event()

    def temporary() -> None:
        with store.trusted.temporary(store.path) as folder:
            facts = folder.stat()
            assert (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) == (0, NOBODY.pw_gid, 0o750)
            made.set()

    store.view(FIRST)
    with (store.path / "views.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        worker = threading.Thread(target=temporary)
        worker.start()
        assert not made.wait(0.3)
        assert list((store.path / "views").iterdir()) == []
    assert made.wait(10)
    worker.join()


def test_a_list_is_written_when_its_files_are_on_the_disk(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut a list must not name a pack that never reached the disk."""
    third, index, pack, arrived = "ab" * 32, "cd" * 32, "ef" * 32, tmp_path / "arrived"
    store.files.make_folders(arrived, writable=False)
    new = store.files.Files(frozenset(), frozenset([index]), frozenset([third]), frozenset([pack]))
    for path in new.paths()[1:]:
        (arrived / path).write_text(path)
    steps: list[set[str]] = []
    points = store.set / "points"

    def flush(paths: Iterable[Path]) -> None:
        listed = {"listed"} if (points / f"{third}.json").exists() else set()
        steps.append({str(path) for path in paths} | listed)

    monkeypatch.setattr(store.trusted, "flush", flush)
    store.trusted.add(store.path, arrived, new)
    first, second, last = steps
    assert first == {str(arrived / path) for path in new.paths()[1:]}
    assert {str(store.set / "data" / pack[:2]), str(store.set / "index"), str(store.set / "snapshots")} <= second
    assert "listed" not in first | second
    assert last == {str(points), "listed"}


def test_points_are_those_with_a_list_and_a_snapshot(store: Store) -> None:
    assert store.trusted.points(store.path) == {FIRST, SECOND}
    (store.set / "snapshots" / FIRST).unlink()
    (store.set / "points" / f"{SECOND}.json").unlink()
    assert store.trusted.points(store.path) == set()
    assert store.trusted.let_go(store.path) == set()


def test_what_joins_gives_its_point_a_list_of_all_before_it(store: Store, tmp_path: Path) -> None:
    """And changes no earlier list; done twice, after a kill, it is the same."""
    third, index, pack, arrived = "ab" * 32, "cd" * 32, "ef" * 32, tmp_path / "arrived"
    store.files.make_folders(arrived, writable=False)
    new = store.files.Files(frozenset(), frozenset([index]), frozenset([third]), frozenset([pack]))
    for path in new.paths()[1:]:
        (arrived / path).write_text(path)
    before = {name: (store.set / "points" / f"{name}.json").read_text() for name in (FIRST, SECOND)}
    for _ in range(2):
        store.trusted.add(store.path, arrived, new)
        row = json.loads((store.set / "points" / f"{third}.json").read_text())
        assert row == {
            "keys": [KEY],
            "index": sorted([INDEX, LATER_INDEX, index]),
            "snapshots": [third],
            "data": sorted([OURS, THEIRS, LATER, pack]),
        }
        assert {name: (store.set / "points" / f"{name}.json").read_text() for name in (FIRST, SECOND)} == before
    assert store.view(third) == set(FILES) - {f"snapshots/{FIRST}", f"snapshots/{SECOND}"} | set(new.paths())


def test_a_list_comes_back_as_it_was_saved(store: Store, tmp_path: Path) -> None:
    names = store.files.Files(*(frozenset(f"{n:02x}" * 32 for n in range(at, at + 3)) for at in (1, 5, 9, 13)))
    names.save(tmp_path / "list.json")
    assert store.files.Files.load(tmp_path / "list.json") == names
    assert names.paths()[0] == "config"
    assert len(names.paths()) == len(set(names.paths())) == 13


def test_what_a_folder_holds_is_reported_by_names_of_restic_s(store: Store) -> None:
    found = store.files.Files.of(store.set)
    assert found == store.trusted.files(store.path)
    assert set(found.paths()) == set(FILES)
    for path in ("index/x", f"data/{OURS[:2]}/{OURS}0", "keys/.hidden", f"snapshots/{FIRST[1:]}"):
        (store.set / path).write_text("x")
    assert store.files.Files.of(store.set) == found
    with pytest.raises(store.error, match="can't be read"):
        store.files.Files.of(store.path / "nothing")


def test_a_file_gets_a_second_name_and_nothing_is_followed_or_replaced(store: Store, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for folder in (source, target):
        folder.mkdir()
    (source / "a").write_text("new")
    (source / "b").write_text("b")
    (target / "a").write_text("old")
    (source / "link").symlink_to("/etc/passwd")
    store.files.link_files(source, target, ["a", "link", "b"])
    assert (target / "a").read_text() == "old"
    assert (target / "link").is_symlink()
    assert (source / "b").samefile(target / "b")
    with pytest.raises(store.error, match=r"source/gone can't be linked below .*target: No such file"):
        store.files.link_files(source, target, ["gone"])


def test_a_run_writes_into_folders_of_the_account(store: Store, tmp_path: Path) -> None:
    """All of them, so that the append-only server makes none."""
    folder = tmp_path / "clone"
    store.files.clone(store.set, folder, store.files.Files(frozenset([KEY]), data=frozenset([OURS])))
    assert paths_of(folder) == {"config", f"keys/{KEY}", f"data/{OURS[:2]}/{OURS}"}
    names = {"keys", "index", "snapshots", "data", "locks", *(f"data/{number:02x}" for number in range(256))}
    assert folders_of(folder) == names
    for path in (folder, *(folder / name for name in names)):
        facts = path.stat()
        assert (facts.st_uid, grp.getgrgid(facts.st_gid).gr_gid) == (NOBODY.pw_uid, NOBODY.pw_gid)
        assert stat.S_IMODE(facts.st_mode) == 0o700
    store.files.make_folders(folder, writable=True, shards=["00"])  # done again, it is no error
