"""Checks a journal: every record, its chain, its signatures, and the head outside the folder. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ungcuu.case.journal import Snapshot, head_problem, journal_bytes, snapshot
from ungcuu.case.record import genesis, unseal
from ungcuu.core.i18n import _
from ungcuu.core.signing import public_key


@dataclass(frozen=True)
class VerifyResult:
    """What a check of a journal found. ``first_bad`` is the sequence number where it stops being trustworthy."""

    ok: bool
    records: int
    first_bad: int | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()
    head_hash: str = ""


def verify(
    folder: Path,
    public: Ed25519PublicKey | Path,
    head: Mapping[str, Any] | Path | None,
    *,
    case: str | None = None,
) -> VerifyResult:
    """Check every record of the journal in ``folder``, its chain, its signatures and its head; change nothing.

    ``case`` is the name the chain is bound to, by default the folder's. A head given as a path is read together with
    the journal; see :func:`ungcuu.case.journal.snapshot`.
    """
    seen = snapshot(folder, head) if isinstance(head, Path) else Snapshot(*_only_data(folder, head))
    return verify_snapshot(seen, public, case or folder.name)


def _only_data(
    folder: Path, head: Mapping[str, Any] | None
) -> tuple[bytes | None, Mapping[str, Any] | None, bytes, str]:
    data, problem = journal_bytes(folder)
    return data, head, b"", problem


def verify_snapshot(seen: Snapshot, public: Ed25519PublicKey | Path, case: str) -> VerifyResult:
    """Check a journal and its head as they were read; see :func:`verify`."""
    key = public_key(public) if isinstance(public, Path) else public
    if seen.data is None:
        return VerifyResult(False, 0, 1, seen.problem)
    *lines, torn = seen.data.split(b"\n")
    digests, bad = _check_chain(lines, case, key)
    if bad:
        return VerifyResult(False, len(digests) - 1, len(digests), bad)
    count = len(digests) - 1
    if torn:
        return VerifyResult(False, count, count + 1, _("the last record is torn"))
    return _check_head(seen.head, digests, case, key)


def _check_chain(lines: list[bytes], case: str, key: Ed25519PublicKey) -> tuple[list[str], str]:
    """Hashes of the good records, the genesis first, and what is wrong with the next one."""
    digests = [genesis(case)]
    for line in lines:
        record, problem = unseal(line + b"\n", key)
        if record is not None and record.seq != len(digests):
            problem = _("record {seq} stands in its place").format(seq=record.seq)
        elif record is not None and record.prev != digests[-1]:
            problem = _("it does not follow the record before it")
        if record is None or problem:
            return digests, problem
        digests.append(record.hash)
    return digests, ""


def _check_head(head: Mapping[str, Any] | None, digests: list[str], case: str, key: Ed25519PublicKey) -> VerifyResult:
    count = len(digests) - 1
    if head is None:
        return VerifyResult(False, count, count + 1, _("the head is missing: records at the end may be missing too"))
    if problem := head_problem(head, case, key):
        return VerifyResult(False, count, count + 1, problem)
    seq = head["seq"]
    if seq > count:
        problem = _("records {first} to {last} are missing at the end").format(first=count + 1, last=seq)
        return VerifyResult(False, count, count + 1, problem)
    if head["hash"] != digests[seq]:
        return VerifyResult(False, count, seq, _("the head names another record of this number"))
    if seq < count - 1:
        problem = _("the head is old: it names record {seq} of {count}").format(seq=seq, count=count)
        return VerifyResult(False, count, seq + 1, problem)
    notes = () if seq == count else (_("the head is one record behind: a run was killed there"),)
    return VerifyResult(True, count, notes=notes, head_hash=digests[-1])
