"""An archive with a new release of an application: opened, checked and read, before a host is asked anything.

1. Nothing of it is written anywhere but into the one archive that is sent to the host, and nothing of it is run.
2. A name that leads out of the release, a link, a device, a second file of the same name, or a size without measure
   refuses the whole archive. So does a member that can't be read to its end.
3. It has to be a release of this application: all files by which its profile recognises it, and a version.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ungcuu.core.errors import Refused
from ungcuu.core.i18n import _
from ungcuu.hosts.profile_form import Component
from ungcuu.hosts.profiles import Profile

MOST_FILES, MOST_BYTES, MOST_OF_ONE = 100_000, 2 << 30, 512 << 20
_NAME_BYTES = 400
_BLOCK = 1 << 20
_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
)


@dataclass(frozen=True)
class Release:
    """A checked archive. ``files``: path below the document root → SHA-256; ``top``: the archive's own first folder."""

    path: Path
    sha256: str
    version: str
    files: Mapping[str, str]
    top: str
    bytes: int


@dataclass(frozen=True)
class Sums:
    """The sums of one file. ``md5`` is for comparison with a publisher's list alone: WordPress states no other."""

    sha256: str
    md5: str


def core_of(profile: Profile) -> Component | None:
    """Return the component that states the application's own version in one file, where the profile has one."""
    found = [rule for rule in profile.components if rule.kind == "core" and rule.reads == "text" and rule.files]
    return found[0] if found else None


def opened(path: Path, profile: Profile, sha256: str = "") -> Release:
    """Check an archive (zip or tar, also compressed) whole, and return what it holds.

    Raises:
        Refused: It is not what it has to be; nothing was touched.
    """
    digest = _digest(path)
    if sha256 and digest != sha256.lower():
        raise _refused(path, _("its SHA-256 is {digest}, not {wanted}").format(digest=digest, wanted=sha256.lower()))
    core = core_of(profile)
    if core is None:
        why = _("website_application names no profile whose components state a core, so a release can't be recognised")
        raise _refused(path, why)
    kept: dict[str, bytes] = {}
    files: dict[str, str] = {}
    total = 0
    with _readable(path):
        for name, size, handle in _members(path):
            total += size
            if name in files or len(files) >= MOST_FILES or total > MOST_BYTES:
                raise _refused(path, _("it holds too much, or {name} twice").format(name=ascii(name)))
            head, files[name] = _read(path, name, size, handle)
            if name.endswith(core.files[0]):
                kept[name] = head
    top = _top(path, files, (*profile.detect.markers, core.files[0]), profile.title)
    match = re.search(core.version, kept[top + core.files[0]].decode("utf-8", "replace"), re.MULTILINE)
    if match is None:
        raise _refused(path, _("{name} in it states no version").format(name=core.files[0]))
    below = {name.removeprefix(top): digest for name, digest in files.items()}
    return Release(path, digest, match[1], below, top, total)


def sums(path: Path, sha256: str = "") -> tuple[str, dict[str, Sums]]:
    """Check any archive of code (zip or tar) whole; return its own SHA-256, and the sums of each file in it.

    Raises:
        Refused: It can't be read, is not the one that was meant, or holds what no release holds.
    """
    digest = _digest(path)
    if sha256 and digest != sha256.lower():
        raise _refused(path, _("its SHA-256 is {digest}, not {wanted}").format(digest=digest, wanted=sha256.lower()))
    found: dict[str, Sums] = {}
    total = 0
    with _readable(path):
        for name, size, handle in _members(path):
            total += size
            if name in found or len(found) >= MOST_FILES or total > MOST_BYTES:
                raise _refused(path, _("it holds too much, or {name} twice").format(name=ascii(name)))
            found[name] = _sums_of(path, name, size, handle)
    if not found:
        raise _refused(path, _("it holds no file"))
    return digest, found


def _sums_of(path: Path, name: str, size: int, handle: IO[bytes]) -> Sums:
    strong, published = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    seen = 0
    while seen <= size and (block := handle.read(_BLOCK)):
        seen += len(block)
        strong.update(block)
        published.update(block)
    if seen != size:
        raise _refused(path, _("{name} has another size than the archive says").format(name=ascii(name)))
    return Sums(strong.hexdigest(), published.hexdigest())


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error


