"""Whether a case folder still holds what its journal says: chain, signatures, head, every piece of evidence.

Read-only. ``problems`` are proofs of change; ``notes`` are things that the journal does not cover.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ungcuu.case import timestamp
from ungcuu.case.case import DOCUMENTS, Case
from ungcuu.case.facts import from_host, payload
from ungcuu.case.journal import NAME, snapshot
from ungcuu.case.journal_check import VerifyResult, verify_snapshot
from ungcuu.case.record import Record
from ungcuu.core.errors import Tampered
from ungcuu.core.i18n import _
from ungcuu.core.signing import public_key
from ungcuu.core.terminal import clean

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_KEPT = re.compile(r"torn-\d+-[0-9a-f]{16}\Z|sent-[0-9a-f]{16}")
_PARTIAL = re.compile(r"\.partial-[A-Za-z0-9_.-]+-[a-z0-9_]{8}\Z")
_MANIFEST = re.compile(r"manifest-[A-Za-z0-9_.-]+\.jsonl\Z")

MOST_LOOKS = 10  # a case that is written to faster than it can be looked at stays suspect


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
        message = [] if journal.ok else [_journal_problem(journal)]
        return [*message, *self.problems, *journal.notes, *self.notes]


def check(case: Case) -> CaseCheck:
    """Check the journal of a case and all its files; change nothing.

    A run may be writing meanwhile: files and records are not made in one step. So what looks wrong is looked at again,
    until it is the same twice while no record was added in between. That is no wait for a case that is as it was.
    """
    found = _check_once(case)
    for _again in range(MOST_LOOKS):
        if found.ok:
            break
        before, found = found, _check_once(case)
        if (before.problems, before.journal) == (found.problems, found.journal):
            break
    return found


def _check_once(case: Case) -> CaseCheck:
    seen = snapshot(case.folder, case.head)
    try:
        result = verify_snapshot(seen, public_key(case.settings.keys), case.id)
    except Tampered as error:
        result = VerifyResult(False, 0, 1, error.what)
    try:
        records = seen.records(case.folder)
    except Tampered:
        return CaseCheck(result, 0, 0, (_("the evidence can't be checked without a readable journal"),), ())
    good, size, problems, notes = _check_evidence(case, records)
    problems += _check_manifests(case.evidence, records)
    more_problems, more_notes = _check_others(case, records)
    more_problems += timestamp.problems(case, records)
    return CaseCheck(result, good, size, (*problems, *more_problems), (*notes, *more_notes))


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


def _check_evidence(case: Case, records: list[Record]) -> tuple[int, int, list[str], list[str]]:
    good, size, problems = 0, 0, []
    folder, recorded = case.evidence, evidence_of(records)
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
    unknown = [path for path in _entries(folder) if path.name not in recorded and not _MANIFEST.match(path.name)]
    late = _not_yet_recorded(records, unknown) if unknown else set()
    problems += [
        _("a file that the journal does not know: {name}").format(name=clean(f"evidence/{path.name}", 120))
        for path in unknown
        if path.name not in late
    ]
    message = _("not recorded in the journal: {name} (by a run that goes on, or was interrupted: collect again)")
    notes = [message.format(name=clean(f"evidence/{name}", 120)) for name in sorted(late)]
    return good, size, problems, notes


def _not_yet_recorded(records: list[Record], unknown: list[Path]) -> set[str]:
    """Return the names of files that a collection put here and could not record yet, or never, since it was killed.

    A collection has no end in the journal until it ends. What it keeps has its hash for a name; what it is receiving
    has a name of its own. Such a file is in no report and in no bundle until it is recorded.
    """
    if not interrupted(records):
        return set()
    return {path.name for path in unknown if _PARTIAL.match(path.name) or _hash_or_nothing(path) == path.name}


def interrupted(records: list[Record]) -> bool:
    """Whether a run of this journal has no end, or an unknown one."""
    ends = {
        str(record.data.get("run")): record.data.get("outcome") for record in records if record.kind == "run_finished"
    }
    starts = [str(record.data.get("run")) for record in records if record.kind == "run_started"]
    return any(ends.get(run, "UNKNOWN") == "UNKNOWN" for run in starts)


def manifest_rows(path: Path) -> dict[str, dict[str, object]]:
    """Return the rows of a collector's own list that name a kept file, by its hash; other lines are left out."""
    found: dict[str, dict[str, object]] = {}
    with contextlib.suppress(OSError):
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                row = json.loads(line)
                if isinstance(row, dict) and _HASH.match(str(row.get("sha256") or "")):
                    found[str(row["sha256"])] = row
    return found


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
    hashes = _file_hashes(records)
    problems, notes = [], []
    for path in _entries(case.folder):
        if path.name in (NAME, "evidence"):
            continue
        if path.name == DOCUMENTS and path.is_dir() and not path.is_symlink():
            continue  # drafts and lists for people: each can be made again, and what was sent is kept with its hash
        name = clean(path.name, 120)
        if path.name not in hashes:
            notes.append(_("not covered by the journal: {name}").format(name=name))
        elif (digest := _hash_or_nothing(path)) not in hashes[path.name] and digest not in _recorded_since(case, path):
            problems.append(_("{name} was changed").format(name=name))
    for name in hashes:
        if not (case.folder / name).exists() and _KEPT.match(name):
            problems.append(_("{name} is missing").format(name=clean(name, 120)))
    return problems, notes


def _file_hashes(records: list[Record]) -> dict[str, set[str]]:
    hashes: dict[str, set[str]] = {}
    for record in records:
        if record.kind in ("report", "torn", "sent") and not from_host(record):
            hashes.setdefault(str(record.data.get("file")), set()).add(str(record.data.get("sha256")))
    for name, digest in timestamp.files_of(records).items():
        hashes.setdefault(name, set()).add(digest)
    return hashes


def _recorded_since(case: Case, path: Path) -> set[str]:
    """Return the hashes that the journal knows for a file by now: a report is recorded before it takes its place."""
    try:
        return _file_hashes(snapshot(case.folder, case.head).records(case.folder)).get(path.name, set())
    except Tampered:
        return set()


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
