"""Moves bytes between one ssh process and its caller, within a quota and until a deadline; memory stays flat."""

from __future__ import annotations

import contextlib
import hashlib
import os
import selectors
import subprocess
import time
from collections.abc import Callable
from typing import IO

from ungcuu.hosts.ssh_ending import Ending

PIPE = 1 << 20  # bytes; the most that a kernel gives without asking
_CHUNK = PIPE
# ssh writes some 40 KB at a time. A long stream that is read as quickly as that spends its time on waking up: from
# its second mebibyte on it's left to gather for a moment, in which the pipe doesn't fill up even at 1 GB/s.
_SMALL = _CHUNK // 4
_GATHER_SECONDS = 0.001
STDERR_QUOTA = 1 << 16  # bytes that are kept of standard error
_STDERR_MOST = 64 << 20  # and those that are listened to: a stream that nobody keeps may have no end either
_ASK_SECONDS = 0.1  # between two questions for a deadline that may move

Reply = Callable[[bytes], bytes | None]


class Pump:
    """The pump of one process: ``size`` counts its output, ``digest`` hashes it, ``stderr`` holds its complaints."""

    _reply: Reply | None
    _input: IO[bytes]
    _selector: selectors.BaseSelector
    _waiting: memoryview

    def __init__(
        self,
        sink: Callable[[bytes], object],
        quota: int,
        end: float,
        moving: Callable[[], float] | None = None,
        hashed: bool = True,
    ) -> None:
        self.sink, self.quota, self.end, self.moving = sink, quota, end, moving
        self.size = self.complained = 0
        self.digest = hashlib.sha256() if hashed else None
        self.stderr = bytearray()

    @property
    def deadline(self) -> float:
        """When to stop, on the monotonic clock."""
        return self.end if self.moving is None else min(self.end, self.moving())

    def run(self, process: subprocess.Popen[bytes], stdin: bytes, reply: Reply | None) -> Ending | None:
        """Pump until both outputs are closed. Returns why it stopped early, or None."""
        assert process.stdin and process.stdout and process.stderr  # noqa: S101 - all three are pipes, see ssh_process
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ, self._take_output)
            selector.register(process.stderr, selectors.EVENT_READ, self._take_error)
            self._reply, self._input, self._selector = reply, process.stdin, selector
            if reply is None:
                self._send(stdin)
            while any(key.data != self._give for key in selector.get_map().values()):
                left = self.deadline - time.monotonic()
                if left <= 0:
                    return Ending.TIMED_OUT
                for key, _mask in selector.select(left if self.moving is None else min(left, _ASK_SECONDS)):
                    if not key.data(key.fd):
                        selector.unregister(key.fileobj)
                if self.size > self.quota or self.complained > _STDERR_MOST:
                    self.size = min(self.size, self.quota)
                    return Ending.QUOTA
        try:
            process.wait(max(0.1, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return Ending.TIMED_OUT
        return None

    def _send(self, data: bytes) -> None:
        """Queue what goes to standard input, which is closed when all of it has been taken."""
        self._waiting = memoryview(data)
        os.set_blocking(self._input.fileno(), False)
        self._selector.register(self._input, selectors.EVENT_WRITE, self._give)

    def _give(self, descriptor: int) -> bool:
        """Write what the pipe takes now; a reader that has gone away wants no more."""
        try:
            self._waiting = self._waiting[os.write(descriptor, self._waiting[:_CHUNK]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            self._waiting = self._waiting[:0]
        if self._waiting:
            return True
        self._selector.unregister(self._input)
        with contextlib.suppress(OSError):
            self._input.close()
        return True

    def _take_output(self, descriptor: int) -> bool:
        piece = os.read(descriptor, _CHUNK)
        if len(piece) < _SMALL and self.size > _CHUNK:
            time.sleep(_GATHER_SECONDS)
        allowed = piece[: max(0, self.quota - self.size)]
        self.size += len(piece)
        if allowed:
            if self.digest:
                self.digest.update(allowed)
            self.sink(allowed)
        if self._reply is not None and (data := self._reply(allowed)) is not None:
            self._reply = None
            self._send(data)
        return bool(piece)

    def _take_error(self, descriptor: int) -> bool:
        piece = os.read(descriptor, _CHUNK)
        self.complained += len(piece)
        self.stderr += piece[: STDERR_QUOTA - len(self.stderr)]
        return bool(piece)
