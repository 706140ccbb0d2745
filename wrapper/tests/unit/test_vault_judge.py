"""What the vault makes of a point: whole or not, clean, suspect or not judged. No host, no repository."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[3] / "roles/backup_vault/files"
ROOT = "/var/www/portal"
T0, T1, T2, T3 = (f"2026-01-0{day}T01:30:00Z" for day in (1, 2, 3, 4))
GOOD, OTHER = "aa" * 32, "bb" * 32


class Vault:
    """The modules of the vault's program, a site's settings and a ledger."""

    def __init__(self) -> None:
        from ungcuu_vault import judge, known, look, restorable, whole

        self.judge, self.known, self.look, self.restorable, self.whole = judge, known, look, restorable, whole
        self.settings: dict[str, Any] = {
            "root": ROOT,
            "writable_paths": ["wp-content/uploads"],
            "config_paths": ["/etc/nginx"],
            "database": {"engine": "mariadb", "name": "portal"},
            "exclude": ["*.tmp", f"{ROOT}/cache"],
        }
        self.rows: list[dict[str, Any]] = []
        self.name = "web01"

    def ledger(self) -> list[dict[str, Any]]:
        return self.rows

    def signed(self, taken: str, **files: str) -> Any:
        """A baseline's list: name below the web root → hash."""
        named = {f"{ROOT}/{name}": ("file", digest) for name, digest in files.items()}
        return self.known.FileList(taken, "cc" * 32, named)

    def verdict(self, *rows: dict[str, Any], lists: tuple[Any, ...] = (), at: str = T1, **more: Any) -> dict[str, Any]:
        known = self.known.Known(tuple(lists), **more)
        where = self.look.Places(ROOT, (f"{ROOT}/wp-content/uploads",), ("/etc/nginx",), lambda _p, _d: False)
        found: dict[str, Any] = self.judge.verdict(point(at), {row["path"]: row for row in rows}, known, where)
        return found

    def completeness(self, listed: dict[str, int], row: dict[str, Any], *lists: Any, **more: Any) -> dict[str, Any]:
        """Judge a point that holds these files (path → size)."""
        site = SimpleSite(self)
        listing = self.whole.Listing(site)
        for path, size in listed.items():
            part = "files" if path.startswith(ROOT) else "database" if "/backup/" in path else "config"
            listing.see({"path": path, "type": "file", "size": size}, part)
        found: dict[str, Any] = self.whole.judge(site, row, listing, self.known.Known(tuple(lists), **more))
        return found


class SimpleSite:
    """As much of a site as completeness needs."""

    def __init__(self, vault: Vault) -> None:
        self.settings, self.ledger = {"site": vault.settings}, vault.ledger


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(PROGRAM))
    yield Vault()
    for name in [name for name in sys.modules if name.split(".")[0] == "ungcuu_vault"]:
        del sys.modules[name]


def point(time: str, files: int = 100, size: int = 50 << 20, **more: Any) -> dict[str, Any]:
    counts = {"files": files, "database": 5, "config": 10}
    source = {"root": ROOT, "config_paths": ["/etc/nginx"]}
    return {
        "id": (time[9] * 64),
        "time": time,
        "arrived": time,
        "files": files + 15,
        "bytes": size,
        "counts": counts,
        "source": source,
        **more,
    }


def web(name: str, digest: str = GOOD, **more: Any) -> dict[str, Any]:
    return {"path": f"{ROOT}/{name}", "area": "web", "type": "file", "hash": digest, "size": 9, **more}


def upload(name: str, **more: Any) -> dict[str, Any]:
    return web(f"wp-content/uploads/{name}", **more) | {"area": "upload"}


def rules(found: dict[str, Any]) -> list[str]:
    return [row["rule"] for row in found["suspects"]]


