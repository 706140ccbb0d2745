"""`watch hold`: keep one connection to each host up, so that a cut need not make one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.contain.held import Holder

_LOOK_SECONDS = 5.0
_MAKE_SECONDS = 0.2  # between two looks while a connection is being made


def _run(context: Context) -> Result:
    """Hold until Ctrl-C or SIGTERM; with --seconds so long."""
    from ungcuu.contain.held import Holder
    from ungcuu.core.atomic import make_private
    from ungcuu.core.errors import Terminated
    from ungcuu.core.live_line import Doing, working

    holders = {host: Holder(make_private(context.settings.host_dir(host))) for host in context.hosts}
    with contextlib.ExitStack() as locks:
        for host, holder in holders.items():
            locks.enter_context(_alone(host, holder))
        silent = working(context.out, Doing(""))  # a service's log is no place for a line every half minute
        with silent, contextlib.suppress(KeyboardInterrupt, Terminated):
            _hold(context, holders)
    return Result(message=_("No connection is held any more."))


@contextlib.contextmanager
def _alone(host: str, holder: Holder) -> Iterator[None]:
    """Two that hold the same connection would end each other's."""
    from ungcuu.core.atomic import held
    from ungcuu.core.errors import Locked

    try:
        with held(holder.folder / "held.lock", 0.5):
            yield
    except TimeoutError as error:
        raise Locked(
            _("A connection to {host} is held already.").format(host=host),
            _("Nothing was changed."),
            "ungcuu watch install --no-hold",
        ) from error


def _hold(context: Context, holders: dict[str, Holder]) -> None:
    """Look after each connection in turn, until somebody stops it."""
    import time

    said: dict[str, str] = {}
    seconds = context.options["seconds"]
    until = time.monotonic() + seconds if seconds else float("inf")
    try:
        while time.monotonic() < until:
            for host, holder in holders.items():
                _look(context, host, holder, said)
            making = any(holder.pending for holder in holders.values())
            time.sleep(_MAKE_SECONDS if making else _LOOK_SECONDS)
    finally:
        for holder in holders.values():
            holder.end()


def _looked(context: Context, host: str, holder: Holder) -> bool:
    from ungcuu.contain import card, cut_off

    kept = card.load(context.settings, host)
    return holder.look(kept, cut_off.script(kept))


def _look(context: Context, host: str, holder: Holder, said: dict[str, str]) -> None:
    """Have one connection looked after; say it once when it is up, gone, or can't be made."""
    from ungcuu.contain import card

    state, style, why = _("{host}: a connection is held"), "good", ""
    try:
        if not holder.fits:
            state, style = _("{host}: no connection is held: the path of its socket is too long: {path}"), "warn"
        elif not _looked(context, host, holder):
            state, style = _("{host}: no connection is held: ungcuu doctor {host}"), "warn"
    except card.NoCard:
        holder.end()
        state, style = _("{host}: no connection is held: it has no containment card. ungcuu enrol {host}"), "warn"
    except OSError as error:
        state, style, why = _("{host}: no connection is held: {why}"), "bad", str(error)
    text = state.format(host=host, path=holder.socket, why=why)
    if said.get(host) != text and not holder.pending:
        said[host] = text
        context.out.line(text, style)


VERB = Verb(
    name="hold",
    phase=Phase.DETECT,
    summary=N_("Keep one connection to each host up, which a cut joins; until Ctrl-C"),
    description=N_(
        "It is made with the key, the account and the pinned host key of every other connection, and runs nothing on "
        "the host. A cut that joins it saves the login. One that hangs costs a cut a second at most. watch install "
        "has it run all the time."
    ),
    read_only=True,
    takes_lock=False,
    journaled=False,
    hosts=Hosts.MANY,
    options=(Option("--seconds", N_("for so long, and no longer"), kind="int", default=0, metavar="N"),),
    run=_run,
    steps_before=(
        N_("Log in to each host from its containment card"),
        N_("Keep that connection up, and make it again when it has gone"),
    ),
    examples=("ungcuu watch hold website",),
)
