"""Plant one harmless file in a folder of the website, or take it away again. Runs on the host.

The file is root's alone (0600): no web server reads it, and nothing runs it. The website's account owns the folder, so
it is reached one part at a time without following a link, and only a file with the planted content is ever removed.
"""

from __future__ import annotations

import json
import os

from ungcuu.remote.config import CONFIG


def folder() -> int:
    """Open the folder. Only what stands above the website's own folder may be a link."""
    at = os.open(os.path.realpath(CONFIG["root"]), os.O_RDONLY | os.O_DIRECTORY)
    for part in [part for part in CONFIG["below"].split("/") if part not in ("", ".")]:
        inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
        os.close(at)
        at = inner
    return at


def plant(at: int, name: str, content: bytes) -> str:
    """Make the file."""
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=at)
    with open(file, "wb") as sink:
        sink.write(content)
    return "planted"


def remove(at: int, name: str, content: bytes) -> str:
    """Remove the file, if it is the one that was planted."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    except FileNotFoundError:
        return "gone"
    with open(file, "rb") as source:
        if os.fstat(file).st_uid != 0 or source.read(len(content) + 1) != content:
            return "another"
    os.unlink(name, dir_fd=at)
    return "removed"


def main() -> None:
    """Print what was done."""
    act = plant if CONFIG["do"] == "plant" else remove
    try:
        done, why = act(folder(), CONFIG["name"], CONFIG["content"].encode()), ""
    except OSError as error:
        done, why = "failed", os.strerror(error.errno or 0)
    print(json.dumps({"done": done, "why": why}))


if __name__ == "__main__":
    main()
