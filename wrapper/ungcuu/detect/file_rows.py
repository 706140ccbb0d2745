"""The files of one reading, on disk and in the order of their paths: a site of any size takes the same memory.

1. The rows are in a database that SQLite makes for this process alone. It has no name, and is gone with the process.
2. Two readings are compared by going through both in order: neither list is ever held in memory.
3. What is written here was checked before; what is read back is what was written.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from contextlib import contextmanager
from typing import Any, TypeVar

from ungcuu.core.errors import StepFailed
from ungcuu.core.i18n import _

Row = Mapping[str, Any]
Key = tuple[Any, ...]
_Left = TypeVar("_Left")
_Right = TypeVar("_Right")

_WAITING = 2000  # rows that are written together
_CACHE = -8000  # KiB of the database that are held in memory


@contextmanager
def _room() -> Iterator[None]:
    """Say what a full disk of the controller means.

    Raises:
        StepFailed: The rows can't be kept.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StepFailed(
            _("The controller can't keep the list of files that a host reports: {why}").format(why=error),
            _("Nothing was changed on the host."),
            "df -h /var/tmp /tmp",
        ) from error


class Texts:
    """Texts by a key, both on disk, in the order of the keys."""

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}
        self._open: sqlite3.Connection | None = None

    @property
    def _database(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            # Nothing of it outlives this process: no journal, no waiting for the disk.
            for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size={_CACHE}"):
                self._open.execute(f"PRAGMA {setting}")
            self._open.execute("CREATE TABLE row (key TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID")
            self._open.execute("BEGIN")
        return self._open

    def put(self, key: str, text: str) -> None:
        """Keep a text under its key; a later one takes the place of an earlier one."""
        self._waiting[key] = text
        if len(self._waiting) >= _WAITING:
            self._write()

    def _write(self) -> None:
        if self._waiting:
            with _room():
                self._database.executemany("INSERT OR REPLACE INTO row VALUES (?, ?)", self._waiting.items())
            self._waiting.clear()

    def get(self, key: str) -> str | None:
        """Return a text, or None."""
        if key in self._waiting:
            return self._waiting[key]
        if self._open is None:
            return None
        found = self._open.execute("SELECT text FROM row WHERE key = ?", (key,)).fetchone()
        return str(found[0]) if found else None

    def drop(self, key: str) -> None:
        """Forget a key."""
        self._write()
        self._database.execute("DELETE FROM row WHERE key = ?", (key,))

    def __len__(self) -> int:
        self._write()
        return int(self._database.execute("SELECT count(*) FROM row").fetchone()[0]) if self._open else 0

    def pairs(self, holding: str = "") -> Iterator[tuple[str, str]]:
        """Yield (key, text) in the order of the keys; ``holding`` leaves out each text that does not hold this."""
        self._write()
        if self._open is not None:
            chosen = "WHERE instr(text, ?)" if holding else "WHERE ?=''"
            yield from self._open.execute(f"SELECT key, text FROM row {chosen} ORDER BY key", (holding,))  # noqa: S608 - a constant


class FileRows(MutableMapping[Key, Row]):
    """The records of files by ``(path,)``."""

    def __init__(self) -> None:
        self.texts = Texts()

    def __getitem__(self, key: Key) -> Row:
        text = self.texts.get(str(key[0]))
        if text is None:
            raise KeyError(key)
        return _row(text)

    def __setitem__(self, key: Key, row: Row) -> None:
        self.texts.put(str(key[0]), json.dumps(row, separators=(",", ":"), sort_keys=True))

    def __delitem__(self, key: Key) -> None:
        if self.texts.get(str(key[0])) is None:
            raise KeyError(key)
        self.texts.drop(str(key[0]))

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[Key]:
        return ((path,) for path, _text in self.texts.pairs())

    def items(self) -> ItemsView[Key, Row]:
        """Return all of them in order, each read once."""
        return _Items(self)

    def values(self) -> ValuesView[Row]:
        """Return all records in order, each read once."""
        return _Values(self)

    def having(self, field: str) -> Iterator[Row]:
        """Yield the records that have this field, in order: the others are not even decoded."""
        # A quotation mark inside a value is written with a backslash: this stands before a field's name alone.
        return (_row(text) for _path, text in self.texts.pairs(f'"{field}":'))


def copy_of(rows: Mapping[Key, Row]) -> FileRows:
    """Return the same records, to be changed alone."""
    made = FileRows()
    made.update(((path,), row) for path, row in records(rows))
    return made


class Corrected(Mapping[Key, Row]):
    """The files of a reading, a few of them with another record. The reading itself stays as it is."""

    def __init__(self, rows: Mapping[Key, Row], changes: Mapping[Key, Row]) -> None:
        self.rows, self.changes = rows, changes

    def __getitem__(self, key: Key) -> Row:
        return self.changes[key] if key in self.changes else self.rows[key]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Key]:
        return iter(self.rows)

    def items(self) -> ItemsView[Key, Row]:
        """Return all of them in order, each read once."""
        return _Items(self)

    def values(self) -> ValuesView[Row]:
        """Return all records in order, each read once."""
        return _Values(self)


