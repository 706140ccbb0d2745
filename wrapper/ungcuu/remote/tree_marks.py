"""A mark of each folder that a scan reads: it changes when anything below it does. Runs on the host; writes nothing.

No file is opened: names, kinds, owners, modes, sizes, times and inodes are enough to say that something changed. The
time of change (``ctime``) can't be set back by an account that is not root.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import stat
import time
from typing import Any

from ungcuu.remote.config import CONFIG


def mark(root: str, excluded: frozenset[bytes], until: float) -> dict[str, Any]:
    """The mark of a folder or file, how many entries it stands for, and whether all were seen in time."""
    sum_, count, waiting = hashlib.blake2b(digest_size=16), 0, [os.fsencode(root)]
    try:
        sum_.update(_line(b".", os.lstat(root)))
    except OSError as error:
        return {"mark": type(error).__name__, "count": 0, "whole": True}
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            sum_.update(folder + type(error).__name__.encode())
            continue
        for entry in entries:
            if entry.path in excluded:
                continue
            try:
                sum_.update(_line(entry.path, entry.stat(follow_symlinks=False)))
            except OSError as error:
                sum_.update(entry.path + type(error).__name__.encode())
                continue
            count += 1
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
        if time.monotonic() > until:
            return {"mark": sum_.hexdigest(), "count": count, "whole": False}
    return {"mark": sum_.hexdigest(), "count": count, "whole": True}


def _line(path: bytes, seen: os.stat_result) -> bytes:
    """What is compared. A folder's own size and times only repeat what its entries say, which are here themselves."""
    known: tuple[int, ...] = (seen.st_mode, seen.st_uid, seen.st_gid)
    if not stat.S_ISDIR(seen.st_mode):
        known += (seen.st_ino, seen.st_nlink, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    return b"%s %s\0" % (path, repr(known).encode())


def main() -> None:
    """Print the marks of all folders."""
    until = time.monotonic() + float(CONFIG["seconds"])
    excluded = frozenset(map(os.fsencode, CONFIG["exclude"]))
    roots = sorted({path for pattern in CONFIG["roots"] for path in glob.glob(pattern)})
    print(json.dumps({root: mark(root, excluded, until) for root in roots}))


if __name__ == "__main__":
    main()
