"""Which cases there are, also those whose folders are gone: the signed heads, kept apart, know them all.

A head names the last record of its journal. Where the journal is missing, empty or unreadable, the case is *lost*: no
command may say that there is none. A person who took the folder away on purpose says so with ``case forget``, which is
recorded in the journal of operations under the head's hash; the head stays, and so does its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ungcuu.case.journal import NAME, Journal, read_head, read_records
from ungcuu.core.errors import Tampered, UsageFault
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import clean

FORGOTTEN = "case_forgotten"
OPERATIONS = "operations"
_ID = re.compile(r"UC-\d{8}-\d{3,}\Z")


@dataclass(frozen=True)
class Lost:
    """A journal that its head knows and that is not there any more. ``seq`` and ``time`` are of its last record."""

    id: str
    seq: int
    time: str
    hash: str
    folder: str

    @property
    def text(self) -> str:
        """What is missing, in one sentence."""
        message = (
            _("the journal of operations is gone or was emptied; its head names record {seq} of {time}")
            if self.id == OPERATIONS
            else _("the folder of case {case} is gone or was emptied; its head names record {seq} of {time}")
        )
        return message.format(case=self.id, seq=self.seq, time=self.time)

    @property
    def next_command(self) -> str:
        """What to do about it."""
        back = _("Put {folder} back from a copy of the state folder.").format(folder=self.folder)
        if self.id == OPERATIONS:
            return back
        purpose = _("If it was removed on purpose: {command}")
        return f"{back} {purpose.format(command=f'ungcuu case forget {self.id} --reason TEXT')}"

    def as_data(self) -> dict[str, object]:
        """Return it for ``--json``."""
        return {
            "case": self.id,
            "records": self.seq,
            "last_record": self.time,
            "head": self.hash,
            "folder": self.folder,
        }

    def error(self) -> Tampered:
        """Return it as the error of a command that needs the case."""
        return Tampered(self.text[0].upper() + self.text[1:] + ".", _("Nothing was changed."), self.next_command)


def lost(settings: Settings) -> list[Lost]:
    """Return the journals that are gone although nobody said that they were removed on purpose, by name."""
    found = list(_without_journal(settings))
    forgotten = _forgotten(settings) if found else set()
    return [one for one in found if (one.id, one.hash) not in forgotten]


def find_lost(settings: Settings, case_id: str) -> Lost | None:
    """Return the lost case of that id, if it is one."""
    return next((one for one in lost(settings) if one.id == case_id), None)


def forget(settings: Settings, case_id: str, reason: str) -> Lost:
    """Record that a case's folder was removed on purpose.

    Raises:
        UsageFault: There is no such case, its folder is there, or no reason was given.
        JournalError: It can't be recorded.
    """
    gone = find_lost(settings, case_id) if case_id != OPERATIONS else None
    if gone is None:
        raise UsageFault(
            _("{case} is not a case whose folder is gone.").format(case=clean(case_id, 80)),
            _("Nothing was changed."),
            "ungcuu case list",
        )
    if not reason.strip():
        raise UsageFault(
            _("Why was the folder removed? That is recorded."),
            _("Nothing was changed."),
            f"ungcuu case forget {case_id} --reason TEXT",
        )
    data: dict[str, Any] = {**gone.as_data(), "reason": reason, "operator": settings.operator}
    Journal.open(settings.operations, settings.keys, settings.heads).append(FORGOTTEN, data)
    return gone


def _without_journal(settings: Settings) -> Iterator[Lost]:
    for path in sorted(settings.heads.glob("*.json")):
        name = path.stem
        if not (_ID.match(name) or name == OPERATIONS):
            continue
        folder = settings.operations if name == OPERATIONS else settings.cases / name
        try:
            there = (folder / NAME).stat().st_size > 0
        except OSError:
            there = False
        if there:
            continue
        head = read_head(path) or {}
        seq = head.get("seq")
        when, digest = clean(head.get("time", "?"), 40), clean(head.get("hash", ""), 64)
        yield Lost(name, seq if isinstance(seq, int) else 0, when, digest, str(folder))


def _forgotten(settings: Settings) -> set[tuple[str, str]]:
    try:
        records = read_records(settings.operations)
    except Tampered:
        return set()
    return {
        (str(record.data.get("case")), str(record.data.get("head"))) for record in records if record.kind == FORGOTTEN
    }