def test_code_is_what_the_baseline_knows(vault: Vault) -> None:
    """Seen failing with `_other_than` taken out: every point was clean."""
    signed = vault.signed(T0, **{"a.php": GOOD, "b.html": GOOD, "c.png": GOOD})
    clean = vault.verdict(web("a.php"), web("b.html"), web("c.png", OTHER), lists=(signed,))
    assert (clean["verdict"], clean["others"], clean["code"]) == ("clean", 1, 2)
    assert clean["baseline"] == {"taken": T0, "sha256": "cc" * 32}
    wrong = vault.verdict(web("a.php", OTHER), web("b.html", OTHER), web("mu-plugins/x.php"), lists=(signed,))
    assert (wrong["verdict"], rules(wrong)) == ("suspect", ["code-changed", "page-changed", "code-added"])


def test_code_in_a_file_with_another_name_is_code(vault: Vault) -> None:
    """PHP in `logo.png` runs as soon as something includes it."""
    signed = vault.signed(T0, **{"a.php": GOOD})
    assert rules(vault.verdict(web("logo.png", OTHER, marks=["php"]), lists=(signed,))) == ["code-added"]


def test_the_baseline_of_its_time_counts_and_later_ones_excuse(vault: Vault) -> None:
    """After an update the new baseline excuses the point before it; an older one never excuses code that came back."""
    old, new = vault.signed(T0, **{"a.php": GOOD}), vault.signed(T2, **{"a.php": OTHER})
    assert vault.verdict(web("a.php", OTHER), lists=(old,))["verdict"] == "suspect"
    assert vault.verdict(web("a.php", OTHER), lists=(old, new))["verdict"] == "clean"
    assert vault.verdict(web("a.php"), lists=(old, new), at=T3)["verdict"] == "suspect", "old code has known holes"
    assert vault.verdict(web("a.php", OTHER), lists=(old, new), at=T3)["baseline"]["taken"] == T2


def test_without_an_older_baseline_the_content_rules_alone_judge(vault: Vault) -> None:
    """ "Clean" would promise more than was looked at."""
    alone = vault.verdict(web("a.php"))
    assert (alone["verdict"], alone["why"], alone["rules"] > 10) == ("not judged", "no baseline", True)
    assert rules(vault.verdict(web("a.php", signs=["evaluates-input"]))) == ["content"]
    later = vault.signed(T2, **{"a.php": GOOD})
    assert vault.verdict(web("a.php"), lists=(later,))["verdict"] == "clean", "a later baseline knows all of its code"
    assert vault.verdict(web("a.php"), web("b.php"), lists=(later,))["verdict"] == "not judged"
    elsewhere = vault.known.FileList(T0, "cc" * 32, {"/etc/nginx/nginx.conf": ("file", GOOD)})
    assert vault.verdict(web("a.php"), lists=(elsewhere,))["verdict"] == "not judged", (
        "it knows nothing of this web root"
    )


def test_uploads_hold_media(vault: Vault) -> None:
    signed = vault.signed(T0, **{"a.php": GOOD, "wp-content/uploads/.htaccess": GOOD})
    good = (
        upload("index.php", marks=["php"], idle=True),
        upload("empty.php", size=0),
        upload(".htaccess"),
        upload("x.png", marks=["short-tag"]),
    )
    assert vault.verdict(*good, lists=(signed,))["verdict"] == "clean"
    bad = {
        "upload-code": upload("a.jpg", digest=OTHER, marks=["php"]),
        "upload-program": upload("a.sh", digest=OTHER),
        "upload-server-file": upload(".user.ini", digest=OTHER),
        "upload-link": upload("out", digest="../../../../../../etc/passwd") | {"type": "link"},
        "device": upload("pipe") | {"type": "other"},
    }
    for rule, row in bad.items():
        assert rules(vault.verdict(row, lists=(signed,))) == [rule]


