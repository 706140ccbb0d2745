"""The folder ``register`` of a site: read all records, and write new ones so that nothing is lost or half-written.

1. A file that is no record keeps no other from being read; it is named in every answer.
2. A record is written beside its place, synced, and renamed. Several are all on disk before the first takes its name.
3. Nothing that stands there is overwritten, but by :func:`replace` of what the caller has read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from ungcuu.core.atomic import held, make_private, sync_folder, write_beside
from ungcuu.core.errors import ControllerFault, Refused, UsageFault
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.prepare.register.entry import Entry, Fault, Unreadable, as_yaml, parse
from ungcuu.prepare.register.index import Index
from ungcuu.prepare.register.kinds import Unfit, read

LOCK_SECONDS = 10.0


@dataclass(frozen=True)
class Register:
    """All records of a site, by id, and what could not be read. ``own`` are those that the site wrote itself."""

    folder: Path
    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...] = ()
    own: frozenset[str] = frozenset()

    def of(self, *kinds: str) -> tuple[Entry, ...]:
        """The records of these kinds."""
        return tuple(entry for entry in self.entries if entry.kind in kinds)

    def find(self, entry_id: str) -> Entry | None:
        """The record of an id."""
        return self._by_id.get(entry_id)

    @cached_property
    def _by_id(self) -> dict[str, Entry]:
        return {entry.id: entry for entry in self.entries}

    def is_free(self, entry_id: str) -> bool:
        """Whether no record has this name, nor a file that can't be read."""
        return self.find(entry_id) is None and not (self.folder / f"{entry_id}.yml").exists()

    def free_id(self, kind: str) -> str:
        """The next free number of a kind."""
        return next(name for number in range(1, 100_000) if self.is_free(name := f"{kind}-{number:03d}"))


def folder_of(inventory: Path) -> Path:
    """Return the folder of the register of a site: beside its hosts, where Ansible does not look."""
    return (inventory if inventory.is_dir() else inventory.parent) / "register"


def load(settings: Settings, inventory: Path) -> Register:
    """Read the register of a site; one that does not exist yet holds only the legal texts that ungcuu knows.

    Raises:
        ControllerFault: The folder is there and can't be read.
    """
    folder = folder_of(inventory)
    try:
        found = [path for path in folder.iterdir() if path.suffix == ".yml"] if folder.is_dir() else []
        paths = sorted(found, key=lambda path: path.name)
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be read: {error}").format(path=folder, error=error.strerror), _("Nothing was changed.")
        ) from error
    entries: dict[str, Entry] = {entry.id: entry for entry in shipped()}
    faults, own = [], set()
    with Index(settings.state) as index:
        for path in paths:
            one = _one(index, path)
            if isinstance(one, Fault):
                faults.append(one)
            else:
                entries[one.id] = one
                own.add(one.id)
    return Register(folder, tuple(entries[name] for name in sorted(entries)), tuple(faults), frozenset(own))


def _one(index: Index, path: Path) -> Entry | Fault:
    try:
        rows = index.rows(path, _read)
        if rows:
            return Entry(path.stem, read(path.stem.partition("-")[0], rows[0]["values"]))
    except OSError as error:
        return Fault(str(path), 0, error.strerror or str(error))
    except (Unfit, KeyError, TypeError):  # an index of another release, or one that was tampered with
        pass
    return _judged(path)


def _read(path: Path) -> list[Any]:
    """What the index keeps of a file. Nothing of one that can't be read: the reason has to be in the reader's words."""
    found = _judged(path)
    return [{"values": found.as_texts()}] if isinstance(found, Entry) else []


def _judged(path: Path) -> Entry | Fault:
    try:
        with path.open("rb") as file:
            return parse(path.stem, file.read(1 << 20))
    except Unreadable as error:
        return Fault(str(path), error.line, error.why)
    except OSError as error:
        return Fault(str(path), 0, error.strerror or str(error))


