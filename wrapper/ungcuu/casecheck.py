"""Whether a case folder still holds what its journal says: chain, signatures, head, every piece of evidence.

Read-only. ``problems`` are proofs of change; ``notes`` are things that the journal does not cover.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ungcuu import timestamp
from ungcuu.case import Case
from ungcuu.casefacts import from_host, payload
from ungcuu.errors import Tampered
from ungcuu.i18n import _
from ungcuu.journal import NAME, VerifyResult, verify
from ungcuu.screen import clean
from ungcuu.sealing import Record, public_key

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_TORN = re.compile(r"torn-\d+-[0-9a-f]{16}\Z")
_MANIFEST = re.compile(r"manifest-[A-Za-z0-9_.-]+\.jsonl\Z")


@dataclass(frozen=True)
class CaseCheck:
    """What a check of a whole case found. ``evidence`` counts the files that match their hash."""

    journal: VerifyResult
    evidence: int
    bytes: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was changed."""
        return self.journal.ok and not self.problems

    def lines(self) -> list[str]:
        """The result in words, problems first."""
        journal = self.journal
        told = [] if journal.ok else [_journal_problem(journal)]
        return [*told, *self.problems, *journal.notes, *self.notes]


def check(case: Case) -> CaseCheck:
    """Check the journal of a case and all its files; change nothing."""
    try:
        result = verify(case.folder, public_key(case.settings.keys), case.head)
    except Tampered as error:
        result = VerifyResult(False, 0, 1, error.what)
    try:
        records = case.records()
    except Tampered:
        return CaseCheck(result, 0, 0, (_("the evidence can't be checked without a readable journal"),), ())
    recorded = evidence_of(records)
    good, size, problems = _check_evidence(case.evidence, recorded)
    problems += _check_manifests(case.evidence, records)
    more_problems, notes = _check_others(case, records)
    more_problems += timestamp.problems(case, records)
    return CaseCheck(result, good, size, (*problems, *more_problems), tuple(notes))


def evidence_of(records: list[Record]) -> dict[str, Mapping[str, object]]:
    """Evidence that was delivered, by content hash, as the journal has it."""
    found: dict[str, Mapping[str, object]] = {}
    for record in records:
        data = payload(record)
        if record.kind == "evidence" and _HASH.match(str(data.get("sha256") or "")):
            found.setdefault(str(data["sha256"]), data)
    return found


def sha256_of(path: Path) -> str:
    """SHA-256 of a regular file, never through a link; empty where it is none.

    Raises:
        OSError: it can't be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_evidence(folder: Path, recorded: Mapping[str, Mapping[str, object]]) -> tuple[int, int, list[str]]:
    good, size, problems = 0, 0, []
    for digest, data in recorded.items():
        name = clean(data.get("what") or data.get("name") or data.get("id") or digest[:12], 80)
        try:
            same = sha256_of(folder / digest) == digest
        except OSError:
            problems.append(_("evidence {digest} is missing: {name}").format(digest=digest, name=name))
            continue
        if same:
            good += 1
            size += (folder / digest).stat().st_size
        else:
            problems.append(_("evidence {digest} was changed: {name}").format(digest=digest, name=name))
    known = set(recorded)
    problems += [
        _("a file that the journal does not know: {name}").format(name=clean(f"evidence/{path.name}", 120))
        for path in _entries(folder)
        if path.name not in known and not _MANIFEST.match(path.name)
    ]
    return good, size, problems


def _check_manifests(folder: Path, records: list[Record]) -> list[str]:
    """The collector's own list must begin with what it held when it was handed over."""
    wanted: dict[str, set[str]] = {}
    for record in records:
        data = payload(record)
        digest = str(data.get("manifest_sha256") or "")
        if record.kind == "custody" and _HASH.match(digest):
            wanted.setdefault(f"manifest-{data.get('from')}.jsonl", set()).add(digest)
    problems = []
    for name, digests in wanted.items():
        if _MANIFEST.match(name) and not digests <= _prefix_hashes(folder / name):
            problems.append(_("the list of what was collected was changed: {name}").format(name=name))
    return problems


def _prefix_hashes(path: Path) -> set[str]:
    """Hashes of the file's beginnings that end with a line."""
    digest, found = hashlib.sha256(), set()
    try:
        with path.open("rb") as file:
            for line in file:
                digest.update(line)
                found.add(digest.hexdigest())
    except OSError:
        return set()
    return found


def _check_others(case: Case, records: list[Record]) -> tuple[list[str], list[str]]:
    """Files beside the evidence: reports and torn records have a hash in the journal, other things do not."""
    hashes: dict[str, set[str]] = {}
    for record in records:
        if record.kind in ("report", "torn") and not from_host(record):
            hashes.setdefault(str(record.data.get("file")), set()).add(str(record.data.get("sha256")))
    for name, digest in timestamp.files_of(records).items():
        hashes.setdefault(name, set()).add(digest)
    problems, notes = [], []
    for path in _entries(case.folder):
        if path.name in (NAME, "evidence"):
            continue
        name = clean(path.name, 120)
        if path.name not in hashes:
            notes.append(_("not covered by the journal: {name}").format(name=name))
        elif _hash_or_nothing(path) not in hashes[path.name]:
            problems.append(_("{name} was changed").format(name=name))
    for name in hashes:
        if not (case.folder / name).exists() and _TORN.match(name):
            problems.append(_("{name} is missing").format(name=clean(name, 120)))
    return problems, notes


def _hash_or_nothing(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""


def _entries(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(folder.iterdir())


def _journal_problem(result: VerifyResult) -> str:
    return _("the journal is good up to record {good}; record {bad}: {problem}").format(
        good=result.records, bad=result.first_bad, problem=result.problem
    )


def as_data(result: CaseCheck) -> dict[str, object]:
    """The result as plain data, for ``--json``."""
    journal = result.journal
    return {
        "ok": result.ok,
        "journal": {
            "ok": journal.ok,
            "records": journal.records,
            "first_bad": journal.first_bad,
            "problem": journal.problem,
            "head": journal.head_hash,
        },
        "evidence": {"files": result.evidence, "bytes": result.bytes},
        "problems": [] if result.ok else result.lines(),
        "notes": [*journal.notes, *result.notes],
    }
