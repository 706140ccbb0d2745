"""How a command on a host ended, judged by what ssh itself logged; a host key that is not the pinned one."""

from __future__ import annotations

import enum

from ungcuu.core.phrases import Detail
from ungcuu.core.sentences import word
from ungcuu.hosts.ssh_command import Target

# What ssh logs when no command was started. Matched at the start of a line of ssh's own log.
_BEFORE_START = (
    "ssh: ",
    "kex_exchange_identification",
    "banner exchange",
    "Connection timed out during banner exchange",
    "Unable to negotiate",
    "Too many authentication failures",
    "no such identity",
    "Load key",
    "Bad owner or permissions",
)
_KEY_REFUSED = (
    "Host key verification failed",
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!",
    "@       WARNING: POSSIBLE DNS SPOOFING DETECTED!",
    "No ED25519 host key is known for",
    "No ECDSA host key is known for",
    "No RSA host key is known for",
)


class Ending(enum.Enum):
    """How a command on a host ended, as far as can be known from here."""

    EXITED = "exited"
    NOT_REACHED = "not reached"
    LOST = "lost"
    TIMED_OUT = "timed out"
    QUOTA = "over quota"


class HostKeyRefused(Exception):
    """The host showed a key other than the pinned one, or none is pinned. Nothing was sent to it."""

    def __init__(self, target: Target, code: Detail) -> None:
        super().__init__(f"{target.name}: {word(code)}")
        self.target = target
        self.code = code

    @property
    def detail(self) -> str:
        """What is wrong with the key, in the reader's language."""
        return word(self.code)

    @property
    def next_command(self) -> str:
        """The command that shows the host's key and pins it after a person has confirmed it."""
        return f"ungcuu enrol {self.target.name}"


def judge(target: Target, returncode: int | None, cut: Ending | None, said: list[str]) -> tuple[Ending, str]:
    """Report how it ended. 255 is ssh's own; a remote command that ends with it looks like a lost connection."""
    if cut is not None:
        return cut, f"stopped by ungcuu: {cut.value}"
    if returncode != 255 and returncode is not None and returncode >= 0:
        return Ending.EXITED, ""
    if any(line.startswith(_KEY_REFUSED) for line in said):
        raise HostKeyRefused(target, _key_detail(said))
    last = said[-1] if said else ""
    if any(line.startswith(_BEFORE_START) or "Permission denied (" in line for line in said):
        return Ending.NOT_REACHED, last
    return Ending.LOST, last or "the host stopped answering"  # ssh says so at INFO only


def _key_detail(said: list[str]) -> Detail:
    if any(line.startswith("@") for line in said):
        return Detail.KEY_CHANGED
    return Detail.KEY_NOT_PINNED
