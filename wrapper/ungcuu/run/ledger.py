"""Where a run's records go: the open case of each host, else the journal of operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ungcuu.core.errors import JournalError, Tampered, UngcuuError
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings, machine_of
from ungcuu.core.terminal import clean

if TYPE_CHECKING:
    from ungcuu.case.case import Case


class Recorder(Protocol):
    """The part of a journal that a verb needs."""

    def append(self, kind: str, data: Mapping[str, object]) -> object:
        """Write one record; it is on disk when this returns."""


class Ledger:
    """Writes each record to the journal of the host that it is about, and records of a whole run to all of them.

    ``tolerant`` is for isolation alone: what can't be written is reported once and the run goes on.
    """

    def __init__(self, tolerant: bool, warn: Callable[[str], None]) -> None:
        self._tolerant, self._warn = tolerant, warn
        self._journals: dict[str, Recorder] = {}
        self._warned = False

    def add(self, host: str, open_journal: Callable[[], Recorder]) -> None:
        """Open the journal of a host now: one that can't be written must stop the run before it starts.

        Raises:
            JournalError: It can't be written and the ledger is not tolerant.
        """
        try:
            self._journals[host] = open_journal()
        except (OSError, UngcuuError) as error:
            self.failed(error)

    def append(self, kind: str, data: Mapping[str, object]) -> object:
        """Write one record; on disk when this returns."""
        host = data.get("host")
        chosen = self._journals.get(machine_of(str(host))) if host else None
        targets = [chosen] if chosen else list({id(j): j for j in self._journals.values()}.values())
        last: object = None
        for journal in targets:
            try:
                last = journal.append(kind, data)
            except (OSError, UngcuuError) as error:
                self.failed(error)
        return last

    def failed(self, error: Exception) -> None:
        """Report it once where the run may go on without a journal.

        Raises:
            JournalError: It may not.
        """
        if self._tolerant:
            if not self._warned:
                self._warn(_("The journal can't be written ({error}); going on without it.").format(error=error))
            self._warned = True
            return
        if isinstance(error, Tampered) or (isinstance(error, JournalError) and error.state):
            raise error
        raise JournalError(
            _("The journal can't be written: {error}").format(error=clean(error, 500)),
            _("Nothing was done: without a journal there is no run."),
            _("Free space on this machine or fix the state folder, then run the command again."),
        ) from error


def _open(shared: dict[str, Recorder], folder: Path, settings: Settings) -> Recorder:
    from ungcuu.case.journal import Journal

    return shared.setdefault(str(folder), Journal.open(folder, settings.keys, settings.heads))


def case_of(settings: Settings, host: str, chosen: str | None) -> Case | None:
    """Return the case that a run on this host belongs to: the one named, else the host's open one."""
    from ungcuu.case import case

    return case.find(settings, chosen) if chosen else case.current(settings, host)


def open_ledger(
    settings: Settings, hosts: tuple[str, ...], chosen: str | None, tolerant: bool, warn: Callable[[str], None]
) -> tuple[Ledger, dict[str, str]]:
    """Open the journals of these hosts. Returns them and the case id of each host that has one.

    Raises:
        JournalError: One can't be written.
        UsageFault: There is no case of the id that was named.
    """
    ledger = Ledger(tolerant, warn)
    cases: dict[str, str] = {}
    shared: dict[str, Recorder] = {}
    for host in hosts or ("",):
        found = None
        try:
            found = case_of(settings, host, chosen)
        except OSError as error:
            ledger.failed(error)
        folder = found.folder if found else settings.operations
        if found:
            cases[host] = found.id

        ledger.add(host, partial(_open, shared, folder, settings))
    return ledger, cases
