"""Applications that keep their accounts and pages in files, and the words that pages are judged by."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state.reading import emit, escaped, read_small, tick
from ungcuu.remote.host_state.wordpress import digest

MOST_FILES = 20_000
_ESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
# Words of the databases' own regular expressions, and of Python's; no quote and no backslash in them.
SCRIPT = "<script|<iframe[^>]*(display ?: ?none|height=.?0|width=.?0)|on(error|load|mouseover|focus) ?=|javascript:"
CODE = "<[?]php|<[?]=|eval ?[(]|base64_decode ?[(]|gzinflate ?[(]|shell_exec ?[(]|str_rot13 ?[(]|assert ?[(]"

Gaps = set[str]  # why parts of a topic were not read
Paths = Callable[[Sequence[str]], Iterator[bytes]]


def read_lines(lines: Mapping[str, Any], paths: Paths) -> Gaps:
    """Lines of the first of these files that is there."""
    pattern = re.compile(lines["pattern"])
    for path in paths(lines["paths"]):
        data = read_small(path)
        for line in data.decode("utf-8", "replace").splitlines():
            if match := pattern.search(line[:4096]):
                name, detail = named([part or "" for part in match.groups()], lines["columns"])
                emit("database", set=lines["set"], name=name, detail=detail)
        if data:
            return set()
    return set() if lines["optional"] else {"no-file"}


def read_pages(pages: Mapping[str, Any], paths: Paths) -> Gaps:
    """Pages that are files, judged by the same words as those in a database."""
    folder = next((path for path in paths(pages["folders"]) if os.path.isdir(path)), None)
    if folder is None:
        return {"no-file"}
    for count, path in enumerate(_files(folder, os.fsencode(pages["suffix"]))):
        if count >= MOST_FILES:
            return {"too-many"}
        tick()
        _page(
            "page " + escaped(os.path.relpath(path, folder)), read_small(path).decode("utf-8", "replace"), pages["link"]
        )
    return set()


def _files(folder: bytes, suffix: bytes) -> Iterator[bytes]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (os.path.join(place, name) for name in sorted(names) if name.endswith(suffix))


def _page(title: str, text: str, link: str) -> None:
    if re.search(f"{SCRIPT}|{CODE}", text, re.IGNORECASE):
        emit("database", set="script", name=title, detail=digest(text))
    words, hidden = gambling() or ("(?!)", "(?!)")
    links = text.lower().count(link)
    if links and re.search(words, text, re.IGNORECASE):
        concealed = int(bool(re.search(hidden, text, re.IGNORECASE)))
        emit("database", set="content", name=title, detail=f"{digest(text)} links={links} hidden={concealed}")


def gambling() -> tuple[str, str] | None:
    """The words of gambling sites and of hiding; None where the controller sent none that fit into a query."""
    words, hidden = str(CONFIG.get("words", "")), str(CONFIG.get("hidden", ""))
    return None if not words or not hidden or set("'\\") & set(words + hidden) else (words, hidden)


def named(row: Sequence[str], columns: Sequence[str]) -> tuple[str, str]:
    """A row as its name and its detail; what is secret as a digest."""
    name = [value for value, kind in zip(row, columns, strict=True) if kind == "name"]
    detail = []
    for value, kind in zip(row, columns, strict=True):
        if kind == "digest":
            detail.append(digest(re.sub(r"\\[\\tnr]", lambda match: _ESCAPED[match[0]], value)))
        elif kind == "plain":
            detail.append(value)
    return " ".join(name), " ".join(detail)
