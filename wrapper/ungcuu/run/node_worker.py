"""What runs on a node: one job for the controller that started it over SSH, and nothing that outlives it.

1. Everything of the job lies in one private folder, in memory where the system offers that, and is removed at the end.
2. The controller is heard all the time. When its connection ends, or it has been silent for 30 seconds, what runs here
   is ended at once: nothing goes on changing hosts unseen.
3. A guard, a process of its own, does the same when this one is killed. What is left where both are killed at once (or
   the machine stops) is ended and removed by the next job, or by ``ungcuu resume`` on the controller.
4. Connections to hosts are this job's own, and end with it: none stays open for whoever comes next.

On standard input comes a line with an order, then a job as ansible-runner transmits it, then an empty line every few
seconds. Standard output answers with a line that says who this is, then what ansible-runner's worker sends.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import re
import resource
import select
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ungcuu import __version__
from ungcuu.core import process_guard, scratch
from ungcuu.core.settings import Settings
from ungcuu.run import liveness
from ungcuu.run.node import PLAYBOOKS, SILENCE, fingerprint

_LOOK_SECONDS = 0.1
_GONE_SECONDS = 5.0
_MOST_ORDER = 1 << 16
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_RUN = re.compile(r"[A-Za-z0-9-]{1,60}")
_SHM = Path("/dev/shm")  # noqa: S108 - a folder of this user's own is made in it


def main() -> int:
    """Take one order and carry it out; returns the exit code."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    line = _Line()
    order = json.loads(line.stream.readline(_MOST_ORDER) or b"{}")
    base = _base()
    _end_left(base)
    about = {"ungcuu": __version__, "content": fingerprint()}
    if order.get("do") == "run":
        return _run(order, about, base, line)
    ended: list[int] = []
    if order.get("do") == "end" and _RUN.fullmatch(str(order.get("run"))):
        ended = liveness.end_left_behind(str(order["run"]))
    line.say(about | {"ended": ended})
    return 0


class _Heard(io.RawIOBase):
    """Standard input, with the time at which it last brought anything."""

    def __init__(self) -> None:
        self.at = time.monotonic()
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = os.read(0, len(buffer))
        self.at, self.ended = time.monotonic(), not data
        buffer[: len(data)] = data
        return len(data)


class _Line:
    """The connection to the controller: what it sends, when it last sent anything, and what it is sent."""

    def __init__(self) -> None:
        self.out = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)  # what anything else prints must not come between
        self.heard = _Heard()
        self.stream = io.BufferedReader(self.heard)

    def say(self, row: Mapping[str, Any]) -> None:
        """Send one line."""
        self.out.write(json.dumps(row).encode() + b"\n")


def _base() -> Path:
    """Return the folder of this user's jobs: in memory where there is such a place."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    places = [Path(runtime)] if runtime else []
    place = next((one for one in (*places, _SHM) if os.access(one, os.W_OK)), Path(tempfile.gettempdir()))
    base = place / f"ungcuu-node-{os.geteuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    facts = base.lstat()
    if base.is_symlink() or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
        raise PermissionError(f"{base} is not a private folder of this account")
    return base


def _end_left(base: Path) -> None:
    """End what jobs left behind whose worker and guard were both killed, and remove it."""
    ended = []
    for folder in base.glob(f"{scratch.PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = os.open(folder / scratch.LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                process_guard.end(str(folder))
                ended.append(folder)
            finally:
                os.close(lock)
    scratch.remove_left(base)
    until = time.monotonic() + _GONE_SECONDS  # a folder stays while a process that was killed is still there
    while any(folder.exists() for folder in ended) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
        scratch.remove_left(base)


def _run(order: Mapping[str, Any], about: Mapping[str, Any], base: Path, line: _Line) -> int:
    run = str(order.get("run"))
    if not _RUN.fullmatch(run):
        raise ValueError("the order names no run")
    with scratch.private_folder("tmp", "logins", "cp", "state", base=base) as folder:
        mark = f"{run}/{folder.name}"
        _guard(folder, mark)
        tempfile.tempdir = str(folder / "tmp")
        _keep_only_what_a_run_inherits(folder)
        try:
            line.say({**about, "folder": str(folder), "agent": bool(os.environ.get("SSH_AUTH_SOCK"))})
            return _work(folder, mark, line)
        finally:
            _clear(folder, mark)


def _keep_only_what_a_run_inherits(folder: Path) -> None:
    from ungcuu.run.runner import INHERITED

    for name in set(os.environ) - INHERITED:
        del os.environ[name]
    for name in ("ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_IDENTITY_LIST", "UNGCUU_STATE"):
        os.environ.pop(name, None)
    os.environ["ANSIBLE_HOME"] = str(folder / "ansible")
    os.environ["ANSIBLE_SSH_CONTROL_PATH_DIR"] = str(folder / "cp")


def _work(folder: Path, mark: str, line: _Line) -> int:
    from dataclasses import replace

    from ungcuu.run.bounds import Bounds
    from ungcuu.run.remote_job import Work
    from ungcuu.run.runner import arguments, at_once
    from ungcuu.run.tally import Tally

    settings = replace(Settings.from_environment(), state=folder / "state")
    tally = Tally(lambda _event: None)
    bounds: list[Bounds] = []

    def given(order: Mapping[str, Any]) -> dict[str, Any]:
        """Make ansible-runner's arguments of an order; a name that could be anything else is refused."""
        playbook, hosts = str(order["playbook"]), [str(host) for host in order["hosts"]]
        if playbook not in PLAYBOOKS:
            raise ValueError(f"no playbook for a node: {playbook}")
        if not hosts or not all(_NAME.fullmatch(host) for host in hosts):
            raise ValueError("the order names no hosts")
        bounds.append(Bounds(folder, at_once(hosts), tally, settings.state))
        chosen = replace(settings, verbosity=int(order.get("verbosity") or 0))
        inventory = (folder / "inventory" / "hosts.json",)
        return arguments(chosen, folder, playbook, inventory, hosts, check=bool(order.get("check")), mark=mark)

    work = Work(line.stream, line.out, folder, given, tally.follow)
    until = time.monotonic() + 24 * 3600

    def watch() -> None:
        while time.monotonic() < until:
            if not work.has_all:
                time.sleep(_LOOK_SECONDS)
            elif select.select([0], [], [], _LOOK_SECONDS)[0]:
                line.heard.readinto(bytearray(1024))
            if line.heard.ended or time.monotonic() - line.heard.at > SILENCE:
                break
            if bounds and bounds[0].are_broken():
                work.stop("quota")
                break
            if bounds and bounds[0].was_killed:
                process_guard.end(str(folder))
        _clear(folder, mark)
        os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()
    work.run()
    return 0


def _clear(folder: Path, mark: str) -> None:
    """End every process of the job, and remove its folder."""
    process_guard.end(str(folder))
    liveness.end_left_behind(mark)
    shutil.rmtree(folder, ignore_errors=True)


def _guard(folder: Path, mark: str) -> None:
    """Leave a process behind that clears up as soon as this one is gone, however it ended."""
    waiting, _held = os.pipe()  # the other end stays open for as long as this process lives
    if os.fork():
        os.close(waiting)
        return
    os.setsid()
    for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers
        if int(entry) != waiting:
            with contextlib.suppress(OSError):
                os.close(int(entry))
    with contextlib.suppress(OSError):
        while os.read(waiting, 1):
            pass
    _clear(folder, mark)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
