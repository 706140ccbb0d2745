"""What the content of a file gives away: code where none belongs."""

from __future__ import annotations

import os
import re

from ungcuu.remote.host_state.reading import CHUNK, open_quietly, tick

PHP_TAG = re.compile(rb"<\?(?:[pP][hH][pP](?=[\s/#])|=)")
# A whole first line of text: one in 65,536 files of random bytes begins with `#!` alone.
SCRIPT_LINE = re.compile(rb"#![ \t]*[!-~][ -~\t]{0,250}(?:[\r\n]|\Z)")
MEDIA_HEAD = 16 << 20


def content_marks(block: bytes, first: bool) -> set[str]:
    """What the bytes are, whatever the name says: php, short-tag, elf, script, archive of PHP code."""
    found = set()
    if first:
        found |= {"elf"} if block.startswith(b"\x7fELF") else set()
        found |= {"script"} if SCRIPT_LINE.match(block) else set()
    for match in PHP_TAG.finditer(block):
        found.add("short-tag" if match.group().endswith(b"=") else "php")
        if len(found) > 3:
            break
    if b"__HALT_COMPILER" in block:
        found.add("phar")
    return found


def media_marks(path: bytes, info: os.stat_result) -> set[str]:
    """Marks of a file with an innocent name; short tags count in text only, they occur in any compressed image."""
    with os.fdopen(open_quietly(path), "rb", buffering=0) as file:
        head = file.read(MEDIA_HEAD)
        if info.st_size > MEDIA_HEAD:
            file.seek(max(MEDIA_HEAD, info.st_size - CHUNK))
            head += file.read(CHUNK)
    tick()
    marks = content_marks(head, first=True)
    if b"\0" in head[:4096]:
        marks.discard("short-tag")
    return marks
