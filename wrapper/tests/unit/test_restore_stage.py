"""What a hostile backup may try against the host that it is restored on: the staging and its checks, without a host."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[3] / "roles/website_backup/files"


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The host's program with its folders below a temporary one; owners are left alone, so that no root is needed."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(PROGRAM))
    from ungcuu_site import check, common, stage, state, swap

    modules: list[ModuleType] = [check, common, stage, state, swap]
    for module in modules:
        for name in ("AREA", "RESTORE_AREA", "KEPT_AREA"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, tmp_path / "area" / name.lower())
    monkeypatch.setattr(os, "chown", lambda *_args, **_kwargs: None)
    return modules


@pytest.fixture
def unpack(agent: Any, tmp_path: Path) -> Callable[..., Any]:
    """Stage a tar made of these members into a web root of the test's own."""
    stage = agent[2]
    root = tmp_path / "www/portal"
    root.mkdir(parents=True)

    def run(*members: tuple[tarfile.TarInfo, bytes], config: tuple[str, ...] = (), torn: int = 0) -> Any:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for member, content in members:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        buffer.seek(0)
        if torn:
            buffer.truncate(torn)
        identity = "20260101T000000Z-0123abcd"
        unpacker = stage._Unpacker({"root": str(root)}, identity, "/var/www/portal", list(config), ["files", "config"])
        unpacker.unpack(stage._Stream(buffer))
        return stage.stage_root({"root": str(root)}, identity)

    return run


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.mtime = kind, link, mode, 1_700_000_000
    return info


def refused(agent: Any) -> Any:
    return pytest.raises(agent[1].RefusedError)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/cron.d/x",
        "/etc/cron.d/x",
        "var/www/portal/../../../etc/passwd",
        "var/www/portal-evil/x",
        "root/.ssh/id",
    ],
)
def test_no_path_leaves_the_parts_of_the_website(agent: Any, unpack: Any, name: str) -> None:
    """securedrop #5897: a poisoned backup wrote where it liked."""
    with refused(agent):
        unpack((member(name), b"x"))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE])
def test_only_files_folders_and_links_are_unpacked(agent: Any, unpack: Any, kind: bytes) -> None:
    """A device node gives the disk away; a hard link gives another file another owner."""
    with refused(agent):
        unpack((member("var/www/portal/x", kind, "/etc/shadow"), b""))


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 2**18 - 1, 2**18, 2**18 + 1, 700_000])
def test_every_byte_arrives(unpack: Any, size: int) -> None:
    """The stream is read in blocks of our own: what lies across their borders must not be lost."""
    content = bytes(number % 251 for number in range(size))
    root = unpack((member("var/www/portal/a"), content), (member("var/www/portal/" + "b" * 200), b"after"))
    assert (root / "a").read_bytes() == content
    assert (root / ("b" * 200)).read_bytes() == b"after"


@pytest.mark.parametrize("torn", [100, 512, 600, 1023])
def test_a_torn_stream_is_an_error(unpack: Any, torn: int) -> None:
    """Half a file that looks like a whole one would go live: it ends inside a member, or before one."""
    with pytest.raises((tarfile.TarError, EOFError)):
        unpack((member("var/www/portal/a"), b"x" * 600), torn=torn)


def test_a_file_never_lands_behind_a_link(unpack: Any, tmp_path: Path) -> None:
    """The classic: first a link to a folder outside, then a file through it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(OSError):
        unpack(
            (member("var/www/portal/a", tarfile.SYMTYPE, str(outside)), b""), (member("var/www/portal/a/x"), b"evil")
        )
    assert list(outside.iterdir()) == []


def test_setuid_is_dropped(unpack: Any) -> None:
    """A setuid program in a web root is a way to root for whoever owns the pool's account."""
    root = unpack((member("var/www/portal/x", mode=0o4755), b"#!"))
    assert (root / "x").stat().st_mode & 0o7777 == 0o755


def test_a_second_file_of_the_same_name_is_an_error(unpack: Any) -> None:
    """What was checked must be what is there: nothing may be written twice."""
    with pytest.raises(FileExistsError):
        unpack((member("var/www/portal/x"), b"good"), (member("var/www/portal/x"), b"bad"))


def names(proof: dict[str, Any]) -> list[str]:
    return [] if proof["passed"] else list(proof["detail"]["names"])


