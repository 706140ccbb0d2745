"""The web root: its code, and what was uploaded."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state.files import emit_path, entries
from ungcuu.remote.host_state.marks import media_marks
from ungcuu.remote.host_state.reading import emit, escaped

CODE_NAME = re.compile(rb"\.(?:php\d?|phtml|pht|phps|phar|inc|cgi|pl|py|sh|asp|aspx|jsp|so)(?:\.|$)", re.I)
ROOT = 0
SERVER_NAME = re.compile(rb"^(?:\.ht[a-z]+|\.user\.ini|php\.ini|web\.config)$", re.I)


def web_files(sums: dict[bytes, tuple[str, str]]) -> None:
    """The document root: code with its hash, writable paths by content. A link may stand anywhere in their paths.

    What lies beside the root (data, documents) is read as the writable paths are.
    """
    root = os.path.realpath(os.fsencode(CONFIG["web_root"]))
    named = [os.path.join(root, os.fsencode(name)) for name in CONFIG["web_writable"]]
    behind = {real for path in named if (real := os.path.realpath(path)) != path}
    writable = [*named, *sorted(behind)]
    for path, info in linked_roots(root, writable):
        behind.discard(path)
        inside = any(path == area or path.startswith(area + b"/") for area in writable)
        # The link itself, where root put it, is code: where it leads is compared with the baseline.
        if not inside or (path in named and stat.S_ISLNK(info.st_mode) and info.st_uid == ROOT):
            emit_path(path, info, "web", sums, marks=True)
        else:
            upload(path, info, sums)
    for extra in sorted(behind | beside()):
        for path, info in entries(extra, []):
            upload(path, info, sums)


def beside() -> set[bytes]:
    """Folders outside of the root that belong to the website."""
    return {os.path.realpath(os.fsencode(path)) for path in CONFIG.get("web_beside", [])}


def linked_roots(root: bytes, writable: list[bytes]) -> Iterator[tuple[bytes, os.stat_result]]:
    """The tree, and the trees behind links that root itself put into it (Debian's packages do that)."""
    pending, done = [root], set()
    while pending:
        here = pending.pop()
        if here in done:
            continue
        done.add(here)
        for path, info in entries(here, []):
            yield path, info
            if stat.S_ISLNK(info.st_mode) and info.st_uid == ROOT and path not in writable and len(done) < 64:
                target = os.path.realpath(path)
                if os.path.isdir(target) and not (root + b"/").startswith(target + b"/"):
                    pending.append(target)


def upload(path: bytes, info: os.stat_result, sums: dict[bytes, tuple[str, str]]) -> None:
    """A file that the site may write: reported only when its content, name or kind is not that of media."""
    name = os.path.basename(path)
    if stat.S_ISDIR(info.st_mode):
        if info.st_mode & 0o6000:
            emit_path(path, info, "upload", sums)
        return
    named = bool(CODE_NAME.search(name) or SERVER_NAME.match(name))
    if not stat.S_ISREG(info.st_mode) or named or info.st_mode & 0o6111:
        emit_path(path, info, "upload", sums, marks=True)
        return
    try:
        marks = media_marks(path, info)
    except OSError as problem:
        emit("unread", path=escaped(path), why=type(problem).__name__)
        return
    if marks:
        emit_path(path, info, "upload", sums, marks=True)
