"""The application's configuration: where its secrets stand, and the same text with new ones. It is never run."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ungcuu.remote import site_config
from ungcuu_site.common import RefusedError


class File(NamedTuple):
    """One configuration file: its text, and every plain value in it."""

    path: Path
    text: str
    values: Mapping[str, str]


class Configuration:
    """The configuration of one website, by its profile.

    Raises:
        RefusedError: none of its files states the website's database, where it has one.
    """

    def __init__(self, root: str, config: Mapping[str, Any] | None, database: Mapping[str, Any]) -> None:
        self.config = config or {"paths": [], "parser": "php", "names": {}, "defaults": {}}
        files = list(self._files(root))
        self.stated: dict[str, str] = {}
        for file in files:
            stated = site_config.connection(
                file.text, self.config["parser"], self.config["names"], self.config["defaults"]
            )
            if stated.get("name") == database.get("name"):
                self.stated, files = stated, [file, *(other for other in files if other.path != file.path)]
                break
        self.files = files

    def _files(self, root: str) -> Iterator[File]:
        for name in self.config["paths"]:
            place = Path(root, name)
            for found in sorted(place.parent.glob(place.name)) if "*" in place.name else [place]:
                path = found.resolve()
                if path.is_file() and path.stat().st_size <= site_config.LIMIT:
                    text = read(path)
                    yield File(path, text, site_config.values(text, self.config["parser"]))

    def value(self, name: str) -> str:
        """The value that a name has in the first file that states it.

        Raises:
            RefusedError: no file states it as a plain text.
        """
        for file in self.files:
            if name in file.values:
                return file.values[name]
        raise RefusedError(f"the application's configuration does not state {name} as a plain text, once")

    def replaced(self, fresh: Mapping[str, str], added: Sequence[str]) -> dict[Path, tuple[str, str]]:
        """Path → old and new text of each file that changes; nothing is written.

        Raises:
            RefusedError: a value that has to be there is not, or not exactly once.
        """
        wanted: dict[Path, dict[str, str]] = {}
        for name, value in fresh.items():
            owner = next((file for file in self.files if name in file.values), None)
            if owner is None and name in added and self.files:
                owner = self.files[0]
            if owner is None:
                self.value(name)  # refuses, with its name
            else:
                wanted.setdefault(owner.path, {})[name] = value
        texts = {file.path: file.text for file in self.files}
        try:
            return {path: (texts[path], self._with(texts[path], values, added)) for path, values in wanted.items()}
        except ValueError as error:
            raise RefusedError(
                f"the application's configuration does not state {error} as a plain text, once"
            ) from None

    def _with(self, text: str, values: Mapping[str, str], added: Sequence[str]) -> str:
        return site_config.replaced(text, self.config["parser"], values, added)


def read(path: Path) -> str:
    """The text of a file that may hold any bytes."""
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def replace(path: Path, text: str) -> None:
    """Replace a file in one step, with the owner and mode that it had.

    Its folder may be the website's to write, so no name there is followed: only what was opened is changed.

    Raises:
        RefusedError: it is no plain file.
    """
    known = path.lstat()
    if not stat.S_ISREG(known.st_mode):
        raise RefusedError(f"{path} is not a file")
    fresh = path.with_name(f".{path.name}.ungcuu-new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as handle:
        handle.write(text)
        handle.flush()
        os.fchown(handle.fileno(), known.st_uid, known.st_gid)
        os.fchmod(handle.fileno(), known.st_mode & 0o7777)
        os.fsync(handle.fileno())
    fresh.replace(path)