def test_links_out_of_the_root_are_found(agent: Any, unpack: Any) -> None:
    """A link to / would publish the disk. Seen failing with `vouched_for` not compared by target."""
    root = unpack(
        (member("var/www/portal/d", tarfile.DIRTYPE, mode=0o755), b""),
        (member("var/www/portal/good", tarfile.SYMTYPE, "d/x"), b""),
        (member("var/www/portal/abs", tarfile.SYMTYPE, "/etc"), b""),
        (member("var/www/portal/itself", tarfile.SYMTYPE, "/var/www/portal/d/x"), b""),
        (member("var/www/portal/d/up", tarfile.SYMTYPE, "../../.."), b""),
        (member("var/www/portal/d/beside", tarfile.SYMTYPE, "../../portal-evil"), b""),
    )
    links = agent[0]._links
    assert sorted(names(links(root, "/var/www/portal", {}))) == ["abs", "d/beside", "d/up"]
    # A link that the vault's baseline knows is right only while it leads where the baseline has it.
    known = {"abs": "/etc", "d/up": "../../../../root"}
    assert sorted(names(links(root, "/var/www/portal", known))) == ["d/beside", "d/up"]


@pytest.mark.parametrize(
    ("name", "content", "bad"),
    [
        ("shell.php", b"<?php system($_GET[1]);", True),
        ("shell.PHP7", b"", True),
        ("shell.php.jpg", b"x", True),
        ("photo.jpg", b"\xff\xd8\xff\xe1 <?php system($_GET[1]);", True),
        ("photo.jpg", b"\xff\xd8\xff\xe1 \x00 <?= \x00", False),
        ("miner", b"\x7fELF\x02", True),
        ("sao-luu.bin", b"\x00\x01 <?= \x02", False),
        ("sao-luu.bin", b"#!\x9c\x00\x17", False),
        ("sao-luu.bin", b"\x00\x01 <?= <?php eval($_POST[1]);", True),
        ("anh", b"#! /bin/sh\nid\n", True),
        ("anh", b"#!/bin/sh", True),
        (".htaccess", b"AddType application/x-httpd-php .jpg", True),
        (".user.ini", b"auto_prepend_file=x.jpg", True),
        ("index.php", b"<?php\n// Silence is golden.\n", False),
        ("index.php", b"<?php // quiet\n eval($_POST[1]);", True),
        ("notes.txt", b"just text", False),
    ],
)
def test_programs_among_uploads_are_found(agent: Any, unpack: Any, name: str, content: bytes, bad: bool) -> None:
    """A restore point that holds a web shell brings the intruder back."""
    root = unpack((member(f"var/www/portal/up/{name}"), content))
    proof = agent[0]._writable(root, {"writable_paths": ["up"]}, {})
    assert proof["passed"] is not bad, proof


def test_a_program_that_the_baseline_knows_may_stay_by_its_hash_alone(agent: Any, unpack: Any) -> None:
    """Some applications keep their own configuration as PHP in a writable folder: a site without it is down."""
    root = unpack((member("var/www/portal/data/config.php"), b"<?php $a=1;"))
    site, known = {"writable_paths": ["data"]}, hashlib.sha256(b"<?php $a=1;").hexdigest()
    detail = agent[0]._writable(root, site, {"data/config.php": known})["detail"]
    assert detail == {"code": "programs_known", "count": 1}
    assert not agent[0]._writable(root, site, {"data/config.php": known[:-1] + "x"})["passed"]
    assert not agent[0]._writable(root, site, {"data/other.php": known})["passed"]


def test_what_lies_behind_a_link_was_not_staged(agent: Any, tmp_path: Path) -> None:
    """Seen failing: the live folder was judged for the restore point's, and its own cache refused every restore."""
    live, stage = tmp_path / "live", tmp_path / "stage"
    (live / "img").mkdir(parents=True)
    (live / "img/cache.php").write_text("<?php echo 1;", "utf-8")
    (stage / "uploads").mkdir(parents=True)
    (stage / "uploads/shell.php").write_text("<?php system($_GET[0]);", "utf-8")
    (stage / "sites").symlink_to(live)
    (stage / "own").symlink_to(stage / "uploads")
    proof = agent[0]._writable(stage, {"writable_paths": ["sites/img", "own", "uploads"]}, {})
    assert names(proof) == ["uploads/shell.php"]


