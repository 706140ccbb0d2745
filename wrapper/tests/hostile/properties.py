"""What must hold whatever a host says. Each function returns sentences about what did not hold; none is well."""

from __future__ import annotations

import fnmatch
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyte
from adapter import Tool, World
from replies import PRODUCT, Reply
from watched import COLUMNS, Ran

MOST_MEMORY = 512 << 20  # bytes of all processes together
MOST_SECONDS = 30.0  # of an endless reply, on top of what a run costs that gets an answer
# The tool's own: colours, and what replaces a line of progress.
_OURS = re.compile(rb"\x1b\[(?:[0-9;]*m|[0-2]?K|\?25[hl]|[0-9]*[ABCDG])")
_ACTING = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f].{0,20}")
_ACTING_TEXT = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e0fff]"
)
_TEXT = {".json", ".jsonl", ".log", ".html", ".csv", ".txt", ".md", ".ics", ".prom", ".yml", ".holder", ""}


def all_of(tool: Tool, world: World, reply: Reply, action: str, ran: Ran, *, honest: float) -> list[str]:
    """Everything that did not hold of one command. ``honest`` is what a run costs here that is answered at once."""
    return [
        *_terminal(ran),
        *_files(tool, world),
        *_obeyed(world, ran),
        *_secrets(tool, world, ran),
        *_written(tool, world, ran),
        *_cost(reply, ran, honest),
        *_words(tool, action, ran),
    ]


def _terminal(ran: Ran) -> Iterator[str]:
    """No control byte reaches the terminal, and the screen above stays as it was."""
    for found in sorted(set(_ACTING.findall(_OURS.sub(b"", ran.raw))))[:3]:
        yield f"control bytes on the terminal: {found!r}"
    if hidden := _ACTING_TEXT.search(_OURS.sub(b"", ran.raw).decode("utf-8", "replace").replace("\r", "")):
        yield f"an invisible character on the terminal: {hidden[0]!a}"
    screen = pyte.Screen(COLUMNS, 2000)
    pyte.ByteStream(screen).feed(b"the line above\r\n" + ran.raw[: 1 << 20])
    if screen.title or screen.icon_name:
        yield f"the window was titled {screen.title or screen.icon_name!r}"
    if screen.display[0].rstrip() != "the line above":
        yield "a line above was written over"
    if any(line.startswith("PWNED") for line in screen.display):
        yield "a line of the host's own stands on the screen"


def _files(tool: Tool, world: World) -> Iterator[str]:
    """No control byte in a record, a log or a document."""
    for root in (world.state, world.folder / "papers"):
        for path in sorted(root.rglob("*")):
            name = path.relative_to(world.state).as_posix() if root == world.state else ""
            if path.is_symlink() or not path.is_file() or any(fnmatch.fnmatch(name, one) for one in tool.opaque):
                continue
            for text in _texts(path):
                if found := _ACTING_TEXT.search(text):
                    yield f"{path.relative_to(world.folder)} holds {found[0]!a}"
                if str(PRODUCT) in text or world.host.canary.read_text() in text:
                    yield f"{path.relative_to(world.folder)} holds what a template became"


def _texts(path: Path) -> Iterator[str]:
    if path.suffix == ".docx":
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".xml"):
                    yield archive.read(name).decode("utf-8")
    elif path.suffix in _TEXT:
        yield path.read_bytes().decode("utf-8", "replace")


def _obeyed(world: World, ran: Ran) -> Iterator[str]:
    """No template was evaluated and no variable of a connection overridden."""
    if str(PRODUCT) in ran.text or world.host.canary.read_text() in ran.text:
        yield "a template was evaluated: its value stands on the terminal"
    if world.host.marker.exists() or any("hostile-marker" in one for one in ran.outside):
        yield "a program of the host's choice ran on the controller"
    if world.host.touched:
        yield f"a connection of the host's choice was made: {world.host.touched[0]}"


def _secrets(tool: Tool, world: World, ran: Ran) -> Iterator[str]:
    """No canary on the terminal, in a process list, a record or a document."""
    for secret in tool.secrets:
        if secret in ran.text:
            yield f"a secret on the terminal: {secret}"
        if any(secret in words for words in ran.commands):
            yield f"a secret in the process list: {secret}"
        for root in (world.state, world.folder / "papers", world.folder / "tmp"):
            for path in root.rglob("*"):
                if not path.is_symlink() and path.is_file() and secret.encode() in path.read_bytes():
                    yield f"a secret in {path.relative_to(world.folder)}: {secret}"


def _written(tool: Tool, world: World, ran: Ran) -> Iterator[str]:
    """Nothing is written outside of the state, and nothing of the host's choice inside."""
    for path in ran.outside:
        if not any(fnmatch.fnmatch(path, one) for one in tool.cached):
            yield f"written outside: {path}"
    for path in sorted(world.folder.rglob("*")):
        name = path.relative_to(world.folder).as_posix()
        if "hostile-marker" in path.name:
            yield f"a file of the host's name: {name}"
        ours = name.partition("/")[0] in ("state", "site", "release.zip")
        if path.is_file() and not ours and not any(fnmatch.fnmatch(name, one) for one in tool.allowed):
            yield f"written outside of the state: {name}"
    if left := [path.name for path in (world.folder / "tmp").iterdir()]:
        yield f"left behind: tmp/{left[0]}"
    for path in (world.state, *world.state.rglob("*")):
        if not path.is_symlink() and path.stat().st_mode & 0o077 and path.suffix != ".pub":
            yield f"others may open {path.relative_to(world.folder)}"
            break


def _cost(reply: Reply, ran: Ran, honest: float) -> Iterator[str]:
    """Memory and time have an end."""
    if ran.memory > MOST_MEMORY:
        yield f"{ran.memory >> 20} MiB held"
    if reply.endless and ran.seconds > MOST_SECONDS + honest:
        yield f"an endless reply was listened to for {ran.seconds:.0f} s"
    if ran.interrupted and not (reply.silent or reply.endless):
        yield f"it still waited after {ran.seconds:.0f} s"
    if ran.killed:
        yield "Ctrl-C did not end it"
    if ran.left:
        yield f"left running: {ran.left[0]}"


def _words(tool: Tool, action: str, ran: Ran) -> Iterator[str]:
    """It was not done: nothing on the host is ever done by a liar that only plays its reply."""
    if tool.says_done(action, ran):
        yield "it says that it is done"
    if "Traceback (most recent call last)" in ran.text or ran.code == 1:
        yield "it broke down"
