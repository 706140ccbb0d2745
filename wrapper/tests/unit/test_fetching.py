"""Bytes of files are judged as they come from the host: without a limit on their number, one in memory at a time."""

from __future__ import annotations

import base64
import json
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from ungcuu.detect import detectors, fetching, files
from ungcuu.detect.baseline import Snapshot
from ungcuu.detect.comparison import Comparison, Policy
from ungcuu.detect.findings import Finding
from ungcuu.hosts import remote_program, ssh
from ungcuu.remote.host_state.__main__ import looked_at

ROOT = "/var/www/site"
POLICY = Policy("web01", ROOT, (f"{ROOT}/uploads",))
SHELL = b"<?php if (false) { eval($_POST['c']); }"  # ours, and inert
GOOD = b"<?php echo htmlspecialchars('x');"


def comparison(rows: dict[str, str], before: bool = True, policy: Policy = POLICY, **more: Any) -> Comparison:
    """Rows: path → area."""
    now = Snapshot(ended=True)
    for number, (path, area) in enumerate(rows.items()):
        known = {"path": path, "type": "file", "area": area, "sha256": f"{number:064x}", "mode": 0o100644, "size": 9}
        now.rows["file"][(path,)] = known | {"uid": 0, "gid": 0, **more}
    return Comparison(policy, Snapshot(ended=True) if before else None, now)


def content(path: str, data: bytes) -> bytes:
    row = {"k": "content", "path": path, "data": base64.b64encode(data).decode()}
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def pushed(known: Comparison, rows: dict[str, bytes], seconds: float = 60.0, step: int = 1000) -> fetching.Fetching:
    found = fetching.Fetching(known, set(detectors.interesting(known)), end=time.monotonic() + seconds)
    data = b"".join(content(path, text) for path, text in rows.items())
    for start in range(0, len(data), step):
        found.push(data[start : start + step])
    return found


def of_file(known: Comparison, found: fetching.Fetching) -> list[Finding]:
    whole = Comparison(known.policy, known.before, known.now, found.contents, found.judged)
    return list(files.files(whole))


def test_the_last_of_many_files_is_judged_too() -> None:
    """An intruder who leaves 200 harmless files hid the next one."""
    known = comparison({f"{ROOT}/a{number:04}.php": "web" for number in range(600)})
    rows = {f"{ROOT}/a{number:04}.php": SHELL if number == 599 else GOOD for number in range(600)}
    found = pushed(known, rows, step=1 << 16)
    assert (found.wanted, found.contents) == (set(), {}), "nothing of what was judged is kept"
    worst = {item.path: item.severity.value for item in of_file(known, found)}
    assert len(worst) == 600
    assert (worst[f"{ROOT}/a0599.php"], worst[f"{ROOT}/a0000.php"]) == ("critical", "high")


