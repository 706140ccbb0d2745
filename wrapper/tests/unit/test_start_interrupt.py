"""Ctrl-C in the first second: no traceback, and one JSON document where one was asked for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from ungcuu.core import start_interrupt

# The signal comes while the command line's own code is being imported.
_STARTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with it ignored
from ungcuu import __main__
import importlib.abc
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "ungcuu.cli.parser":
            os.kill(os.getpid(), signal.SIGINT)
        return None
sys.meta_path.insert(0, Finder())
__main__.main()
"""


@pytest.mark.parametrize("words", [["status"], ["--json", "status"]])
def test_ctrl_c_while_ungcuu_is_loaded(words: list[str], tmp_path: os.PathLike[str]) -> None:
    """Seen failing without start_interrupt: a traceback of the import, and no document."""
    command = [sys.executable, "-c", _STARTED, *words]
    environment = {**os.environ, "UNGCUU_STATE": str(tmp_path), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert "Nothing was changed." in done.stderr
    if "--json" in words:
        assert json.loads(done.stdout)["exit_code"] == 130


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    """A job that a shell put in the background is not ended by the Ctrl-C that is meant for another."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        start_interrupt.keep()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        start_interrupt.give()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


_WAITS = """
import os, signal, subprocess, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
from types import SimpleNamespace
from ungcuu.cli.commands import doctor
doctor.controller = lambda context: []
doctor._host = lambda context, host, stopped: subprocess.run(["sleep", "60"]) and []  # an ssh that waits for its host
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
site = SimpleNamespace(variables=lambda host: {})
try:
    doctor._run(SimpleNamespace(hosts=("web01",), site=site, doing=lambda *_, **__: None))
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_does_not_wait_for_a_host_that_is_not_there() -> None:
    """Seen failing: doctor stood until ssh gave up, and a second Ctrl-C looked like the only way out."""
    done = subprocess.run([sys.executable, "-c", _WAITS], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 130, done.stderr