def test_hostile_names_come_out_harmless(agent: Any, unpack: Any) -> None:
    """File names are shown to an operator: no control character of theirs may reach the terminal."""
    root = unpack((member("var/www/portal/up/\x1b[2Jx.php"), b"<?php 1;"))
    (name,) = names(agent[0]._writable(root, {"writable_paths": ["up"]}, {}))
    assert name == "up/\\x1b[2Jx.php"


def test_no_restore_id_but_ours_becomes_a_path(agent: Any) -> None:
    """The id names folders below root's area."""
    for text in ("../../etc", "20260101T000000Z-0123abcd/..", "", "20260101T000000Z-0123ABCD\n"):
        with refused(agent):
            agent[1].restore_id({"restore": text})
    assert agent[1].restore_id({"restore": "20260101T000000Z-0123abcd"})


def test_move_gives_up_nothing_where_rename_is_refused(
    agent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an overlay or across file systems a tree moves entry by entry: all of it must arrive, rights and times too."""
    import errno

    source, target = tmp_path / "a", tmp_path / "b"
    (source / "d").mkdir(parents=True)
    (source / "d/f").write_text("x", encoding="ascii")
    (source / "d/f").chmod(0o640)
    os.utime(source / "d/f", (1, 1))
    (source / "l").symlink_to("d/f")
    rename = Path.rename

    def refuse_folders(self: Path, to: Path) -> Path:
        if self.is_dir() and not self.is_symlink():
            raise OSError(errno.EXDEV, "cross-device")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", refuse_folders)
    agent[1].move(source, target)
    assert not source.exists()
    assert (target / "d/f").read_text(encoding="ascii") == "x"
    assert ((target / "d/f").stat().st_mode & 0o7777, (target / "d/f").stat().st_mtime) == (0o640, 1)
    assert (target / "l").readlink() == Path("d/f")


class Killed(BaseException):
    """The swap died here."""


def trees(tmp_path: Path) -> tuple[Path, Path, Path]:
    live, staged, kept = tmp_path / "www/portal", tmp_path / "www/.ungcuu-stage/id/portal", tmp_path / "kept"
    for folder, content in ((live, "compromised"), (staged, "restored")):
        (folder / "d").mkdir(parents=True)
        (folder / "d/f").write_text(content, encoding="ascii")
        (folder / f"only-{content}").write_text(content, encoding="ascii")
    kept.mkdir()
    return live, staged, kept


def dying(moves_until: int, monkeypatch: pytest.MonkeyPatch, swap: Any, *, atomic: bool) -> None:
    """Let the swap die before the given rename; without `atomic` directories can't be renamed, as on an overlay."""
    import errno

    left = [moves_until]
    rename, exchange = Path.rename, swap.exchange

    def count() -> None:
        if left[0] == 0:
            raise Killed
        left[0] -= 1

    def one_rename(self: Path, to: Path) -> Path:
        count()
        if not atomic and self.is_dir() and not self.is_symlink() and self.name != "portal":
            raise OSError(errno.EXDEV, "cross-device")
        if not atomic and self.name == "portal" and ".ungcuu-stage" not in str(self):
            raise OSError(errno.EXDEV, "cross-device")
        return rename(self, to)

    def one_exchange(one: Path, other: Path) -> bool:
        if not atomic:
            return False
        count()
        return bool(exchange(one, other))

    monkeypatch.setattr(Path, "rename", one_rename)
    monkeypatch.setattr(swap, "exchange", one_exchange)


def assert_live_as_before(live: Path, kept: Path) -> None:
    """The tree that was live before the swap is live again, and is kept nowhere else."""
    assert sorted(p.name for p in live.rglob("*")) == ["d", "f", "only-compromised"]
    assert (live / "d/f").read_text(encoding="ascii") == "compromised"
    assert not (kept / "root").exists()


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("moves", range(9))
def test_a_swap_killed_anywhere_is_undone_whole(
    agent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, atomic: bool, moves: int
) -> None:
    """Whatever rename the swap died before, undoing gives the tree that was live, with every file of it."""
    swap = agent[4]
    live, staged, kept = trees(tmp_path)
    restored = swap._identity(staged)
    with monkeypatch.context() as patch:
        dying(moves, patch, swap, atomic=atomic)
        try:
            swap._swap_tree(live, staged, kept)
        except Killed:
            pass
        else:
            assert (live / "d/f").read_text(encoding="ascii") == "restored"
    swap._put_back_tree(live, staged, kept / "root", restored)
    assert_live_as_before(live, kept)


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("moves", range(9))
def test_an_undo_killed_anywhere_can_be_repeated(
    agent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, atomic: bool, moves: int
) -> None:
    """Power may fail on the way back as well. Seen failing without the look at which of the two trees is kept."""
    swap = agent[4]
    live, staged, kept = trees(tmp_path)
    restored = swap._identity(staged)
    with monkeypatch.context() as patch:
        dying(99, patch, swap, atomic=atomic)
        swap._swap_tree(live, staged, kept)
    with monkeypatch.context() as patch:
        dying(moves, patch, swap, atomic=atomic)
        with contextlib.suppress(Killed):
            swap._put_back_tree(live, staged, kept / "root", restored)
    swap._put_back_tree(live, staged, kept / "root", restored)
    assert_live_as_before(live, kept)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 70_000])
