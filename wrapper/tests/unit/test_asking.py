"""Ctrl-C and the end of the input at every question, typed on a real terminal."""

from __future__ import annotations

import ast
import contextlib
import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

import content
import pytest
from sshserver import SSHD, serving

from ungcuu.cli import registry

PACKAGE = Path(registry.__file__).parents[1]
CTRL_C, CTRL_D = b"\x03", b"\x04"


def at_question(tmp_path: Path, question: str, keys: bytes, *words: str) -> tuple[int, str]:
    """Run ``ungcuu`` on a terminal of its own, type ``keys`` at the question; return the exit code and the screen.

    The keys are typed again where nothing came of them: Python misses a signal that arrives just before it waits.
    """
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    env["UNGCUU_STATE"] = str(tmp_path / "state")
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
        os.execve(sys.executable, [sys.executable, "-m", "ungcuu", *words], env)  # noqa: S606
    shown, typed, until = b"", 0.0, time.monotonic() + 60
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                piece = os.read(terminal, 4096)
            except OSError:  # the other side is closed
                break
            shown += piece
        if question.encode() in shown and time.monotonic() - typed > 2:
            typed = time.monotonic()
            with contextlib.suppress(OSError):
                os.write(terminal, keys)
    while (found := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        if time.monotonic() > until + 10:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    _pid, status = found
    os.close(terminal)
    assert typed, shown
    return os.waitstatus_to_exitcode(status), shown.decode(errors="replace")


@pytest.mark.parametrize("keys", [CTRL_C, CTRL_D, b"web" + CTRL_C], ids=["ctrl-c", "end of input", "half a name"])
def test_a_name_that_is_not_typed_starts_nothing(tmp_path: Path, keys: bytes) -> None:
    """Seen failing with click's Abort let through: 'an internal error of ungcuu: Abort'."""
    inventory = str(content.make(tmp_path).content / "inventory" / "site")
    code, shown = at_question(tmp_path, "Type the host's name", keys, "-i", inventory, "lock", "web01")
    assert code == 130, shown
    assert "Stopped at the question." in shown
    assert "Nothing was started." in shown
    assert "fault" not in shown
    assert not (tmp_path / "state").exists(), "no lock, no journal"


@pytest.mark.parametrize("keys", [CTRL_C, CTRL_D], ids=["ctrl-c", "end of input"])
def test_a_case_whose_questions_are_not_answered_is_not_opened(tmp_path: Path, keys: bytes) -> None:
    inventory = str(content.make(tmp_path).content / "inventory" / "site")
    code, shown = at_question(tmp_path, "What happened, in one line", keys, "-i", inventory, "case", "open", "web01")
    assert code == 130, shown
    assert "Nothing was changed." in shown and "fault" not in shown
    assert not list((tmp_path / "state").glob("cases/*"))


@pytest.mark.skipif(not Path(SSHD).exists(), reason="sshd is not installed")
def test_a_fingerprint_that_is_not_confirmed_pins_nothing(tmp_path: Path) -> None:
    """Seen failing like the one above."""
    settings = content.make(tmp_path)
    (tmp_path / "server").mkdir()
    with serving(tmp_path / "server") as target:
        hosts = settings.content / "inventory/site/hosts.yml"
        where = f"{{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: {target.port}, "
        where += f"ungcuu_known_hosts: {tmp_path}/known}}"
        hosts.write_text(hosts.read_text("utf-8").replace("web01: {}", f"web01: {where}"), "utf-8")
        code, shown = at_question(tmp_path, "Is it the same?", CTRL_C, "-i", str(hosts.parent), "enrol", "web01")
    assert code == 130, shown
    assert "Nothing was pinned and nothing was sent." in shown
    assert "NOT DONE" in shown
    assert "fault" not in shown


def test_there_is_one_way_to_ask() -> None:
    """A question that is asked elsewhere would bring the false words back."""
    asks = {"prompt", "confirm", "getpass", "input", "getchar", "pause"}
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            of = getattr(getattr(node.func, "value", None), "id", "")
            if (of in ("click", "getpass") and name in asks) or (not of and name == "input"):
                found.append(f"{path.relative_to(PACKAGE)}: {name}")
    assert [place for place in found if not place.startswith(("remote/", "lab/"))] == ["core/asking.py: prompt"]
