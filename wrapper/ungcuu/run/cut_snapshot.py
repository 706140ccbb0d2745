"""Keeps the volatile snapshot that the cut took: with the case's evidence, or wherever there is room."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ungcuu.core.errors import UngcuuError
from ungcuu.core.i18n import N_, _

if TYPE_CHECKING:
    from ungcuu.contain.cut_off import Cut
    from ungcuu.run.verb import Context


def keep(context: Context, cut: Cut) -> None:
    """Keep it. A full disk of this controller must not stop the run: then it goes into memory, and that is said."""
    try:
        _with_evidence(context, cut)
    except (OSError, UngcuuError) as error:
        context.out.line(_("The snapshot can't be kept in the state folder: {error}").format(error=error), "warn")
        _in_memory(context, cut)


def _with_evidence(context: Context, cut: Cut) -> None:
    """Put the snapshot with the case's evidence; without a case, below the host's folder."""
    from ungcuu.case.evidence.store import Item, Store, utc_now
    from ungcuu.case.evidence.store import Outcome as Taken

    case = context.cases.get(cut.host)
    folder = context.settings.cases / case / "evidence" if case else context.settings.host_dir(cut.host) / "snapshots"
    store = Store(folder, cut.host)
    partial = store.receive()
    partial.write(cut.snapshot)
    digest = partial.keep()
    item = Item(
        host=cut.host,
        profile="isolate",
        id="snapshot_before_cut",
        what=N_("Sockets, processes, sessions and packet filter just before the cut"),
        why="The cut ends what it shows",
        how="ungcuu isolate",
        form="text",
        outcome=Taken.SUCCESS if digest else Taken.EMPTY,
        reason="",
        sha256=digest,
        size=len(cut.snapshot),
        exit_status=0,
        complaint="",
        started=utc_now(),
        finished=utc_now(),
    )
    store.add(item.as_data())
    context.record("evidence" if case else "snapshot", item.as_data(), cut.host)
    hand_over = {
        "from": cut.host,
        "to": str(folder),
        "who": context.settings.operator,
        "when": item.finished,
        "what": item.what,
        "items": 1,
        "bytes": item.size,
    }
    context.record("custody", hand_over, cut.host)


def _in_memory(context: Context, cut: Cut) -> None:
    """Try the places in memory that every Debian has."""
    for place in ("/dev/shm", tempfile.gettempdir()):  # noqa: S108 - a private file is made in it
        with contextlib.suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="ungcuu-", dir=place))
            (folder / f"{cut.host}-{int(time.time())}.txt").write_bytes(cut.snapshot)
            context.out.line(_("The snapshot is in {folder}").format(folder=folder), "warn")
            return