def test_one_file_travels_as_an_archive(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine gives a single file bare; the host must get the same kind of stream as for everything."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(PROGRAM.parents[1] / "backup_vault/files"))
    from ungcuu_vault import tunnel

    arrived = tmp_path / "arrived"
    monkeypatch.setattr(tunnel, "ssh_command", lambda *_: ["sh", "-c", f"read -r request; cat > {arrived}"])
    monkeypatch.setattr(tunnel, "as_account", dict)
    content = os.urandom(size)
    (tmp_path / "content").write_bytes(content)
    head = member("var/www/portal/a.pdf")
    head.size = size
    cat = subprocess.Popen(["cat", str(tmp_path / "content")], stdout=subprocess.PIPE)
    with cat as source, tunnel.Session(None, {}) as session:
        session.stream(source.stdout, head.tobuf())
    assert session.sent == arrived.stat().st_size
    with tarfile.open(arrived, mode="r:") as archive:
        first = archive.next()
        assert first is not None
        body = archive.extractfile(first)
        assert body is not None
        assert body.read() == content
        assert archive.next() is None


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\0b"])
def test_one_path_stays_below_the_web_root(agent: Any, path: str) -> None:
    """The request comes from the vault, which an intruder may hold: it must not name a file outside the website."""
    with refused(agent):
        agent[2]._checked_path(path)


def test_one_path_is_not_put_behind_a_link(agent: Any, tmp_path: Path) -> None:
    """A link in the way would have root write outside the website. Seen failing without the look at the parent."""
    outside, root = tmp_path / "outside", tmp_path / "www"
    outside.mkdir()
    root.mkdir()
    (root / "uploads").symlink_to(outside)
    staged = tmp_path / "staged"
    staged.write_bytes(b"x")
    with refused(agent):
        agent[4]._fit_in(root / "uploads/a", staged)
    with refused(agent):
        agent[4]._fit_in(root / "gone/a", staged)


@pytest.mark.parametrize("fault", [IndexError("no row"), ValueError("x"), KeyError("tables"), OSError("full")])
def test_whatever_ends_a_swap_what_was_live_comes_back(
    agent: Any, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """An answer of the database that nobody foresaw left the website swapped by half.

    Seen failing for all but OSError.
    """
    swap, undone = agent[4], []
    stands = {"step": "checked", "passed": True, "site": {}, "only": ["files", "config"], "restore": "x"}

    def swap_in(*_given: object) -> None:
        raise fault

    monkeypatch.setattr(swap, "load", lambda _identity: stands)
    monkeypatch.setattr(swap.health, "works", lambda _site: True)
    monkeypatch.setattr(swap, "_swap_in", swap_in)
    monkeypatch.setattr(swap, "_put_back", lambda identity, _state: undone.append(identity))
    identity = "20260101T000000Z-0123abcd"
    with pytest.raises(agent[1].RefusedError) as refused:
        swap.swap({"restore": identity})
    assert undone == [identity]
    assert refused.value.state == "what was live before is live again"


def test_what_was_written_since_is_compared_in_pieces(agent: Any, tmp_path: Path) -> None:
    """The kept tree is the intruder's: a file with a hole of a hundred gigabytes must not be read into memory."""
    for name, text in (("old", b"a"), ("new", b"b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.txt").write_bytes(b"x")
        (tmp_path / name / "other.txt").write_bytes(text)
        with (tmp_path / name / "large.bin").open("wb") as file:
            file.truncate(1 << 29)
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28))"
    code += "; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from ungcuu_site import swap"
    code += "; print(sorted(row['path'] for row in swap._newer(Path('old'), Path('new'), 'up')))"
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(PROGRAM)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "['up/other.txt']", done.stderr
