"""What a hostile host was asked, and how a lie is worded so that the asker takes it for an answer.

Runs on the host: standard library alone. The forms are those that Ansible and the tool under test read: a module's JSON
document, an answer behind a mark, records in lines, frames between markers, the exchange of a cut, or plain text.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MOST_ASKED = 32 << 20  # bytes


@dataclass
class Asked:
    """One command that arrived over SSH. ``marker`` and ``trap`` are the file and the port that nobody may touch."""

    command: str = field(default_factory=lambda: os.environ.get("SSH_ORIGINAL_COMMAND", ""))
    marker: str = "/nonexistent"
    canary: str = "/nonexistent"
    trap: int = 9
    sent: bytes = b""

    def read(self, seconds: float = 20.0) -> bytes:
        """Read standard input to its end, or until nothing more comes."""
        until = time.monotonic() + seconds
        taken = bytearray(self.sent)
        while time.monotonic() < until and len(taken) < MOST_ASKED and select.select([0], [], [], 3)[0]:
            piece = os.read(0, 1 << 20)
            if not piece:
                break
            taken += piece
        self.sent = bytes(taken)
        return self.sent

    @property
    def cut(self) -> bool:
        """Whether it is the cut off the network, in which the host speaks first."""
        return "from %s" in self.command


def said(data: bytes | str) -> None:
    """Write to standard output."""
    _write(1, data)


def complained(data: bytes | str) -> None:
    """Write to standard error."""
    _write(2, data)


def _write(descriptor: int, data: bytes | str) -> None:
    left = memoryview(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
    while left:
        left = left[os.write(descriptor, left) :]


def answer(asked: Asked, text: str, document: Any, *, raw: str | bytes = "") -> None:
    """Give ``document`` (or ``raw`` in its place) where one is expected, and ``text`` where words are."""
    written = raw or json.dumps(document)
    written = written if isinstance(written, bytes) else written.encode("utf-8", "surrogatepass")
    if asked.cut:
        _cut(asked, text)
        return
    sent = asked.read()
    marker = re.search(rb"\b[0-9a-f]{48}\b", sent)
    if b"UNGCUU-RESULT" in sent:
        said(b"\nUNGCUU-RESULT " + written.replace(b"\n", b" ") + b"\n")
    elif b"host_state" in sent and b"SOURCES" in sent:
        for line in records(text):
            said(line)
    elif marker and "unshare" in asked.command:
        for piece in frames(marker[0], text):
            said(piece)
    elif "python3" in asked.command or "ungcuu-vault" in asked.command:
        said(written + b"\n")
    else:
        said(text + "\n")
        complained(text + "\n")


def _cut(asked: Asked, text: str) -> None:
    said(f"from 127.0.0.1 40000 127.0.0.1 22\n== sockets\n{text}\n== processes\n{text}\n== end\n")
    asked.read(3)
    said("== hooks yes\n== cut\n")


def frames(marker: bytes, text: str) -> Iterator[bytes]:
    """Items of a collection, each with its end: the clock and the writable places, then whatever was asked."""
    end = b"\n" + marker + b"\n" + text.encode("utf-8", "surrogatepass") + b"\nrc 0\n\n" + marker + b".\n"
    yield f"{time.time()}\n".encode() + end
    for _item in range(200):
        yield text.encode("utf-8", "surrogatepass") + end


def records(text: str) -> Iterator[bytes]:
    """A host's state in lines, as its reader would give them, with the lie in every field."""
    for path in ("/etc/cron.d/" + text, "/var/www/portal/" + text + ".php", text):
        yield _line("file", path=path, area="web", type="file", mode=0o100644, uid=0, gid=0, size=9, sha256="0" * 64)
    yield _line("line", set="cron", path="/etc/crontab", number=1, sha256="1" * 64, text=text, account="root")
    yield _line("account", name=text, uid="0", gid="0", home=text, shell=text, password=text)
    yield _line("process", pid=77, start="1", exe="/tmp/" + text, comm=text, uid=0, argv=text, website=True)
    yield _line("unit", name=text + ".service", path="/etc/systemd/system/" + text, state="enabled")
    yield _line("database", set="option", name=text, detail=text)
    yield _line("coverage", topic=text, why=text)
    yield _line("end", seconds=0.1, time=int(time.time()))


def _line(kind: str, **row: object) -> bytes:
    return (json.dumps({"k": kind, **row}) + "\n").encode("utf-8", "surrogatepass")


def document(text: str, *, failed: bool) -> dict[str, Any]:
    """A module's result with the lie in every field that anything reads."""
    lie: dict[str, Any] = {"failed": failed, "changed": not failed, "msg": text, "stdout": text, "stderr": text}
    lie |= {"stdout_lines": [text], "stderr_lines": [text], "rc": 1 if failed else 0, "outcome": "DONE", "path": text}
    lie |= {"warnings": [text], "deprecations": [{"msg": text, "version": text}], "exception": text if failed else ""}
    lie |= {"module_stderr": text, "diff": {"before": text, "after": text + "x", "after_header": text}, "name": text}
    lie |= {"content": base64.b64encode(text.encode("utf-8", "replace")).decode(), "encoding": "base64", "source": text}
    lie |= {"stat": {"exists": True, "path": text, "size": 1, "checksum": text}, "results": [{"item": text}]}
    lie |= {"id": text, "points": [{"id": text, "time": text}], "seen": text, "detail": text, "changes": [text]}
    return lie


def hold(seconds: float) -> None:
    """Say nothing for that long, with everything left open."""
    sys.stdout.flush()
    time.sleep(seconds)