def test_a_person_s_word_and_our_own_files_excuse_exactly_that_content(vault: Vault) -> None:
    signed, path = vault.signed(T0, **{"a.php": GOOD}), f"{ROOT}/x.php"
    accepted = {"accepted": {path: {OTHER: {"by": "lan"}}}}
    found = vault.verdict(web("x.php", OTHER), lists=(signed,), **accepted)
    assert (found["verdict"], found["accepted"]) == ("clean", 1)
    assert vault.verdict(web("x.php", GOOD), lists=(signed,), **accepted)["verdict"] == "suspect"
    assert vault.verdict(web("x.php", OTHER), lists=(signed,), ours={path: OTHER})["verdict"] == "clean"


WHOLE = {
    f"{ROOT}/index.php": 10,
    f"{ROOT}/a.php": 50 << 20,
    "/var/lib/ungcuu/backup/current/tables.sql": 200_000,
    "/etc/nginx/nginx.conf": 100,
}


def test_half_of_what_was_there_is_not_whole(vault: Vault) -> None:
    """Seen failing with `_shrunk` taken out. The words name both amounts."""
    vault.rows = [point(T1, sizes={"files": 50 << 20, "database": 200_000, "config": 100_000})]
    fine = vault.completeness(WHOLE, point(T2, files=60, size=30 << 20))
    assert [row["part"] for row in fine["shrunk"]] == ["config"]
    small = vault.completeness(WHOLE, point(T2, files=40, size=9 << 20))
    row = next(row for row in small["shrunk"] if (row["part"], row["what"]) == ("all", "bytes"))
    assert (row["now"], row["before"], row["before_time"]) == (9 << 20, 50 << 20, T1)
    noted = vault.whole.noted(small)
    assert "holds 9.0 MiB where" in vault.whole.in_words(point(T2) | {"whole": noted})
    assert not vault.whole.sound(point(T2) | {"whole": noted})


def test_a_small_point_is_no_measure_for_the_next(vault: Vault) -> None:
    """Else the alarm would be over one day, and the intruder's small points would be what is right.

    Seen failing with `sound` taken out of `_measures`.
    """
    shrunk = {"shrunk": [{}], "lacks": [], "missing": [], "missing_total": 0}
    later, latest = "2026-01-28T01:30:00Z", "2026-01-29T01:30:00Z"
    vault.rows = [point(T1), point(later, files=10, size=1 << 20, whole=shrunk)]
    assert vault.completeness(WHOLE, point(latest, files=10, size=1 << 20))["shrunk"]
    vault.rows[1]["accepted"] = {"by": "lan"}
    assert not vault.completeness(WHOLE, point(latest, files=10, size=1 << 20))["shrunk"], "a person said it is right"


def test_shrinking_by_a_third_each_night_is_found(vault: Vault) -> None:
    vault.rows = [point(T0, size=53 << 20), point(T1, size=36 << 20), point(T2, size=28 << 20)]
    assert vault.completeness(WHOLE, point(T3, size=20 << 20))["shrunk"]


def test_what_the_facts_and_the_baseline_know_is_missed(vault: Vault) -> None:
    """Seen failing with `_missing` and `_lacks` taken out."""
    files = dict.fromkeys(("index.php", "a.php", "b.php", "x.tmp", "cache/y", "wp-content/uploads/z.php"), GOOD)
    vault.rows = [point(T1, whole={"entries": ["index.php"], "shrunk": [], "lacks": []})]
    found = vault.completeness(WHOLE, point(T2), vault.signed(T0, **files))
    assert found["missing"] == [f"{ROOT}/b.php"], "what is excluded or writable is not asked for"
    assert found["lacks"] == []
    later = vault.signed(T3, **{"index.php": GOOD, "a.php": GOOD})
    known = vault.known.Known((vault.signed(T0, **files), later))
    assert vault.whole.again(found, point(T2), known)["missing"] == [], "a later baseline says that it is gone"
    empty = {f"{ROOT}/a.php": 1, "/var/lib/ungcuu/backup/current/tables.sql": 0}
    assert vault.completeness(empty, point(T2))["lacks"] == ["dump tables.sql", "entry index.php", "config /etc/nginx"]
    vault.settings["database"] = {}
    assert vault.completeness(WHOLE, point(T2))["lacks"] == []