def test_memory_does_not_grow_with_the_files() -> None:
    """With the bytes kept it would be 80 MiB more."""
    known = comparison({f"{ROOT}/a{number:03}.css": "web" for number in range(60)})
    filler = b"a { color: red }\n" * 60_000
    pushed(known, {f"{ROOT}/a000.css": filler}, step=1 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = fetching.Fetching(known, set(detectors.interesting(known)), end=time.monotonic() + 600)
    for number in range(60):
        found.push(content(f"{ROOT}/a{number:03}.css", filler))
    assert len(found.judged) == 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 << 10  # KiB


def test_only_what_was_asked_for_is_taken_and_once() -> None:
    known = comparison({f"{ROOT}/a.php": "web"})
    found = pushed(known, {f"{ROOT}/other.php": SHELL, f"{ROOT}/a.php": SHELL})
    found.push(content(f"{ROOT}/a.php", GOOD))
    assert list(found.judged) == [f"{ROOT}/a.php"]
    assert found.judged[f"{ROOT}/a.php"][0].severity.value == "critical"
    found.push(b"x" * (8 << 20))
    assert len(found._rest) < 4 << 20
    found.push(b"\n" + b'{"k": "content"}\n[]\n\xff\n')


def test_what_was_not_judged_is_a_finding() -> None:
    known = comparison({f"{ROOT}/a.php": "web", f"{ROOT}/b.php": "web"})
    found = pushed(known, {f"{ROOT}/a.php": GOOD})
    (item,) = fetching.unjudged(known, found, 2)
    assert (item.rule, item.severity.value, item.seen) == ("reading.incomplete", "medium", "1 of 2 files")
    with pytest.raises(fetching._OutOfTimeError):
        pushed(known, {f"{ROOT}/a.php": GOOD}, seconds=-1)


def test_the_time_that_is_over_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    known = comparison({f"{ROOT}/a.php": "web", f"{ROOT}/b.php": "web"})

    def stream(_target: object, _name: str, config: dict[str, Any], sink: Any, **_more: object) -> None:
        assert len(config["contents"]) == 2
        for path in (f"{ROOT}/a.php", f"{ROOT}/b.php"):
            sink(content(path, GOOD))

    monkeypatch.setattr(remote_program, "stream_program", stream)
    target = ssh.Target("web01", "192.0.2.1")
    paths = detectors.interesting(known)
    assert fetching.fetch(target, known, paths).wanted == set()
    assert fetching.fetch(target, known, paths, seconds=-1).wanted == {f"{ROOT}/b.php"}
    assert fetching.fetch(target, known, []).judged == {}


def test_units_are_kept_together_because_one_explains_another() -> None:
    known = comparison({"/etc/systemd/system/a.service": "system", "/etc/cron.d/b": "system"})
    found = pushed(known, {"/etc/systemd/system/a.service": b"[Service]\nExecStart=/x\n", "/etc/cron.d/b": b"x"})
    assert sorted(found.contents) == ["/etc/cron.d/b", "/etc/systemd/system/a.service"]


def test_code_in_a_website_without_a_baseline_is_judged() -> None:
    """The first day of most users: nobody knows whether the host is clean. Seen before: only `baseline.missing`."""
    known = comparison({f"{ROOT}/wp-includes/a.php": "web", f"{ROOT}/b.php": "web", f"{ROOT}/c.png": "web"}, False)
    found = pushed(known, {f"{ROOT}/wp-includes/a.php": SHELL, f"{ROOT}/b.php": GOOD})
    assert found.wanted == set(), "a picture without marks is not asked for"
    assert [(item.rule, item.path, item.severity.value) for item in of_file(known, found)] == [
        ("content.code", f"{ROOT}/wp-includes/a.php", "critical")
    ]


def test_a_page_of_gambling_links_without_a_baseline_is_found() -> None:
    page = "<div style='display:none'>" + "<a href='https://x.test/'>nhà cái casino tài xỉu nổ hũ</a>" * 3 + "</div>"
    known = comparison({f"{ROOT}/tin.html": "web"}, False)
    found = pushed(known, {f"{ROOT}/tin.html": page.encode()})
    assert [item.rule for item in of_file(known, found)] == ["content.hidden-link"]


def test_what_a_signed_list_or_the_package_knows_is_not_asked_for() -> None:
    row = {f"{ROOT}/a.php": "web"}
    listed = Policy("web01", ROOT, known_good=frozenset([f"{0:064x}"]))
    assert detectors.interesting(comparison(row, False, listed)) == []
    assert detectors.interesting(comparison(row, False, package_ok=True)) == []
    assert detectors.interesting(comparison(row, True, package_ok=True)) == [f"{ROOT}/a.php"], "dpkg may be forged"


def test_the_host_sends_pieces_of_a_long_file(tmp_path: Path) -> None:
    """520 KiB of remarks before the payload hid it: the head alone was read."""
    long = tmp_path / "a.php"
    long.write_bytes(b"<?php /* " + b"x" * (700 << 10) + b" */ eval($_POST['c']);" + b"y" * (1 << 20))
    data = looked_at(bytes(long))
    assert b"eval($_POST['c'])" in data and len(data) < 1 << 21
    with long.open("r+b") as file:
        file.truncate(80 << 20)
        file.seek(-30, 2)
        file.write(b"<?php eval($_POST['end']); ?>")
    assert b"$_POST['end']" in looked_at(bytes(long))
    assert looked_at(bytes(tmp_path)) == looked_at(b"/nowhere") == b""