def _top(path: Path, files: Mapping[str, str], markers: tuple[str, ...], title: str) -> str:
    """The folder in which the release stands: none, or the one that everything stands in."""
    first = {name.partition("/")[0] for name in files}
    for top in ("", *(f"{name}/" for name in first if len(first) == 1)):
        missing = [marker for marker in markers if not any(_is_at(name, top + marker) for name in files)]
        if not missing:
            return top
    raise _refused(path, _("it is not a release of {title}: {names} is missing").format(title=title, names=missing[0]))


def _is_at(name: str, marker: str) -> bool:
    return name == marker or name.startswith(f"{marker}/")


def _read(path: Path, name: str, size: int, handle: IO[bytes]) -> tuple[bytes, str]:
    """Read one member to its end; gives its beginning and its SHA-256."""
    digest, seen, head = hashlib.sha256(), 0, b""
    while block := handle.read(_BLOCK):
        seen += len(block)
        head = head or block[: 64 << 10]
        digest.update(block)
        if seen > size:
            break
    if seen != size:
        raise _refused(path, _("{name} has another size than the archive says").format(name=ascii(name)))
    return head, digest.hexdigest()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever can go wrong while an archive is read, wherever it is read: the archive is refused."""
    try:
        yield
    except _UNREADABLE as error:
        raise _refused(path, _("it can't be read to its end: {error}").format(error=error)) from error


def _members(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Yield each file of the archive: its safe name, its size, and its bytes."""
    yield from _of_zip(path) if zipfile.is_zipfile(path) else _of_tar(path)


def _of_zip(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            name = _safe(path, info.filename.removesuffix("/"), info.file_size)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or info.flag_bits & 1:
                raise _refused(path, _("{name} in it is a link, a device or encrypted").format(name=ascii(name)))
            if not info.is_dir():
                with archive.open(info) as handle:
                    yield name, info.file_size, handle


def _of_tar(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with tarfile.open(path) as archive:
        for info in archive:
            name = _safe(path, info.name.removeprefix("./"), info.size)
            if not (info.isreg() or info.isdir()) or info.issparse():
                raise _refused(path, _("{name} in it is a link, a device or encrypted").format(name=ascii(name)))
            if info.isreg() and (handle := archive.extractfile(info)) is not None:
                yield name, info.size, handle
        while archive.fileobj is not None and archive.fileobj.read(_BLOCK):
            pass  # the sum of a compressed archive stands behind its last member


def _safe(path: Path, name: str, size: int) -> str:
    """Return a member's name, refused where it could lead anywhere but below the release."""
    parts = name.split("/")
    bad = name != "." and any(part in ("", ".", "..") for part in parts)
    if bad or "\\" in name or not name.isprintable() or len(name.encode("utf-8", "replace")) > _NAME_BYTES:
        raise _refused(path, _("{name} in it is not a path below the release").format(name=ascii(name)))
    if size > MOST_OF_ONE:
        raise _refused(
            path, _("{name} in it is larger than {size} MiB").format(name=ascii(name), size=MOST_OF_ONE >> 20)
        )
    return name


def write_payload(release: Release, wanted: Callable[[str], bool], target: IO[bytes]) -> None:
    """Write the wanted files as one plain tar, checked against what was seen when the archive was opened.

    Raises:
        Refused: The archive has changed since.
    """
    with _readable(release.path), tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as out:
        for whole, size, handle in _members(release.path):
            name = whole.removeprefix(release.top)
            if not wanted(name):
                continue
            content = handle.read(size + 1)
            if hashlib.sha256(content).hexdigest() != release.files.get(name):
                raise _refused(release.path, _("it changed while it was read"))
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))


def _refused(path: Path, why: str) -> Refused:
    return Refused(
        _("The archive {path} is not used: {why}.").format(path=path, why=why),
        _("Nothing was changed."),
        _("Get the release again from its publisher; docs/how-to/patch-application.md says what it has to be."),
    )