@cache
def shipped() -> tuple[Entry, ...]:
    """Return the legal texts that ungcuu knows; a site's own file of the same name wins."""
    folder = resources.files("ungcuu").joinpath("legal_texts")
    paths = sorted((item for item in folder.iterdir() if item.name.endswith(".yml")), key=lambda item: item.name)
    return tuple(parse(item.name.removesuffix(".yml"), item.read_bytes()) for item in paths)


def made(register: Register, kind: str, raw: Mapping[str, str | list[str]], today: date, entry_id: str = "") -> Entry:
    """Return a new record out of texts; nothing is written.

    Raises:
        Unfit: A value is not as it has to be, or what is done lies in the future.
    """
    values = read(kind, raw)
    done = values.get("date")
    if isinstance(done, date) and done > today:
        raise Unfit(
            "date",
            _("{day} lies in the future (today is {today}); what is planned has due instead").format(
                day=done, today=today
            ),
        )
    entry = Entry(entry_id or register.free_id(kind), values)
    try:
        parse(entry.id, as_yaml(entry).encode())
    except Unreadable as error:
        raise Unfit("", error.why) from error
    return entry


def add(settings: Settings, register: Register, entries: Sequence[Entry]) -> list[Path]:
    """Write new records; all of them or none.

    Raises:
        Refused: There is a file of that name.
        ControllerFault: They can't be written.
    """
    return _write(settings, register.folder, entries, over=frozenset())


def replace(settings: Settings, register: Register, entries: Sequence[Entry]) -> list[Path]:
    """Write records over those that ``register`` was read with, and new ones; all of them or none.

    Raises:
        Refused: Somebody has changed one of them since, or made a file of that name.
        ControllerFault: They can't be written.
    """
    with_file = [known for entry in entries if entry.id in register.own and (known := register.find(entry.id))]
    for known in with_file:
        if _judged(register.folder / f"{known.id}.yml") != known:
            raise Refused(
                _("{id} was changed by somebody else meanwhile.").format(id=known.id), _("Nothing was changed.")
            )
    return _write(settings, register.folder, entries, over=frozenset(known.id for known in with_file))


def _write(settings: Settings, folder: Path, entries: Iterable[Entry], over: frozenset[str]) -> list[Path]:
    targets = {folder / f"{entry.id}.yml": as_yaml(entry) for entry in entries}
    drafts: dict[Path, Path] = {}
    with _locked(settings):
        for path in targets:
            if path.stem not in over and path.exists():
                raise Refused(_("{path} exists already.").format(path=path), _("Nothing was changed."))
        try:
            folder.mkdir(mode=0o750, exist_ok=True)
            for path, text in targets.items():
                drafts[path] = write_beside(path, text, 0o640)
            for path, draft in drafts.items():
                draft.replace(path)
            sync_folder(folder)
        except OSError as error:
            raise ControllerFault(
                _("The register {path} can't be written: {error}").format(path=folder, error=error.strerror or error),
                _("Each record there is whole: the old one or the new one."),
                _("Free space on this machine or fix the folder's rights, then run the command again."),
            ) from error
        finally:
            for draft in drafts.values():
                with contextlib.suppress(OSError):
                    draft.unlink(missing_ok=True)
    return list(targets)


@contextlib.contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    try:
        make_private(settings.state)
        with held(settings.state / "register.lock", LOCK_SECONDS):
            yield
    except TimeoutError as error:
        raise ControllerFault(
            _("Another process is writing the register; it did not end within {seconds} s.").format(
                seconds=round(LOCK_SECONDS)
            ),
            _("Nothing was changed."),
        ) from error
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be written: {error}").format(path=settings.state, error=error.strerror),
            _("Nothing was changed."),
        ) from error


def unusable(what: str, error: Unfit) -> UsageFault:
    """Return what is wrong with typed or imported values as the error that a person sees."""
    place = f"{what}: {error.field}" if error.field else what
    return UsageFault(
        f"{place}: {error.why}", _("Nothing was changed."), _("docs/how-to/register.md lists kinds and fields.")
    )
