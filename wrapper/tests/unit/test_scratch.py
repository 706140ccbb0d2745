"""Folders for one piece of work: private, and gone also where the work was killed; a live one is never touched."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from ungcuu.core import scratch

WORK = """
import subprocess, sys, time
from ungcuu.core.scratch import private_folder
with private_folder("env") as folder:
    (folder / "env" / "extravars").write_text("a password")
    if sys.argv[1:] == ["child"]:
        subprocess.Popen(["sh", "-c", "sleep 60; true", str(folder)], start_new_session=True)
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def start(*words: str) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", WORK, *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_folder_is_private_and_goes_with_the_work(base: Path) -> None:
    with scratch.private_folder("env", "tmp") as folder:
        assert folder.parent == base
        for path in (folder, folder / "env", folder / "tmp"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert not folder.exists()


def test_what_a_killed_run_left_goes_at_the_next_start(base: Path) -> None:
    """It holds the variables of the run. Seen failing with ``remove_left`` taken out."""
    process, folder = start()
    kill(process)
    assert (folder / "env" / "extravars").exists()
    with scratch.private_folder():
        assert not folder.exists()


def test_a_live_folder_is_never_touched(base: Path) -> None:
    """Seen failing with the lock left out."""
    process, folder = start()
    try:
        with scratch.private_folder():
            assert (folder / "env" / "extravars").exists()
    finally:
        kill(process)


def test_a_folder_stays_while_a_process_works_in_it(base: Path) -> None:
    """ansible-playbook outlives a wrapper that was killed. Seen failing with the look at processes taken out."""
    process, folder = start("child")
    kill(process)
    try:
        with scratch.private_folder():
            assert (folder / "env" / "extravars").exists()
    finally:
        from ungcuu.core import process_guard

        process_guard.end(str(folder))
    until = time.monotonic() + 30  # on a busy machine a killed process is there for seconds
    while not scratch.remove_left(base) and time.monotonic() < until:
        time.sleep(0.05)
    assert not folder.exists()


def test_what_is_not_scratch_stays(base: Path) -> None:
    """The snapshot of a cut may lie in a folder of that name, and nobody may lead us elsewhere by a link."""
    kept, elsewhere = base / "ungcuu-snapshot", base / "elsewhere"
    for folder in (kept, elsewhere):
        folder.mkdir(mode=0o700)
        (folder / "file").touch()
    (elsewhere / scratch.LOCK).touch(0o600)
    (base / "ungcuu-link").symlink_to(elsewhere)
    shared = base / "ungcuu-shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / scratch.LOCK).touch(0o600)
    assert scratch.remove_left(base) == []
    assert all((folder / name).exists() for folder, name in ((kept, "file"), (elsewhere, "file"), (shared, ".lock")))


def test_makers_and_removers_side_by_side_never_take_a_live_one(base: Path) -> None:
    wrong: list[str] = []

    def work() -> None:
        for _round in range(30):
            with scratch.private_folder() as folder:
                (folder / "mine").touch()
                time.sleep(0.001)
                if not (folder / "mine").exists():
                    wrong.append(str(folder))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and list(base.glob("ungcuu-*")) == []
    assert os.access(base, os.W_OK)