def test_what_a_restore_would_refuse_is_named_when_the_point_arrives(vault: Vault) -> None:
    """Seen failing with each of the three, and with each `vouched`, left out of `restorable.judge`."""
    where = vault.look.Places(ROOT, (f"{ROOT}/data",), ("/etc/nginx",), lambda _p, _d: False)
    rows = [
        {
            "path": f"{ROOT}/LocalSettings.php",
            "area": "web",
            "type": "link",
            "hash": "/etc/mediawiki/LocalSettings.php",
        },
        {"path": f"{ROOT}/latest", "area": "web", "type": "link", "hash": f"{ROOT}/data"},
        {"path": f"{ROOT}/data/config.php", "area": "upload", "type": "file", "hash": GOOD, "program": True},
        {"path": f"{ROOT}/data/shell.php", "area": "upload", "type": "file", "hash": OTHER, "program": True},
        {"path": "/etc/nginx/x", "area": "config", "type": "link", "hash": "/etc/other"},
    ]
    seen = {row["path"]: row for row in rows}
    found = vault.restorable.judge(seen, [f"{ROOT}/images"], where, lambda row: row["hash"] == GOOD)
    assert [(row["check"], row["paths"], row["total"]) for row in found["refused"]] == [
        ("links", ["LocalSettings.php"], 1),
        ("programs", ["data/shell.php"], 1),
        ("modes", ["images"], 1),
    ]
    assert found["not_asked"] == ["php_syntax", "database_import"]
    words = vault.restorable.in_words({"restorable": found}, ["links", "modes"])
    assert words == "programs in writable folders: data/shell.php"
    known = vault.restorable.vouched_for(seen, where, lambda row: row["hash"] == GOOD)
    assert known == {"data/config.php": GOOD}
    # A package's link that the baseline has is no alarm, and the stage is given its target.
    right = {GOOD, "/etc/mediawiki/LocalSettings.php"}
    found = vault.restorable.judge(seen, [], where, lambda row: row["hash"] in right)
    assert [(row["check"], row["paths"]) for row in found["refused"]] == [("programs", ["data/shell.php"])]
    known = vault.restorable.vouched_for(seen, where, lambda row: row["hash"] in right)
    assert known == {"data/config.php": GOOD, "LocalSettings.php": "/etc/mediawiki/LocalSettings.php"}


def test_a_folder_that_anyone_may_write_is_in_the_listing(vault: Vault) -> None:
    """restic lists modes of files and folders; a link's own says nothing."""
    listing = vault.whole.Listing(SimpleSite(vault))
    go_directory = 1 << 31
    for name, kind, mode in (
        ("images", "dir", go_directory | 0o777),
        ("a.php", "file", 0o644),
        ("l", "symlink", 0o777),
    ):
        listing.see({"path": f"{ROOT}/{name}", "type": kind, "mode": mode}, "files")
    assert listing.opened == [f"{ROOT}/images"]


def test_a_list_is_kept_once_and_never_in_check_mode(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing with `check` left out of `know`."""
    files = [[f"{ROOT}/index.php", "file", GOOD]]
    document = {"format": 1, "host": "web01", "taken": T0, "sha256": "cc" * 32, "files": files, "ours": {}}
    site = SimpleNamespace(name="web01", store=tmp_path)

    def know(*, check: bool) -> bool:
        given = SimpleNamespace(buffer=io.BytesIO(json.dumps(document).encode()))
        monkeypatch.setattr(vault.known.sys, "stdin", given)
        return bool(vault.known.know(site, SimpleNamespace(check=check))["changed"])

    assert know(check=True)
    assert list(tmp_path.iterdir()) == []
    assert know(check=False)
    assert not know(check=True)
    assert not know(check=False)
