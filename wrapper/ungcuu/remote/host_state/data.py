"""What is read rather than run: modules, rules and texts of the distribution, and what dpkg keeps of its packages.

A library path, a ``.pth`` file, a udev rule or a maintainer script needs no right to execute: root's programs read it.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat

from ungcuu.remote.host_state.files import emit_path, entries
from ungcuu.remote.host_state.reading import CHUNK, emit, escaped, read_small

TREES = (b"/usr/lib", b"/usr/share", b"/usr/libexec", b"/usr/lib64", b"/usr/lib32")
PACKAGE_FILE = re.compile(
    rb"^/var/lib/dpkg/(?:info/[^/]+\.(?:preinst|postinst|prerm|postrm|config|triggers|md5sums|list|conffiles|shlibs|symbols)"
    rb"|diversions|statoverride|arch|triggers/[A-Z][^/]*)$"
)
# Lines of a package's record that an ordinary day changes without a new version.
FLEETING = (b"Status:", b"Config-Version:", b"Conffiles:", b" ", b"Triggers-Pending:", b"Triggers-Awaited:")


def data_files(sums: dict[bytes, tuple[str, str]]) -> None:
    """Every file and link of the distribution's folders that `programs` left out."""
    for tree in TREES:
        if os.path.islink(tree):
            continue
        for path, info in entries(tree, [b"/usr/lib/firmware"]):
            if stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode):
                emit_path(path, info, "data", sums)


def package_records() -> None:
    """Maintainer scripts and lists of dpkg as files, and one digest a package of what dpkg's status says of it."""
    for path, info in entries(b"/var/lib/dpkg", [b"/var/lib/dpkg/updates"]):
        if PACKAGE_FILE.match(path):
            emit_path(path, info, "dpkg", {})
    for stanza in read_small(b"/var/lib/dpkg/status", 64 * CHUNK).split(b"\n\n"):
        lines = stanza.split(b"\n")
        fields = dict(line.split(b": ", 1) for line in lines if b": " in line and not line.startswith(b" "))
        name = fields.get(b"Package", b"") + b":" + fields.get(b"Architecture", b"")
        if name != b":" and b" installed" in fields.get(b"Status", b""):
            steady = b"\n".join(line for line in lines if not line.startswith(FLEETING))
            digest = hashlib.sha256(steady).hexdigest()
            emit(
                "fact",
                set="package-record",
                name=escaped(name),
                detail=digest,
                text=escaped(fields.get(b"Version", b"")),
            )
