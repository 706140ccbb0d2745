"""What this program itself runs on: the interpreter, its libraries, and the source of each module that was loaded.

The sums are of the files' bytes. They are compared with the baseline, and on samples with the second reader's, which
needs no Python: a changed standard library could make everything else here lie.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys

from ungcuu.remote.host_state.reading import CHUNK, emit, escaped, tick

_LIBRARY = re.compile(rb"\.so(?:\.[0-9.]+)?$")
_LIMIT = 64 << 20


def runtime() -> None:
    """Emit path and sum of everything that was executed to get here, apart from what came over standard input."""
    for path in sorted(mapped() | loaded()):
        tick()
        try:
            emit("runtime", path=escaped(path), sha256=digest(path))
        except OSError as problem:
            emit("unread", path=escaped(path), why=type(problem).__name__)


def digest(path: bytes) -> str:
    """SHA-256 of a file's first 64 MiB. Links are followed: what is behind them was executed."""
    sha, left = hashlib.sha256(), _LIMIT
    with open(path, "rb", buffering=0) as file:
        while left > 0 and (block := file.read(min(CHUNK, left))):
            sha.update(block)
            left -= len(block)
    return sha.hexdigest()


def mapped() -> set[bytes]:
    """The interpreter and the shared libraries in this process's memory."""
    found = {os.fsencode(os.readlink("/proc/self/exe"))}
    with open("/proc/self/maps", "rb") as file:
        for line in file:
            path = line.split(None, 5)[-1].strip()
            if path.startswith(b"/") and _LIBRARY.search(path):
                found.add(path)
    return found


def loaded() -> set[bytes]:
    """Files of the modules that are loaded: frozen ones by the source that they were made from."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {os.fsencode(os.path.realpath(name)) for name in files if name and name.startswith("/")}
