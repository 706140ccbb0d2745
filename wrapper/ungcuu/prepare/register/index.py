"""What was read of a file, kept in SQLite until the file changes: ten thousand records open in a moment.

Nothing is known here alone. An index that is missing, broken, or can't be written is made again out of the files; the
answers are the same without it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ungcuu import __version__
from ungcuu.core.atomic import make_private

NAME = "register.sqlite"
YOUNG_SECONDS = 2.0  # a file changed so lately may change again within the same tick of the clock


class Index:
    """Rows of files by path and state. Use it in a ``with``: what was read is kept when it ends."""

    def __init__(self, state: Path) -> None:
        self._path = state / NAME
        self._database: sqlite3.Connection | None = None
        self._known: dict[str, tuple[str, str]] = {}
        self._new: list[tuple[str, str, str]] = []

    def __enter__(self) -> Index:
        """Open it; one that is broken is thrown away."""
        for _attempt in range(2):
            try:
                make_private(self._path.parent)
                self._database = self._open()
                return self
            except sqlite3.OperationalError:  # read-only, locked, or the disk is full: go without
                self._drop()
                return self
            except (sqlite3.DatabaseError, OSError):
                self._drop()
                with contextlib.suppress(OSError):
                    self._path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_error: object) -> None:
        """Keep what is new. What can't be kept is read again next time."""
        if self._database is not None and self._new:
            with contextlib.suppress(sqlite3.Error), self._database:
                self._database.executemany("INSERT OR REPLACE INTO source VALUES (?, ?, ?)", self._new)
        self._drop()

    def rows(self, path: Path, read: Callable[[Path], list[Any]], form: str = "") -> list[Any]:
        """Return what ``read`` gives for this file, or gave for it in the state that it is in. JSON values alone.

        ``form`` says what rows look like: those of another form are read again.

        Raises:
            OSError: The file can't be read.
        """
        state = path.stat()
        stamp = f"{__version__}:{form}:{state.st_ino}:{state.st_size}:{state.st_mtime_ns}:{state.st_ctime_ns}"
        known = self._known.get(str(path))
        if known is not None and known[0] == stamp:
            with contextlib.suppress(ValueError):
                found = json.loads(known[1])
                if isinstance(found, list):
                    return found
        rows = read(path)
        if abs(time.time() - max(state.st_mtime, state.st_ctime)) > YOUNG_SECONDS:
            self._new.append((str(path), stamp, json.dumps(rows)))
        return rows

    def _open(self) -> sqlite3.Connection:
        self._path.touch(mode=0o600)
        database = sqlite3.connect(self._path, timeout=2.0)
        try:
            database.execute("CREATE TABLE IF NOT EXISTS source (path TEXT PRIMARY KEY, stamp TEXT, rows TEXT)")
            self._known = {
                str(path): (str(stamp), str(rows))
                for path, stamp, rows in database.execute("SELECT path, stamp, rows FROM source")
            }
        except BaseException:
            database.close()
            raise
        return database

    def _drop(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None
