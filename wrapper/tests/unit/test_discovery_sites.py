"""Folders of a website that PHP may write, as the program on the host finds them."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from ungcuu.remote.discovery import sites


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> sites.Account:
    """An account that writes what belongs to it; here, what others may write."""
    monkeypatch.setattr(pwd, "getpwnam", lambda _name: pwd.struct_passwd(("web", "x", 54321, 54321, "", "/", "")))
    return sites.Account("web")


def folder(path: Path, mode: int = 0o755) -> Path:
    path.mkdir(parents=True)
    path.chmod(mode)
    return path


def test_folders_behind_links_are_found(tmp_path: Path, account: sites.Account) -> None:
    """A root of links, as packages make it. Seen failing: none was found, and PHP ran in the one that nobody named."""
    root, data, shared = folder(tmp_path / "root"), folder(tmp_path / "data"), folder(tmp_path / "shared")
    folder(data / "images", 0o777)
    folder(data / "site/config", 0o777)
    folder(shared / "site")
    folder(root / "own", 0o777)
    (root / "IMG").symlink_to(data / "images")
    (root / "data").symlink_to(data)
    (root / "sites").symlink_to(shared)
    (shared / "site/default").symlink_to(data / "site")
    found = sites.writable(str(root), account)
    assert sites.outside(str(root), found) == [str(data / "images"), str(data / "site/config")]
    assert found == [
        "IMG",
        "data/images",
        "data/site/config",
        "own",
        "sites/site/default/config",
    ]


def test_links_lead_round_in_no_circle(tmp_path: Path, account: sites.Account) -> None:
    """Back into the root, to what holds it, to nothing; one target has two names."""
    root, data = folder(tmp_path / "web/root"), folder(tmp_path / "data")
    folder(root / "code")
    folder(data / "open", 0o777)
    (data / "round").symlink_to(root)
    for name, target in {"a": data, "b": data, "up": tmp_path, "all": Path("/"), "x": Path("/no")}.items():
        (root / name).symlink_to(target)
    assert sites.writable(str(root), account) == ["a/open", "b/open"]
