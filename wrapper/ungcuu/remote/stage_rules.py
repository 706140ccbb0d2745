"""What a restore refuses in a website's tree: the same rules for the stage on the host and for a point in the vault.

Standard library only: it goes with both programs.
"""

from __future__ import annotations

import posixpath
import re

# Names of the checks, as records hold them.
LINKS, PROGRAMS, MODES = "links", "programs_in_writable_folders", "files_that_anyone_may_write"
SYNTAX, IMPORT = "php_syntax", "database_import"
# How a person names the checks that may be accepted; the others say that the point itself is not whole.
ACCEPTABLE = {"links": LINKS, "programs": PROGRAMS, "modes": MODES, "syntax": SYNTAX}
HEAD_BYTES = 64 * 1024

# What web servers hand to PHP in some configuration that was seen, and what changes their configuration.
_SCRIPT = re.compile(r"\.(?:php[0-9]?|phtml|phar|pht|phps|inc|cgi|pl|py|sh|asp|aspx|jsp)(?:\.|$)", re.I)
_CONTROL = {".htaccess", ".user.ini", "web.config"}
_CODE = re.compile(rb"<\?(?:php|=)|\A#![ \t]*[!-~][ -~\t]{0,250}(?:[\r\n]|\Z)|\A\x7fELF", re.I)
# An index.php of comments only is how WordPress keeps a folder from being listed.
_HARMLESS = re.compile(rb"\s*<\?php\s*(?://[^\n]*\s*|#[^\n]*\s*|/\*.*?\*/\s*)*(?:\?>\s*)?", re.S)


def is_program(name: str, head: bytes) -> bool:
    """Whether a file of this name (no folder) with these first :data:`HEAD_BYTES` has no place among uploads."""
    if name == "index.php" and len(head) < HEAD_BYTES and _HARMLESS.fullmatch(head):
        return False
    if _SCRIPT.search(name) or name in _CONTROL:
        return True
    found = _CODE.search(head)
    return found is not None and not (found[0] == b"<?=" and _is_binary(head))


def _is_binary(head: bytes) -> bool:
    """Compressed bytes may spell `<?=` by chance, in one of 250 files of this length; `<?php` they do not."""
    media = head[:4] in (b"\x89PNG", b"GIF8", b"%PDF", b"PK\x03\x04") or head[:2] == b"\xff\xd8"
    return (media or b"\0" in head[:4096]) and not re.search(rb"<\?php", head, re.I)


def leaves(root: str, path: str, target: str) -> bool:
    """Whether a link at ``path`` leads out of ``root``; both are absolute."""
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return not f"{found}/".startswith(f"{root}/")


def anyone_may_write(mode: int) -> bool:
    """Whether these rights of a file or folder let everybody write: the next weak program makes it a shell."""
    return bool(mode & 0o0002)