class _Items(ItemsView[Key, Row]):
    _mapping: Mapping[Key, Row]

    def __iter__(self) -> Iterator[tuple[Key, Row]]:
        return (((path,), row) for path, row in records(self._mapping))


class _Values(ValuesView[Row]):
    _mapping: Mapping[Key, Row]

    def __iter__(self) -> Iterator[Row]:
        return (row for _path, row in records(self._mapping))


def having(rows: Mapping[Key, Row], field: str) -> Iterator[Row]:
    """Yield the records that have this field, in order."""
    if isinstance(rows, FileRows):
        return rows.having(field)
    if isinstance(rows, Corrected):
        return (rows.changes.get((row["path"],), row) for row in having(rows.rows, field))
    return (row for _key, row in sorted(rows.items()) if field in row)


def records(rows: Mapping[Key, Row]) -> Iterator[tuple[str, Row]]:
    """Yield (path, record) in order, each read once."""
    return ((path, _decoded(one)) for path, one in _in_order(rows))


def side_by_side(
    before: Mapping[Key, Row], now: Mapping[Key, Row], *, unlike: bool = False
) -> Iterator[tuple[str, Row | None, Row | None]]:
    """Yield (path, before, now) of each path that one of two readings has, in order.

    ``unlike`` leaves out those whose records are the same in every field: most of them, and they are not decoded then.
    """
    for path, old, new in merged(_in_order(before), _in_order(now)):
        if not (unlike and old == new):
            yield path, None if old is None else _decoded(old), None if new is None else _decoded(new)


def merged(
    left: Iterator[tuple[str, _Left]], right: Iterator[tuple[str, _Right]]
) -> Iterator[tuple[str, _Left | None, _Right | None]]:
    """Yield (key, left, right) of each key that one of two ordered series has."""
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None  # noqa: S101 - one of the two is there
            yield one[0], one[1], None
            one = next(left, None)
        elif one is None or other[0] < one[0]:
            yield other[0], None, other[1]
            other = next(right, None)
        else:
            yield one[0], one[1], other[1]
            one, other = next(left, None), next(right, None)


def _in_order(rows: Mapping[Key, Row]) -> Iterator[tuple[str, str | Row]]:
    """Yield (path, record), the record as its text where it is one."""
    if isinstance(rows, FileRows):
        return rows.texts.pairs()
    if isinstance(rows, Corrected):
        return ((path, rows.changes.get((path,), one)) for path, one in _in_order(rows.rows))
    return ((str(key[0]), rows[key]) for key in sorted(rows))


def _row(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def _decoded(one: str | Row) -> Row:
    return _row(one) if isinstance(one, str) else one
