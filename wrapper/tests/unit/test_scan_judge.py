"""What a reading is judged by: nothing that it says of itself makes a place for code."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from unittest import mock

from detected import ROOT, file, snapshot

from ungcuu.detect import fetching, scan, second_reader
from ungcuu.detect.baseline import Baseline
from ungcuu.hosts.profiles import Detect, Profile, Writable
from ungcuu.hosts.ssh import Target

PAGE = f"{ROOT}/uploads/page.php"
UPLOADED = file(PAGE, "upload", marks=["php"])


def link(path: str, target: str) -> dict[str, Any]:
    return {"path": path, "type": "link", "area": "web", "mode": 0o777, "uid": 0, "gid": 0, "target": target}


def judged(
    tmp_path: Path,
    before: list[dict[str, Any]],
    now: list[dict[str, Any]],
    page: str = PAGE,
    code: bytes = b"<?php echo 'trang';",
    **facts: Any,
) -> list[str]:
    """How bad each code among the uploads is, by a whole judgement of a website whose `cache` holds compiled pages."""
    cache = Profile("X", "1", Detect(()), writable=Writable(code=("cache",)), generated=("cache",))
    past = mock.Mock(**{"isolation_mode.return_value": "", "patched_versions.return_value": ()})
    target = Target("web01", "192.0.2.1")
    writable = ("uploads", "cache")
    subject = scan.Subject("web01", target, tmp_path, past, ROOT, writable, "portal", (80,), profile=cache, **facts)
    known = Baseline("web01", "2026-11-28T00:00:00.000Z", snapshot(file=before), "0" * 64)
    read = {page: base64.b64encode(code).decode()}
    with (
        mock.patch.object(second_reader, "look_on_host"),
        mock.patch.object(second_reader, "compare", return_value=second_reader.Verdict()),
        mock.patch.object(fetching, "fetch", lambda _target, seen, _paths: fetching.Fetching(seen, set(), {}, read)),
    ):
        found = scan.judge(subject, snapshot(file=now), known, 0.0).findings
    return [one.severity.value for one in found if one.rule == "upload.code"]


def test_a_link_that_root_made_since_the_baseline_makes_no_place_for_code(tmp_path: Path) -> None:
    """`cache` → `uploads` took the uploads for compiled pages. Seen failing with the links of the reading."""
    cache = file(f"{ROOT}/cache", type="folder")
    assert judged(tmp_path, [cache], [link(f"{ROOT}/cache", "uploads"), UPLOADED]) == ["critical"]


def test_a_link_that_was_signed_still_leads_to_where_pages_are_compiled(tmp_path: Path) -> None:
    """A website whose cache stands elsewhere would cry wolf with each page that is compiled."""
    signed = link(f"{ROOT}/cache", "uploads")
    assert judged(tmp_path, [signed], [signed, UPLOADED]) == []


SHELL = b"<?php eval(base64_decode($_POST['x']));"


def test_what_lies_beside_the_root_is_judged_by_its_content(tmp_path: Path) -> None:
    """Debian's way: /var/lib/app holds settings as PHP, which editors change. Seen failing: a web shell there was found
    by nobody, nor one among the documents that an alias serves.
    """
    facts = {"data_paths": ("/var/lib/app",), "config_paths": ("/etc/nginx", "/srv/tai-lieu", "/opt/x", "/srv")}
    for page in ("/var/lib/app/data/config.php", "/srv/tai-lieu/x.php"):
        row = file(page, "upload", marks=["php"])
        assert judged(tmp_path, [], [row], page, **facts) == []
        assert judged(tmp_path, [], [row], page, SHELL, **facts) == ["critical"]
    target = Target("web01", "192.0.2.1")
    subject = scan.Subject("web01", target, tmp_path, mock.Mock(), "/srv/portal", (), "portal", (80,), **facts)
    assert subject.beside == ("/var/lib/app", "/srv/tai-lieu")
    assert subject.reader_config()["web_beside"] == ["/var/lib/app", "/srv/tai-lieu"]
