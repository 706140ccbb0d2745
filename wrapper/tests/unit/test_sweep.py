"""A sweep of the restore points: what the vault streams, what the controller makes of it. No host, no repository."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ungcuu.detect import sweep
from ungcuu.report.sweeps import sentences

PROGRAM = Path(__file__).parents[3] / "roles/backup_vault/files"
ROOT = "/var/www/portal"
SHELL = b"<?php if (false) { eval($_POST['c']); }"  # ours, and inert
GOOD = b"<?php echo htmlspecialchars('x');"
PICTURE = b"\x89PNG\r\n\x1a\n\0" + bytes(range(256)) * 40


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The vault's own module."""
    monkeypatch.syspath_prepend(str(PROGRAM))
    from ungcuu_vault import sweep as module

    yield module
    for name in [name for name in sys.modules if name.startswith("ungcuu_vault")]:
        del sys.modules[name]


class Points:
    """What a vault with these points would send."""

    def __init__(self, vault: Any, known: frozenset[bytes] = frozenset()) -> None:
        self.vault, self.out = vault, io.BytesIO()
        self.stream = vault.Stream(self.out, known)

    def begin(self, number: int, verdict: str = "not judged", suspects: tuple[tuple[str, str], ...] = ()) -> None:
        self.stream.line(
            point=f"{number:064x}",
            time=f"2026-01-{number:02}T01:30:00Z",
            root=ROOT,
            damaged=False,
            verdict=verdict,
            suspects=suspects,
        )

    def whole(self, number: int, files: dict[str, bytes], **more: Any) -> None:
        self.begin(number, **more)
        self.stream.line(read="whole")
        for name, data in files.items():
            self._file(name, data, always=False)
        self.stream.line(end=f"{number:064x}", files=len(files))

    def changed(self, number: int, files: dict[str, bytes], gone: tuple[str, ...] = ()) -> None:
        self.begin(number)
        self.stream.line(read="changed")
        for name in gone:
            self.stream.line(gone=f"{ROOT}/{name}")
        for name, data in files.items():
            self._file(name, data, always=True)
        self.stream.line(end=f"{number:064x}", files=len(files))

    def _file(self, name: str, data: bytes, always: bool) -> None:
        path = f"{ROOT}/{name}"
        self.stream.file(path, self.vault._sight(path, io.BytesIO(data)), always)

    def seen(self, step: int = 7, **more: Any) -> sweep.Sweep:
        found = sweep.Sweep(**more)
        frames = sweep.Frames(found.take)
        ended = len(re.findall(rb'"end": ?"', self.out.getvalue()))
        data = self.out.getvalue() + b'{"outcome": "DONE", "points": %d}\n' % ended
        for start in range(0, len(data), step):
            frames.push(data[start : start + step])
        return found


def lines(found: sweep.Sweep) -> str:
    clean = found.newest_clean
    data = {
        "host": "web01",
        "points": [one.brief() for one in found.points],
        "traces": [one.brief() for one in found.traces],
        "found": len(found.traces),
        "suspects": [],
        "unseen": [],
        "unjudged": 0,
        "newest_clean": {"id": clean.id, "time": clean.time} if clean else {},
    }
    return "\n".join(sentences(data))


def test_the_break_in_is_dated_by_the_first_point_that_holds_the_file(vault: Any) -> None:
    points = Points(vault)
    points.whole(1, {"index.php": GOOD})
    points.changed(2, {"a/x.php": SHELL})
    points.changed(3, {}, gone=("a/x.php",))
    points.whole(4, {"index.php": GOOD})
    found = points.seen()
    (trace,) = found.traces
    assert (trace.path, trace.first.time[:10], trace.last.time[:10]) == (f"{ROOT}/a/x.php", "2026-01-02", "2026-01-02")
    assert trace.before and trace.before.time.startswith("2026-01-01")
    assert trace.severity == "critical" and trace.reasons
    assert found.newest_clean is found.points[0], "a point after the break-in is none to go back to"
    assert "first in the point 00000000" in lines(found)
    assert found.outcome == "DONE"


def test_a_known_shell_is_seen_again_in_a_point_that_does_not_send_its_bytes(vault: Any) -> None:
    """Each content goes out once. Seen without the memory of bad contents: the second point was clean."""
    points = Points(vault)
    points.whole(1, {"x.php": SHELL})
    points.whole(2, {"y.php": SHELL, "index.php": GOOD})
    found = points.seen()
    assert points.out.getvalue().count(SHELL) == 1
    assert [one.clean for one in found.points] == [False, False]
    assert {one.path for one in found.traces} == {f"{ROOT}/x.php", f"{ROOT}/y.php"}
    assert found.newest_clean is None and "No restore point is clean." in lines(found)


def test_the_same_text_under_a_name_that_runs_is_judged_again(vault: Any) -> None:
    """A guide in Markdown is no code. Seen without the name in the memory of what was sent: it was never found."""
    points = Points(vault)
    points.whole(1, {"guide.md": SHELL})
    points.whole(2, {"guide.md": SHELL, "guide.php": SHELL})
    found = points.seen()
    assert [one.path for one in found.traces] == [f"{ROOT}/guide.php"]
    assert found.newest_clean is found.points[0]


