"""Save: dump the database, describe the host, and let restic write it all through the vault's tunnel."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ungcuu_site import database
from ungcuu_site.common import (
    SAVE_AREA,
    RefusedError,
    checked_name,
    last_words,
    locked,
    now,
    say,
    secret_pipe,
    stop_when_hung_up,
    write_json,
)

DUMP_FOLDER = SAVE_AREA / "current"
_STOP_SECONDS = 10
_INCOMPLETE = 3  # restic's exit code for "a snapshot was made, but some files could not be read"


def probe(_: dict[str, Any]) -> dict[str, Any]:
    """Answer: the vault reaches this host, its account works, and this is the host's clock."""
    return {"time": time.time(), "restic": shutil.which("restic") is not None}


def save(request: dict[str, Any]) -> dict[str, Any]:
    """Make one restore point; the answer holds restic's own summary.

    Raises:
        RefusedError: no web root, no room, the database refused, restic failed or could not read a file.
    """
    site = request["site"]
    with locked("backup"), _dump_folder():
        root = Path(site["root"])
        if not root.is_dir():
            raise RefusedError(f"there is no web root at {root}")
        facts = _describe(site)
        with _Engine(request, [str(root), str(DUMP_FOLDER), *facts["config_paths"]]) as engine:
            with _package_lists():
                if site.get("database"):
                    kind = database.engine(site["database"])
                    say("step", text="dump the database")
                    facts["database"]["account_hash"] = kind.account(str(site["database"]["user"]))
                    facts["database"] |= kind.dump(checked_name(site["database"]["name"]), DUMP_FOLDER)
            write_json(DUMP_FOLDER / "site.json", facts)
            say("step", text="send what changed to the vault")
            summary = engine.finish()
        return {"facts": facts, "summary": summary, "peak_kib": _peak_kib()}


@contextlib.contextmanager
def _dump_folder() -> Iterator[None]:
    """A private folder at the same path each time (restic then knows what changed), gone when the backup is over."""
    shutil.rmtree(DUMP_FOLDER, ignore_errors=True)
    DUMP_FOLDER.mkdir(mode=0o700, parents=True)
    try:
        yield
    finally:
        shutil.rmtree(DUMP_FOLDER, ignore_errors=True)


@contextlib.contextmanager
def _package_lists() -> Iterator[None]:
    """Write down the packages that the website stands on, while something else is done: apt thinks for a while."""
    form = "${binary:Package}\t${Version}\t${Status}\n"
    commands = {"packages.tsv": ["dpkg-query", "-W", "-f", form], "packages-by-hand.txt": ["apt-mark", "showmanual"]}
    with contextlib.ExitStack() as running:
        for name, command in commands.items():
            target = running.enter_context((DUMP_FOLDER / name).open("wb"))
            running.enter_context(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=target, stderr=subprocess.DEVNULL)
            )
        yield


def _describe(site: dict[str, Any]) -> dict[str, Any]:
    """The website's own facts."""
    wanted = [str(path) for path in site.get("config_paths", [])]
    return {
        "site": {key: value for key, value in site.items() if key != "config_paths"},
        "config_paths": [path for path in wanted if os.path.lexists(path)],
        "config_missing": [path for path in wanted if not os.path.lexists(path)],
        "database": dict(site.get("database") or {}),
        "kernel": platform.release(),
        "started": now(),
    }


class _Engine:
    """Restic, started before there is anything to save: it needs a good half second to derive its key.

    It reads its last list of exclusions from a pipe, and so looks at no file before that pipe ends. Left without
    `finish`, it is stopped, and no restore point is made.
    """

    def __init__(self, request: dict[str, Any], paths: list[str]) -> None:
        password, repository = secret_pipe(request["password"]), secret_pipe(request["repository"])
        waiting, self._hold = os.pipe()
        command = [
            "nice",
            "-n",
            "10",
            "restic",
            "--json",
            "--no-cache",
            f"--password-file=/dev/fd/{password}",
            f"--repository-file=/dev/fd/{repository}",
            "backup",
            f"--host={request['name']}",
            "--tag=ungcuu",
            *(f"--exclude={pattern}" for pattern in request["site"].get("exclude", [])),
            f"--exclude-file=/dev/fd/{waiting}",
            "--",
            *paths,
        ]
        passed = [password, repository, waiting]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=passed
        )
        for descriptor in passed:
            os.close(descriptor)
        stop_when_hung_up(self._process)

    def __enter__(self) -> _Engine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)  # before the pipe ends, which would be the sign to go on
            try:
                self._process.communicate(timeout=_STOP_SECONDS)  # it takes its lock in the repository away
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()
        self._go_on()

    def _go_on(self) -> None:
        if self._hold >= 0:
            os.close(self._hold)
            self._hold = -1

    def finish(self) -> dict[str, Any]:
        """Let it save what now is there; its own summary.

        Raises:
            RefusedError: it failed, or could not read a file.
        """
        self._go_on()
        output, errors = self._process.communicate()
        summary = _summary(output)
        if self._process.returncode == _INCOMPLETE:
            raise RefusedError(f"some files could not be read: {_first_error(errors)}", "no restore point was made")
        if self._process.returncode or summary is None:
            raise RefusedError(
                f"restic failed (exit code {self._process.returncode}): {last_words(errors)}",
                "no restore point was made",
            )
        return summary


def _summary(output: bytes) -> dict[str, Any] | None:
    for line in reversed(output.splitlines()):
        with contextlib.suppress(ValueError):
            document = json.loads(line)
            if document.get("message_type") == "summary":
                return {str(key): value for key, value in document.items()}
    return None


def _first_error(errors: bytes) -> str:
    for line in errors.splitlines():
        with contextlib.suppress(ValueError):
            if json.loads(line).get("message_type") == "error":
                return last_words(line)
    return last_words(errors)


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
