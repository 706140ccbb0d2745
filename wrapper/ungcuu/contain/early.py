"""What a cut starts first: the conversation over a held connection, while the rest of ungcuu is still imported.

The holder leaves the very command beside the socket (:mod:`ungcuu.contain.held`). Starting it changes nothing on the
host: until the rules come the host reads its state and waits, and where none come it ends. The cut takes the
conversation over only where it would have started the same, word for word; any other is ended.

Nothing is imported here but what a start needs, so that paths are texts.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Mapping, Sequence

from ungcuu.hosts import ssh_process

MODES = ("full", "maintenance", "egress")
SOCKET, MADE_WITH = "held", "held.made-with"
_WITH_VALUE = {
    "-i": "",
    "--inventory": "",
    "--reason": "",
    "--confirm-host": "",
    "--lang": "",
    "--mode": "mode",
    "--allow": "allow",
    "--title": "",
    "--severity": "",
    "--detected-at": "",
    "--detected-by": "",
    "--way": "",
    "--personal-data": "",
}
_FLAGS = frozenset({"--json", "-v", "-vv", "--verbose", "--no-case"})

Started = tuple[subprocess.Popen[bytes], int]  # ssh, and the descriptor of its own log
_started: dict[str, tuple[list[str], Started]] = {}


def parse(words: Sequence[str]) -> tuple[tuple[str, ...], str, tuple[str, ...]] | None:
    """Return hosts, mode and further addresses of a plain ``isolate``; None where the full parser has to look."""
    names: list[str] = []
    given: dict[str, list[str]] = {"mode": [], "allow": [], "": []}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, sep, value = word.partition("=")
        if word in _FLAGS:
            continue
        if option in _WITH_VALUE and (sep or rest):
            given[_WITH_VALUE[option]].append(value if sep else rest.pop(0))
        elif word.startswith("-"):
            return None
        else:
            names.append(word)
    if len(names) < 2 or names[0] != "isolate" or any("/" in name or name in (".", "..") for name in names):
        return None
    mode = (given["mode"] or ["full"])[-1]
    return (tuple(dict.fromkeys(names[1:])), mode, tuple(given["allow"])) if mode in MODES else None


def begin(words: Sequence[str]) -> None:
    """Start the conversations that these words ask for, where a connection is held."""
    asked = parse(words)
    for host in asked[0] if asked else ():
        if command := held_command(f"{state_folder(os.environ)}/hosts/{host}"):
            log = ssh_process.own_log()
            try:
                _started[host] = command, (ssh_process.start(command, log), log)
            except OSError:
                os.close(log)


def take(host: str, command: Sequence[str]) -> Started | None:
    """Hand over the conversation that was started with exactly this command; any other with this host is ended."""
    known = _started.pop(host, None)
    if known is None or known[0] == command:
        return known and known[1]
    _end(known[1])
    return None


def drop() -> None:
    """End what nobody took over: it was not asked for after all."""
    for _command, started in _started.values():
        _end(started)
    _started.clear()


def _end(started: Started) -> None:
    ssh_process.end(started[0])
    os.close(started[1])


def held_command(folder: str) -> list[str]:
    """Return the command that joins the connection to a host, whose folder this is; nothing where none is held.

    It counts only with the card and the pinned key that the connection was made with, and where the socket is ours.
    """
    try:
        facts = os.lstat(f"{folder}/{SOCKET}")
        with open(f"{folder}/{MADE_WITH}", encoding="utf-8") as file:  # noqa: PTH123 - see above
            stamp, *command = file.read().split("\0")
        ours = stat.S_ISSOCK(facts.st_mode) and facts.st_uid == os.geteuid() and stamp == made_with(folder)
    except (OSError, ValueError):
        return []
    return command if ours else []


def made_with(folder: str) -> str:
    """Name the card and the pinned key as they are on the disk: both are only ever replaced whole."""
    facts = [os.lstat(f"{folder}/{name}") for name in ("card.json", "known_hosts")]
    return " ".join(f"{one.st_ino}-{one.st_mtime_ns}-{one.st_size}" for one in facts)


def state_folder(environment: Mapping[str, str]) -> str:
    """Return the state folder as :func:`ungcuu.core.settings.state_dir` does; a test compares them."""
    if chosen := environment.get("UNGCUU_STATE"):
        return os.path.abspath(os.path.expanduser(chosen))  # noqa: PTH100, PTH111 - see above
    base = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 - see above
    return f"{base}/ungcuu"