@pytest.mark.parametrize("end", ['{"outcome": "DONE"}', '{"outcome": "DONE", "points": 2}'])
def test_a_vault_that_keeps_points_back_is_not_believed(vault: Any, end: str) -> None:
    """Seen failing: any document with the outcome DONE ended a sweep of nothing as DONE."""
    points = Points(vault)
    points.whole(1, {"index.php": GOOD})
    frames = sweep.Frames(sweep.Sweep().take)
    with pytest.raises(sweep.StrangeAnswerError):
        frames.push(points.out.getvalue() + end.encode() + b"\n")


def test_points_without_end_are_refused(monkeypatch: pytest.MonkeyPatch, vault: Any) -> None:
    """Each would be kept: a vault in the wrong hands fills the controller's memory."""
    monkeypatch.setattr(sweep, "_MOST_POINTS", 2)
    points = Points(vault)
    for number in (1, 2, 3):
        points.begin(number)
    with pytest.raises(sweep.StrangeAnswerError, match="too many points"):
        points.seen()


def test_media_stay_on_the_vault_and_media_with_code_do_not(vault: Any) -> None:
    points = Points(vault)
    points.whole(1, {"a.png": PICTURE, "b.png": PICTURE + b"<?php system($_GET['q']); ?>"})
    found = points.seen()
    assert points.out.getvalue().count(PICTURE) == 1
    assert [one.path for one in found.traces] == [f"{ROOT}/b.png"]


def test_a_shell_in_a_long_file_is_sent_in_pieces(vault: Any) -> None:
    data = b"x" * (3 << 20) + b"\n<?php eval($_POST['c']);\n" + b"y" * (3 << 20)
    points = Points(vault)
    points.whole(1, {"a.php": data})
    assert len(points.out.getvalue()) < 2 << 20
    assert [one.path for one in points.seen(1 << 16).traces] == [f"{ROOT}/a.php"]


def test_what_is_known_as_good_is_not_sent_and_what_a_finding_names_is_traced(vault: Any) -> None:
    import hashlib

    good, plain = hashlib.sha256(SHELL), hashlib.sha256(GOOD)
    points = Points(vault, frozenset([good.digest()]))
    points.whole(1, {"tool.php": SHELL})
    points.whole(2, {"tool.php": SHELL, "b.php": GOOD})
    found = points.seen(named={plain.hexdigest(): "0123"})
    assert [one.path for one in found.traces] == [f"{ROOT}/b.php"], "judged clean, and named by a finding of the case"
    excused = points.seen(named={plain.hexdigest(): "0123"}, excused=frozenset([(f"{ROOT}/b.php", plain.hexdigest())]))
    assert excused.traces == []


def test_a_point_that_cannot_be_read_is_no_clean_one(vault: Any) -> None:
    """Seen with `ended` taken for granted: the point that nobody could read was given as the one to go back to."""
    points = Points(vault)
    points.whole(1, {"index.php": GOOD})
    points.begin(2)
    points.stream.line(failed="a pack is damaged")
    points.whole(3, {"index.php": GOOD, "x.php": SHELL})
    found = points.seen()
    assert found.newest_clean is found.points[0]
    assert found.traces[0].gaps == 1
    text = lines(found)
    assert "1 points between them could not be read" in text and "a pack is damaged" in text


def test_the_vaults_own_objection_counts(vault: Any) -> None:
    points = Points(vault)
    points.whole(1, {"index.php": GOOD}, verdict="clean")
    points.whole(2, {"index.php": GOOD}, verdict="suspect", suspects=((f"{ROOT}/a.php", "code-added"),))
    found = points.seen()
    assert found.newest_clean is found.points[0]


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\n",
        b"[]\n",
        b'{"file": "x", "bytes": -1}\n',
        b'{"file": "x", "bytes": 99999999999}\n',
        b'{"bytes": "a"}\n',
        b'{"end": "x", "files": 1}\n',
        b'{"other": 1}\n',
        b"x" * 70_000,
        b'{"point": "a", "time": "yesterday", "damaged": false, "verdict": "", "suspects": []}\n',
        b"[" * 60_000 + b"\n",
    ],
)
def test_a_stream_of_another_form_is_refused(data: bytes) -> None:
    frames = sweep.Frames(sweep.Sweep().take)
    with pytest.raises(sweep.StrangeAnswerError):
        frames.push(data)


def test_a_list_that_is_none_is_refused(vault: Any) -> None:
    for raw in (b"", b"[]", b'{"known": ["zz"]}', b'{"known": 1}'):
        with pytest.raises(vault.VaultError):
            vault._known(raw)
    assert vault._known(sweep.known_list(["aa" * 32])) == {bytes.fromhex("aa" * 32)}
    assert json.loads(sweep.known_list([])) == {"known": []}
