"""One connection to each host that is kept up for a cut: OpenSSH's own sharing, held by `watch hold`.

What makes it no less safe than a new connection:

1. It is made as every connection is: the same key and account, the pinned host key, no agent, no forwarding. The host
   can open nothing towards this controller through it.
2. It is joined only while the pinned key and the card are those that it was made with. Whoever enrols a host again is
   never led to the machine of before.
3. It is given half a second to answer and one second to prove the cut, then a new connection is made beside it
   (:mod:`ungcuu.contain.cut_off`). An intruder who froze it gains no more.
4. Its socket lies in the host's own folder, which nobody else can enter.

Only the standard library is imported here, since every import delays the cut.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ungcuu.contain import early
from ungcuu.contain.early import MADE_WITH, SOCKET
from ungcuu.core.atomic import put
from ungcuu.hosts import ssh

if TYPE_CHECKING:
    from ungcuu.contain.card import Card

AGAIN_SECONDS = 20.0  # between two attempts at one host
_LONGEST = 107 - 17  # bytes of a socket's path, and what ssh adds to it for a moment


def connection(card: Card) -> Path | None:
    """Return the socket of the connection that is held to this host, made with this card and this pinned key."""
    folder = Path(card.known_hosts).parent
    return folder / SOCKET if early.held_command(str(folder)) else None


class Holder:
    """Holds the connection to one host. Nothing is started on the host: the connection waits for a cut to join it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.socket = folder, folder / SOCKET
        self._process: subprocess.Popen[bytes] | None = None
        self._made_with = ""
        self._tried = -AGAIN_SECONDS

    @property
    def fits(self) -> bool:
        """Whether ssh could make a socket there: the kernel bounds the length of its path."""
        return len(os.fsencode(self.socket)) <= _LONGEST

    @property
    def up(self) -> bool:
        """Whether the connection is up, as far as ssh has noticed."""
        return self._process is not None and self._process.poll() is None and (self.folder / MADE_WITH).exists()

    @property
    def pending(self) -> bool:
        """Whether ssh is still making the connection."""
        return self._process is not None and self._process.poll() is None and not self.up

    def look(self, card: Card, script: str) -> bool:
        """Make the connection where there is none, or one of another card or key. Returns whether one is up.

        ``script`` is what a cut will run on the host: the whole command is kept beside the socket.
        """
        made_with = early.made_with(str(self.folder))
        if made_with != self._made_with:
            self.end()
            self._tried = -AGAIN_SECONDS
        elif self._process is not None and self._process.poll() is not None:
            self.end()
        if self._process is None:
            if time.monotonic() - self._tried < AGAIN_SECONDS:
                return False
            self._start(card, made_with)
        if not self.up and self.socket.exists():
            joined = replace(card.target_without_become, master=self.socket)
            command = ssh.ssh_command(joined, ["sh", "-c", script])
            put(self.folder / MADE_WITH, "\0".join([self._made_with, *command]))
        return self.up

    def end(self) -> None:
        """Close the connection that this holder made; a cut that begins now makes its own."""
        if self._process is None:
            return
        (self.folder / MADE_WITH).unlink(missing_ok=True)
        self._process.terminate()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        self.socket.unlink(missing_ok=True)

    def _start(self, card: Card, made_with: str) -> None:
        (self.folder / MADE_WITH).unlink(missing_ok=True)
        if self.socket.exists():  # of a holder that was killed: its ssh would stay without end
            ask = ["ssh", "-F", "none", "-S", str(self.socket), "-O", "exit", "--", card.address]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(ask, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=2)
            self.socket.unlink(missing_ok=True)
        self._tried, self._made_with = time.monotonic(), made_with
        command, null = ssh.master_command(card.target_without_become, self.socket), subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)
