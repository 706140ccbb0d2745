"""What keeps somebody logged in without a password: sessions, standing passwords of programs, files with a salt.

Rows are changed as the application's own account. Files are set aside in `/var/lib/ungcuu/rotated`, never deleted:
they say who was logged in.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ungcuu_site.administrators import assigned
from ungcuu_site.common import move
from ungcuu_site.login import Login

_PHP_CONFIGURATION = Path("/etc/php")
_USUAL = "/var/lib/php/sessions"
_SAVE_PATH = re.compile(
    r"^\s*(?:php_(?:admin_)?value\[)?session\.save_path\]?\s*=\s*[\"']?(?:[0-9;]*;)?(/[^\"'\s;]+)", re.M
)
_MOST_BYTES = 1 << 20


def end_rows(login: Login, prefix: str, ended: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """End sessions and tokens in the database; gives how many rows of each kind still count.

    A session that begins meanwhile is one with the new credentials: of sessions none is counted.

    Raises:
        RefusedError: the database does not take a statement.
    """
    left: dict[str, int] = {}
    for row in ended:
        name, where = row["table"].replace("{prefix}", prefix), row["where"]
        if row["optional"] and not login.has_table(name):
            continue
        if row["values"]:
            login.ask(f'UPDATE "{name}" SET {assigned(login, row["values"])} WHERE {where}')  # noqa: S608
        else:
            login.ask(f'DELETE FROM "{name}" WHERE {where}')  # noqa: S608
        count = login.ask(f'SELECT COUNT(*) FROM "{name}" WHERE {where}')  # noqa: S608
        known = left.setdefault(row["what"], 0)
        left[row["what"]] = known + (int(count[0][0]) if row["what"] == "tokens" else 0)
    return left


def set_aside(root: str, names: Iterable[str], aside: Path) -> list[str]:
    """Set the files with a secret aside that the application makes again; gives the paths of those that stay."""
    stays = []
    for name in names:
        path = Path(root, name)
        if os.path.lexists(path):
            _move(path, aside)
        if os.path.lexists(path):
            stays.append(str(path))
    return stays


def end_session_files(user: int, pattern: str, aside: Path) -> list[str]:
    """Set PHP's session files of this application aside; gives the paths of those that stay."""
    stays = []
    known = re.compile(pattern.encode())
    for path in _session_files():
        if _belongs(path, user, known):
            _move(path, aside)
            if _belongs(path, user, known):
                stays.append(str(path))
    return stays


def _session_files() -> Iterator[Path]:
    """Every file in which PHP keeps a session, in the folders that its configuration names."""
    folders = {_USUAL}
    for path in _PHP_CONFIGURATION.rglob("*"):
        if path.suffix in (".conf", ".ini") and path.is_file():
            folders |= set(_SAVE_PATH.findall(path.read_text("utf-8", "replace")))
    for folder in sorted(folders):
        if Path(folder).is_dir():
            yield from sorted(Path(folder).glob("sess_*"))


def _belongs(path: Path, user: int, pattern: re.Pattern[bytes]) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as handle:
        found = os.fstat(descriptor)
        return stat.S_ISREG(found.st_mode) and found.st_uid == user and bool(pattern.search(handle.read(_MOST_BYTES)))


def _move(path: Path, aside: Path) -> None:
    aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    move(path, aside / path.name)
