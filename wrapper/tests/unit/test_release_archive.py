"""An archive is refused whole before anything is changed; what a release changes is found on the host's own tree."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ungcuu.core.errors import Refused
from ungcuu.hosts import profiles
from ungcuu.prepare import release_archive
from ungcuu.prepare.release_archive import Release
from ungcuu.remote.release_tree import NotOneTreeError, differences

FILES = {
    "wordpress/wp-includes/version.php": b"<?php\n$wp_version = '6.2.1';\n",
    "wordpress/wp-load.php": b"<?php // load",
    "wordpress/wp-settings.php": b"<?php // settings",
    "wordpress/wp-content/plugins/akismet/akismet.php": b"<?php // old plugin",
}
WORDPRESS = profiles.load("wordpress")


def zipped(path: Path, files: dict[str, bytes], change: Callable[[zipfile.ZipFile], None] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if change:
            change(archive)
    return path


def tarred(path: Path, *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in more:
            archive.addfile(info)
    return path


def opened(path: Path, sha256: str = "") -> Release:
    return release_archive.opened(path, WORDPRESS, sha256)


@pytest.mark.parametrize("make", [lambda path: zipped(path, FILES), tarred])
def test_a_release_is_read_whole(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    """Its top folder is its own affair; version and sums are the release's."""
    release = opened(make(tmp_path / "release"))
    assert (release.version, release.top) == ("6.2.1", "wordpress/")
    assert release.files["wp-load.php"] == hashlib.sha256(b"<?php // load").hexdigest()


@pytest.mark.parametrize(
    "name", ["../evil.php", "wordpress/../../evil", "/etc/cron.d/x", "wordpress/a\\..\\b", "w/\x1b[31m"]
)
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    """Root unpacks it: one such name would write anywhere. Seen failing with the check of names taken out."""
    with pytest.raises(Refused, match="not a path below the release"):
        opened(zipped(tmp_path / "r.zip", {**FILES, name: b"x"}))


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    """A link in a release leads the next file elsewhere."""
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
        info = tarfile.TarInfo("wordpress/link")
        info.type, info.linkname = kind, "/etc/passwd"
        with pytest.raises(Refused, match="link, a device"):
            opened(tarred(tmp_path / "r.tar.gz", info))

    def link(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("wordpress/link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")

    with pytest.raises(Refused, match="link, a device"):
        opened(zipped(tmp_path / "r.zip", FILES, link))


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    """Cut off, or with one bit turned: half of a release is worse than none."""
    for make, name in ((lambda path: zipped(path, FILES), "r.zip"), (tarred, "r.tgz")):
        whole = make(tmp_path / name).read_bytes()
        turned = whole[:60] + bytes([whole[60] ^ 255]) + whole[61:]
        for bad in (whole[: len(whole) // 2], b"", turned, whole[:-8] + bytes(8)):
            (tmp_path / name).write_bytes(bad)
            with pytest.raises(Refused):
                opened(tmp_path / name)


def test_another_sum_another_application_and_a_double_name_are_refused(tmp_path: Path) -> None:
    """Each is a release that nobody meant."""
    with pytest.raises(Refused, match="SHA-256"):
        opened(zipped(tmp_path / "r.zip", FILES), "0" * 64)
    with pytest.raises(Refused, match="not a release of WordPress"):
        opened(zipped(tmp_path / "r.zip", {"akismet/akismet.php": b"<?php"}))
    with pytest.raises(Refused, match="twice"), pytest.warns(UserWarning):
        opened(zipped(tmp_path / "r.zip", FILES, lambda archive: archive.writestr("wordpress/wp-load.php", b"2")))
    with pytest.raises(Refused, match="states no version"):
        opened(zipped(tmp_path / "r.zip", {**FILES, "wordpress/wp-includes/version.php": b"<?php"}))


def test_a_size_without_measure_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb fills the host's disk while the website needs it."""
    monkeypatch.setattr(release_archive, "MOST_BYTES", 100)
    with pytest.raises(Refused, match="too much"):
        opened(zipped(tmp_path / "r.zip", {**FILES, "wordpress/big": b"0" * 200}))


def test_the_payload_is_what_was_checked(tmp_path: Path) -> None:
    """An archive that is exchanged between the check and the sending is not sent."""
    path = zipped(tmp_path / "r.zip", FILES)
    release = opened(path)
    out = io.BytesIO()
    release_archive.write_payload(release, {"wp-load.php"}.__contains__, out)
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        assert archive.getnames() == ["wp-load.php"]
    zipped(path, {**FILES, "wordpress/wp-load.php": b"<?php // other"})
    with pytest.raises(Refused, match="changed while"):
        release_archive.write_payload(release, {"wp-load.php"}.__contains__, io.BytesIO())


def _tree(root: Path, **files: str) -> None:
    for name, text in files.items():
        place = root / name.replace("__", "/").replace("_php", ".php")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")


def _sums(**files: str) -> dict[str, str]:
    return {
        name.replace("__", "/").replace("_php", ".php"): hashlib.sha256(text.encode()).hexdigest()
        for name, text in files.items()
    }


def test_what_a_release_changes(tmp_path: Path) -> None:
    """What the site keeps is never touched, what it removed after the installation does not come back."""
    _tree(tmp_path, index_php="1", core__same_php="s", core__gone_php="g", content__mine_php="m")
    files = _sums(
        index_php="2", core__same_php="s", core__new_php="n", content__mine_php="theirs", core__install_php="i"
    )
    found = differences(tmp_path, files, ["core"], ["content"], ["core/install.php"])
    assert found == {
        "changed": ["index.php"],
        "added": ["core/new.php"],
        "same": ["core/same.php"],
        "removed": ["core/gone.php"],
    }


def test_a_tree_with_links_is_refused(tmp_path: Path) -> None:
    """Written through, a link changes files of others. Seen failing with the look at links taken out."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root/core").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotOneTreeError, match="is a link"):
        differences(tmp_path / "root", _sums(core__new_php="n"), [], [], [])
