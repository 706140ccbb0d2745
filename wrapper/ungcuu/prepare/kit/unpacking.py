"""Put a kit's files in place on a new controller: all of them, or none. Nothing that is there is overwritten."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ungcuu.core.atomic import make_private, put_new
from ungcuu.core.errors import ControllerFault, Refused
from ungcuu.core.i18n import _
from ungcuu.prepare.kit.contents import ABOUT, MOST_BYTES, PLACES

_STAGE = ".ungcuu-kit-"  # beginning of the name of a folder that is being filled


@dataclass(frozen=True)
class Kit:
    """What a kit holds: bytes and mode of each file by its name, and what its maker said of it."""

    files: Mapping[str, tuple[bytes, int]]
    about: Mapping[str, Any]

    def below(self, place: str) -> dict[PurePosixPath, tuple[bytes, int]]:
        """The files of one place, by their paths below it."""
        return {
            PurePosixPath(name).relative_to(place): found
            for name, found in self.files.items()
            if name.startswith(f"{place}/")
        }


@dataclass(frozen=True)
class Places:
    """Where a kit's files go on this machine."""

    state: Path
    inventory: Path
    home: Path
    root: Path = field(default=Path("/"))


def read(archive: bytes) -> Kit:
    """Return what an archive holds; every name and kind of member is checked before anything is written.

    Raises:
        Refused: It holds something that no kit holds.
    """
    files: dict[str, tuple[bytes, int]] = {}
    about: Any = None
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
            for member in opened:
                total += member.size
                if total > 2 * MOST_BYTES:
                    raise _strange(member.name)
                held = opened.extractfile(member) if member.isreg() else None
                if held is None:
                    raise _strange(member.name)
                if member.name == ABOUT and about is None:
                    about = json.loads(held.read())
                elif _is_fit(member.name) and member.name not in files:
                    files[member.name] = (held.read(), 0o700 if member.mode & 0o100 else 0o600)
                else:
                    raise _strange(member.name)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, OSError, ValueError) as error:
        raise Refused(
            _("The kit's content can't be read: {error}").format(error=error), _("Nothing was unpacked.")
        ) from error
    if not isinstance(about, dict) or not any(name.startswith("inventory/") for name in files):
        raise Refused(_("The kit holds no inventory."), _("Nothing was unpacked."))
    return Kit(files, about)


def _is_fit(name: str) -> bool:
    """Whether a member may be written: a plain path below one of the places."""
    parts = name.split("/")
    plain = all(part not in ("", ".", "..") and part.isprintable() for part in parts)
    return plain and len(parts) > 1 and parts[0] in PLACES and "\\" not in name


def _strange(name: str) -> Refused:
    return Refused(
        _("The kit holds a file that no kit holds: {name}").format(name=name[:200]),
        _("Nothing was unpacked."),
        _("Do not use it: ungcuu did not make it so. Take another copy of the kit."),
    )


def targets(kit: Kit, places: Places) -> dict[Path, tuple[bytes, int]]:
    """Return where each single file goes; those of the state and the inventory go as whole folders."""
    return {
        base / path: found
        for place, base in (("home", places.home), ("root", places.root))
        for path, found in kit.below(place).items()
    }


def refuse_what_is_there(kit: Kit, places: Places) -> None:
    """Look before anything is written.

    Raises:
        Refused: This machine is a controller already, or a file of another content stands where one would go.
    """
    folders = {places.state: kit.below("state"), places.inventory: kit.below("inventory")}
    taken = [folder for folder, files in folders.items() if not _is_empty(folder) and not _is_same(folder, files)]
    taken += [path for path, (data, _mode) in targets(kit, places).items() if _differs(path, data)]
    if taken:
        raise Refused(
            _("Something stands where the kit's files would go: {paths}").format(paths=", ".join(map(str, taken))),
            _("Nothing was unpacked, and nothing of it was changed."),
            _("Move it away, or open the kit elsewhere: UNGCUU_STATE=FOLDER ungcuu kit open FILE --into FOLDER"),
        )


def _is_empty(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def _is_same(folder: Path, files: Mapping[PurePosixPath, tuple[bytes, int]]) -> bool:
    """Whether a folder holds just these files: it was put in place by a run that was broken off afterwards."""
    there = {PurePosixPath(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return there == set(files) and not any(_differs(folder / path, data) for path, (data, _mode) in files.items())


def _differs(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() != data
    except FileNotFoundError:
        return False
    except OSError:
        return True


def unpack(kit: Kit, places: Places) -> None:
    """Write all files: single ones first, the inventory, and the state last, each folder in one step.

    Broken off in between, it can be repeated: what is there with the same content is no hindrance.

    Raises:
        Refused: See :func:`refuse_what_is_there`.
        ControllerFault: Something can't be written; what had been written is gone again.
    """
    refuse_what_is_there(kit, places)
    made: list[Path] = []
    stages: list[tuple[Path, Path]] = []
    try:
        for base, place in ((places.inventory, "inventory"), (places.state, "state")):
            if _is_empty(base):
                stages.append((_stage(base, kit.below(place)), base))
        for path, (data, mode) in targets(kit, places).items():
            if not path.exists():
                make_private(path.parent)
                made.append(put_new(path, data, mode))
        for stage, base in stages:
            stage.rename(base)  # onto nothing, or an empty folder
            made.append(base)
    except OSError as error:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.unlink() if path.is_file() else shutil.rmtree(path)
        raise ControllerFault(
            _("{path} can't be written: {error}").format(path=error.filename, error=error.strerror),
            _("Nothing of the kit was left on this machine."),
            _("Free space, or open the kit elsewhere: UNGCUU_STATE=FOLDER ungcuu kit open FILE --into FOLDER"),
        ) from error
    finally:
        for stage, _base in stages:
            shutil.rmtree(stage, ignore_errors=True)


def _stage(base: Path, files: Mapping[PurePosixPath, tuple[bytes, int]]) -> Path:
    """Fill a folder beside the one that it will become; those that a killed run left there go first."""
    make_private(base.parent)
    for left in base.parent.glob(f"{_STAGE}{base.name}-*"):
        shutil.rmtree(left)
    stage = base.with_name(f"{_STAGE}{base.name}-{os.getpid()}")
    try:
        stage.mkdir(mode=0o700)
        for path, (data, mode) in files.items():
            make_private((stage / path).parent)
            put_new(stage / path, data, mode)
    except OSError:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    return stage
