"""Folders of a website that PHP may write, as the program on the host finds them."""

from __future__ import annotations

import os
import pwd
import re
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


def test_the_folder_that_holds_the_root(tmp_path: Path) -> None:
    """What others may write there could be swapped with a staged tree."""
    root = folder(tmp_path / "site/public")
    assert sites.parent_open(str(root)) is (os.getuid() != 0)
    (tmp_path / "site").chmod(0o777)
    assert sites.parent_open(str(root))


def test_links_lead_round_in_no_circle(tmp_path: Path, account: sites.Account) -> None:
    """Back into the root, to what holds it, to nothing; one target has two names."""
    root, data = folder(tmp_path / "web/root"), folder(tmp_path / "data")
    folder(root / "code")
    folder(data / "open", 0o777)
    (data / "round").symlink_to(root)
    for name, target in {"a": data, "b": data, "up": tmp_path, "all": Path("/"), "x": Path("/no")}.items():
        (root / name).symlink_to(target)
    assert sites.writable(str(root), account) == ["a/open", "b/open"]


def test_folders_of_the_website_that_no_link_leads_to(
    tmp_path: Path, account: sites.Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's way: the data lies in /var/lib, and its path stands in the code. Seen failing: accounts, settings and
    pages of a website stood in no restore point, and hardening closed the folder to its editors.
    """
    monkeypatch.setattr(sites, "KEPT_IN", (str(tmp_path / "lib"), str(tmp_path / "srv")))
    monkeypatch.setattr(sites, "_LITERAL", re.compile(r"'(/[^']+)'"))
    root = folder(tmp_path / "srv/site/public", 0o777)
    data, closed = folder(tmp_path / "lib/app/data", 0o777), folder(tmp_path / "lib/other")
    named = [data / "config.php", closed, root / "cache", tmp_path / "lib", tmp_path / "lib/gone", "/etc"]
    sources = {"a.php": "".join(f"$x = '{path}/';" for path in named)}
    assert sites.beside(str(root), account, "web", sources) == [str(data)]
    assert sites.beside(str(root), account, "web", {}) == []


def test_folders_that_belong_to_the_websites_own_account(
    tmp_path: Path, account: sites.Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account's own folders; not its home, nor what holds the root, but what lies beside the root in it."""
    monkeypatch.setattr(sites, "KEPT_IN", (str(tmp_path),))
    account.uid = os.getuid() or 1
    owners = {str(tmp_path / name) for name in ("site", "site/public", "site/media", "home")}
    for name in ("site/public", "site/media", "home", "deep/a/b/c"):
        folder(tmp_path / name)
    real = Path.stat

    def stat(self: Path, **more: bool) -> os.stat_result:
        uid = account.uid if str(self) in owners else 0
        seen = real(self, **more)
        return os.stat_result((*seen[:4], uid, *seen[5:]))

    monkeypatch.setattr(Path, "stat", stat)
    account.home = str(tmp_path / "home")
    assert sites.beside(str(tmp_path / "site/public"), account, "web", {}) == [str(tmp_path / "site/media")]
    assert sites.beside(str(tmp_path / "site/public"), account, "www-data", {}) == []


def test_code_that_is_loaded_from_outside_of_the_root(tmp_path: Path, account: sites.Account) -> None:
    """Debian's way: require_once '/usr/share/app/a.php'. Seen failing: open_basedir of the first harden broke the
    website, and the search for the control that did it took ten minutes.
    """
    root, code = folder(tmp_path / "root"), folder(tmp_path / "share/app")
    for path in (code / "autoload.php", root / "a.php"):
        path.write_text("<?php", "utf-8")
    named = [code / "autoload.php", root / "a.php", tmp_path / "gone.php"]
    sources = {"index.php": "".join(f"require_once('{path}');" for path in named) + "$x = '/usr/bin/x';"}
    assert sites.code_beside(str(root), account, sources) == [str(code)]
