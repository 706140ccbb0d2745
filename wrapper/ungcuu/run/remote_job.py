"""The three parts of ansible-runner's remote jobs (transmit, worker, process), as a run through a node uses them.

Beside :mod:`ungcuu.run.runner` the only place that imports ansible_runner. What differs from its own:

1. The worker takes orders, not arguments: the controller names a playbook of ungcuu, and what is given to Ansible is
   made on the node. What comes back at the end is the state folder, not what ansible-runner keeps.
2. The controller unpacks nothing: of the archive it reads the files that it expects, as plain bytes of bounded size.
   A node that was taken over must not write elsewhere by a path or a symbolic link.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ansible_runner.streaming import Processor, Transmitter, Worker
from ansible_runner.utils.base64io import Base64IO

MOST_LINE = 64 << 20  # bytes of one event
MOST_ARCHIVE = 64 << 20
MOST_FILE = 16 << 20
_LOGIN = re.compile(r"[A-Za-z0-9_.:@%-]{1,200}")

LOGINS = "ungcuu_logins"  # of an event: at which hosts the node has logged in so far
STOP = "ungcuu_stop"  # of a status: why the node stopped the run
CODE = "ungcuu_code"  # of the last status: the exit code of ansible-playbook


class TooLong(Exception):
    """The node sent a line or an archive that is larger than any may be."""


class Stream(io.BufferedReader):
    """What a node sends, each line of a bounded length."""

    def readline(self, _size: int | None = -1) -> bytes:
        """Return one line.

        Raises:
            TooLong: it has no end.
        """
        line = super().readline(MOST_LINE)
        if len(line) == MOST_LINE:
            raise TooLong
        return line


def transmit(folder: Path, order: Mapping[str, Any], out: BinaryIO) -> None:
    """Write a job: the order and all files of the folder."""
    Transmitter(_output=out, private_data_dir=str(folder), ungcuu=dict(order)).run()


# ansible-runner has no types
class Process(Processor):  # type: ignore[misc]
    """Receives what the worker sends: events for ``on_event``, how it ended, and the files that are expected."""

    def __init__(self, stream: Stream, folder: Path, on_event: Callable[[Mapping[str, Any]], object]) -> None:
        super().__init__(_input=stream, private_data_dir=str(folder), event_handler=self._take, quiet=True)
        self._on_event = on_event
        self.code: int | None = None  # of ansible-playbook; None while it is not known
        self.stopped = ""
        self.complete = False  # all has arrived
        self.archive = b""
        self.logins: set[str] = set()

    def _take(self, event: dict[str, Any]) -> bool:
        logins = event.pop(LOGINS, ())
        self.logins |= {name for name in logins if isinstance(name, str) and _LOGIN.fullmatch(name)}
        self._on_event(event)
        return False  # nothing is written

    def status_callback(self, status_data: dict[str, Any]) -> None:
        """Keep how it ended."""
        self.stopped = self.stopped or str(status_data.get(STOP) or "")[:40]
        if isinstance(code := status_data.get(CODE), int):
            self.code = code

    def artifacts_callback(self, artifacts_data: dict[str, Any]) -> None:
        """Keep the archive in memory, unopened."""
        length = artifacts_data["zipfile"]
        if not isinstance(length, int) or not 0 <= length <= MOST_ARCHIVE:
            raise TooLong
        with Base64IO(self._input) as source:
            self.archive = source.read(length)

    def files(self, wanted: Collection[str]) -> dict[str, bytes]:
        """Return those of the wanted files that arrived, by name.

        Raises:
            ValueError: The archive, or a file of it, is none; nothing of it should be used.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(self.archive)) as archive:
                rows = [row for row in archive.infolist() if row.filename in wanted]
                if any(row.file_size > MOST_FILE for row in rows):
                    raise ValueError("too large")
                return {row.filename: _json(archive.open(row).read(MOST_FILE + 1)) for row in rows}
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
            raise ValueError(str(error)) from error


def _json(data: bytes) -> bytes:
    """Return a file as it is, if it is JSON: all that are taken over are."""
    try:
        json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return data


# ansible-runner has no types
class Work(Worker):  # type: ignore[misc]
    """The worker on the node: ``arguments`` makes of the controller's order what ansible-runner is given."""

    def __init__(
        self,
        stream: BinaryIO,
        out: BinaryIO,
        folder: Path,
        arguments: Callable[[Mapping[str, Any]], dict[str, Any]],
        on_event: Callable[[Mapping[str, Any]], object],
    ) -> None:
        super().__init__(_input=stream, _output=out, private_data_dir=str(folder))
        self._arguments, self._on_event = arguments, on_event
        self._folder = folder
        self.has_all = False  # the whole job was read

    def update_paths(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Make the arguments; see the class."""
        return self._arguments(kwargs["ungcuu"])

    def event_handler(self, event_data: dict[str, Any]) -> None:
        """Send one event; one of a host that did not answer says where ssh has logged in so far."""
        self._on_event(event_data)
        if event_data.get("event") == "runner_on_unreachable":
            event_data[LOGINS] = [path.name for path in (self._folder / "logins").iterdir()]
        super().event_handler(event_data)

    def status_handler(self, status_data: dict[str, Any], runner_config: Any) -> None:
        """Send a status, without the environment and the command line: nobody there needs them."""
        self.has_all = True
        kept = {name: value for name, value in status_data.items() if name not in ("env", "command", "cwd")}
        super().status_handler(kept, runner_config)

    def artifacts_handler(self, artifact_dir: str) -> None:  # noqa: ARG002 - ansible-runner's signature
        """Send the state folder as the playbook left it."""
        super().artifacts_handler(str(self._folder / "state"))

    def finished_callback(self, runner_obj: Any) -> None:
        """Send the exit code, then the end."""
        if runner_obj is not None:
            super().status_handler({"status": runner_obj.status, CODE: runner_obj.rc}, None)
        super().finished_callback(runner_obj)

    def stop(self, why: str) -> None:
        """Say why the run is ended here."""
        super().status_handler({"status": "canceled", STOP: why}, None)
