"""Renew a signed baseline for exactly the files of a release, and for nothing else that changed meanwhile.

A file is taken over only while the host shows it with the very SHA-256 that the archive has: the host's word alone
makes nothing known. Everything else stays as it was signed: a web shell that came meanwhile is still found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ungcuu.core.errors import Refused
from ungcuu.core.i18n import _
from ungcuu.detect import baseline
from ungcuu.detect.baseline import READER, Baseline, Row, Snapshot
from ungcuu.detect.file_rows import copy_of
from ungcuu.detect.scan import Subject, read

_DANGEROUS = 0o6002  # setuid, setgid, writable by everybody


@dataclass(frozen=True)
class Renewed:
    """What became of it. ``left``: files of the release that the host shows otherwise; they stay findings."""

    changed: bool
    files: int
    removed: int
    left: tuple[str, ...]


def renew(subject: Subject, files: Mapping[str, str], own_folders: Sequence[str]) -> Renewed | None:
    """Read the host, renew its baseline for these files, and sign it. None where there is no baseline.

    Raises:
        Refused: The baseline is of an earlier form, which knows less.
        UngcuuError: The host could not be read whole, or the baseline was tampered with.
    """
    before = baseline.load(subject.state, subject.host)
    if before is None:
        return None
    if before.snapshot.reader != READER:
        raise Refused(
            _("The baseline of {host} is of an earlier form and can't be renewed in part.").format(host=subject.host),
            _("The baseline is as it was."),
            f"ungcuu baseline {subject.host}",
        )
    now = read(subject, before)
    baseline.require_complete(now, subject.host)
    snapshot, left, taken, removed = merged(before, now, files, own_folders)
    changed = baseline.save(subject.state, subject.host, snapshot)
    return Renewed(changed, taken, removed, tuple(left))


def merged(
    before: Baseline, now: Snapshot, files: Mapping[str, str], own_folders: Sequence[str]
) -> tuple[Snapshot, list[str], int, int]:
    """Return the new state, the files that were left as they were, and how many were taken over and removed. Pure."""
    known = copy_of(before.snapshot.of("file"))
    rows = {**{kind: dict(rows) for kind, rows in before.snapshot.rows.items() if kind != "file"}, "file": known}
    left = [path for path, digest in sorted(files.items()) if not _is_as_released(now.file(path), digest)]
    taken = sorted(files.keys() - set(left))
    for path in taken:
        known[(path,)] = now.of("file")[(path,)]
    for folder in {str(parent) for path in taken for parent in PurePosixPath(path).parents}:
        row = now.file(folder)
        if row is not None and row["type"] == "dir" and not row["mode"] & _DANGEROUS:
            known.setdefault((folder,), row)
    below = tuple(f"{folder.rstrip('/')}/" for folder in own_folders)
    gone = [key for key in known if str(key[0]).startswith(below) and key[0] not in files and now.file(key[0]) is None]
    for key in gone:
        del known[key]
    return Snapshot(rows, ended=True), left, len(taken), len(gone)


def _is_as_released(row: Row | None, digest: str) -> bool:
    return bool(row and row["type"] == "file" and row.get("sha256") == digest and not row["mode"] & _DANGEROUS)
