"""The parts of an application: read on the host, and compared with advisories that the site supplies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ungcuu.core.errors import InventoryError, StepFailed
from ungcuu.hosts import profiles
from ungcuu.prepare import advisories, components
from ungcuu.prepare.advisories import Advisories, Verdict
from ungcuu.prepare.versions import compare
from ungcuu.remote import components as reader

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [
        ("6.1.10", "6.1.9", 1),
        ("6.1", "6.1.0", 0),
        ("6.0-RC1", "6", -1),
        ("6.1-beta2", "6.1-RC1", -1),
        ("1.0pl1", "1.0", 1),
        ("v2.3", "2.3.0", 0),
        ("1.0+build7", "1.0", 0),
        ("trunk", "1.0", None),
        ("1.0-custom", "1.0", None),
        ("", "1.0", None),
    ],
)
def test_versions_are_ordered_as_php_does(one: str, other: str, order: int | None) -> None:
    """A text comparison would call 6.1.10 older than 6.1.9, and a hole open that is closed."""
    assert compare(one, other, "php") == order


def test_a_dated_version_with_a_letter_is_newer() -> None:
    """DokuWiki's 2023-04-04a is a fix; read as PHP's version it would be an alpha."""
    assert compare("2023-04-04a", "2023-04-04", "date") == 1


def _entry(name: str = "Bitnami:wordpress", **affected: Any) -> dict[str, Any]:
    ecosystem, _colon, package = name.partition(":")
    row = {"package": {"ecosystem": ecosystem, "name": package}, **affected}
    return {"id": "X-1", "aliases": ["CVE-2026-1"], "modified": "2026-11-18T00:00:00Z", "affected": [row]}


def _range(*events: dict[str, str], kind: str = "SEMVER") -> dict[str, Any]:
    return {"ranges": [{"type": kind, "events": list(events)}]}


def _known(folder: Path, *entries: dict[str, Any]) -> Advisories:
    (folder / "known.json").write_text(json.dumps(list(entries)), "utf-8")
    return advisories.load(folder / "known.json")


def _verdict(known: Advisories, version: str) -> tuple[str, str]:
    holes = known.holes(["Bitnami:wordpress"], version, "php")
    return (holes[0].verdict.value, holes[0].fixed) if holes else ("", "")


def test_a_range_is_judged_by_its_events(tmp_path: Path) -> None:
    """Two lines of releases, each with its own fix: what is between them is closed."""
    events = ({"introduced": "0"}, {"fixed": "5.8.3"}, {"introduced": "6.0"}, {"fixed": "6.1.10"})
    known = _known(tmp_path, _entry(**_range(*events)))
    assert _verdict(known, "5.8.2") == ("affected", "5.8.3")
    assert _verdict(known, "5.9") == ("", "")
    assert _verdict(known, "6.1.9") == ("affected", "6.1.10")
    assert _verdict(known, "6.1.10") == ("", "")
    assert _verdict(_known(tmp_path, _entry(**_range({"introduced": "6.0"}, {"last_affected": "6.1.9"}))), "6.1.9")[0]


def test_what_cannot_be_compared_is_not_known(tmp_path: Path) -> None:
    """Passed over in silence it would read as "no known hole"; seen failing with the order taken as 0 instead."""
    known = _known(tmp_path, _entry(**_range({"introduced": "0"}, {"fixed": "6.1.10"})))
    assert _verdict(known, "trunk") == (Verdict.NOT_KNOWN.value, "")
    assert _verdict(known, "") == (Verdict.NOT_KNOWN.value, "")
    commits = _known(tmp_path, _entry(**_range({"introduced": "0"}, {"fixed": "1f3a"}, kind="GIT")))
    assert _verdict(commits, "6.1") == (Verdict.NOT_KNOWN.value, "")


def test_versions_that_are_listed_and_advisories_that_were_withdrawn(tmp_path: Path) -> None:
    """A list of versions names every one; a withdrawn entry says nothing."""
    assert _verdict(_known(tmp_path, _entry(versions=["6.1.9"])), "6.1.9")[0] == "affected"
    assert _verdict(_known(tmp_path, _entry(versions=["6.1.9"])), "6.1.8") == ("", "")
    assert _verdict(_known(tmp_path, _entry(versions=["6.1.9"]) | {"withdrawn": "2026-01-01T00:00:00Z"}), "6.1.9") == (
        "",
        "",
    )


def test_the_age_is_that_of_the_newest_entry(tmp_path: Path) -> None:
    """Old advisories look like a site without holes."""
    assert "10 days old" in _known(tmp_path, _entry(versions=[])).age(NOW)
    assert "were not looked for" in Advisories().age(NOW)


@pytest.mark.parametrize("text", ["{", '[{"id": 1}]', '[{"id": "X", "affected": [{"ranges": [{"events": 3}]}]}]', "7"])
def test_a_file_that_is_no_advisory_is_named(tmp_path: Path, text: str) -> None:
    """Skipped, its holes would be open and unseen."""
    (tmp_path / "bad.json").write_text(text, "utf-8")
    with pytest.raises(InventoryError, match=r"bad\.json"):
        advisories.load(tmp_path)
    with pytest.raises(InventoryError):
        advisories.load(tmp_path / "absent")


def _site(root: Path) -> None:
    files = {
        "wp-includes/version.php": "<?php\n$wp_version = '6.1.9';\n",
        "wp-content/plugins/akismet/akismet.php": "<?php\n/*\nPlugin Name: Akismet\n * Version: 5.0.2\n*/",
        "wp-content/plugins/akismet/helper.php": "<?php // Version: 9",
        "wp-content/plugins/hello.php": "<?php\n/* Plugin Name: Hello\nVersion: 1.7 */",
        "wp-content/plugins/odd/odd.php": "<?php /* Plugin Name: Odd\nVersion: \x1b[31m */",
        "wp-content/themes/t/style.css": "/*\nTheme Name: T\nVersion: 1.0\n*/",
        "wp-content/plugins/akismet/vendor/composer/installed.json": json.dumps(
            {"packages": [{"name": "guzzlehttp/guzzle", "version": "7.4.0"}, {"name": 7}]}
        ),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")


def _read(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> bytes:
    rules = [vars(rule) for rule in profiles.load("wordpress").components]
    monkeypatch.setattr(reader, "CONFIG", {"root": str(root), "components": rules})
    reader.main()
    return capsys.readouterr().out.encode()


def test_every_part_is_read_and_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Core, plugins in a folder and alone, themes, and libraries inside a plugin; a wild version is not shown."""
    _site(tmp_path)
    known = _known(tmp_path, _entry("Packagist:guzzlehttp/guzzle", **_range({"introduced": "0"}, {"fixed": "7.4.5"})))
    answer = _read(tmp_path, capsys, monkeypatch)
    found = components.judged(answer, profiles.load("wordpress"), known, "web01")
    assert [(part.kind, part.name, part.version) for part in found.parts] == [
        ("core", "wordpress", "6.1.9"),
        ("plugin", "akismet", "5.0.2"),
        ("plugin", "hello", "1.7"),
        ("plugin", "odd", ""),
        ("theme", "t", "1.0"),
        ("library", "guzzlehttp/guzzle", "7.4.0"),
    ]
    assert [part.name for part in found.affected()] == ["guzzlehttp/guzzle"]
    assert found.parts[-1].words() == "CVE-2026-1 (fixed in 7.4.5)"
    assert [part.words() for part in found.parts[:4]] == ["none known", "none known", "none known", "not known"]


def test_a_hole_of_a_packaged_part_is_said_with_care() -> None:
    """Debian closes holes without a new upstream version."""
    hole = advisories.Hole("X-1", (), Verdict.AFFECTED, "", "")
    part = components.Part("core", "mediawiki", "1.39.5", "/x", "mediawiki 1:1.39.5-1~deb12u1", (hole,))
    assert "Debian's package may have fixed it" in part.words()


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"parts": [{"rule": 99}], "left": [], "too_many": false}'])
def test_a_lying_host_is_refused(answer: bytes) -> None:
    """What it says is a claim of a fixed form."""
    with pytest.raises(StepFailed):
        components.judged(answer, profiles.load("wordpress"), Advisories(), "web01")
