"""`isolate`: cut hosts off from their containment cards, then make it last and prove it. Never asks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ungcuu.errors import Exit, HostKeyMismatch, Outcome, Refused, Undetermined, UngcuuError, Unreachable
from ungcuu.i18n import N_, _
from ungcuu.verb import Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.card import Card
    from ungcuu.context import Context
    from ungcuu.fastcut import Cutting
    from ungcuu.isolation import Cut
    from ungcuu.runner import RunResult


_UNDER_WAY: dict[int, Cutting] = {}
_ENDINGS = {
    "refused": N_("refused"),
    "not reached": N_("not reached"),
    "failed": N_("failed"),
    "unknown": N_("unknown"),
}


def _variables(options: Mapping[str, Any]) -> Mapping[str, object]:
    return {"isolation_mode": options["mode"], "isolation_more": list(options["allow"])}


def _begin(context: Context) -> None:
    """Take over the cut that was started with the process; else start it now. Everything else can wait."""
    from ungcuu import fastcut

    asked = fastcut.Asked(context.hosts, context.options["mode"], tuple(context.options["allow"]))
    cutting = fastcut.take(asked)
    if cutting is None:
        cards = [_card(context, host) for host in context.hosts]
        cutting = fastcut.Cutting(context.settings, cards, asked)
        cutting.start()
    _UNDER_WAY[id(context)] = cutting


def _card(context: Context, host: str) -> Card:
    """Return the host's card; without one, it is made from the inventory now, which costs a second."""
    from ungcuu import card

    try:
        return card.load(context.settings, host)
    except card.NoCard:
        context.out.line(_("{host} has no containment card; making it from the inventory.").format(host=host), "warn")
    from ungcuu.isolation import Unresolved

    try:
        made = card.build(context.site, host)
    except Unresolved as gap:
        raise Refused(
            _("The name {name} in the allow-list of {host} leads to no address.").format(name=gap.name, host=host),
            _("Nothing was touched: the responder could have been locked out."),
            _("Put the address into management_addresses of the inventory."),
        ) from gap
    with contextlib.suppress(OSError):
        return card.write(context.settings, made)
    return made


def _run(context: Context) -> Result:
    """Tell how the cut went, then let the playbook make it last and prove it."""
    cutting = _UNDER_WAY.pop(id(context))
    cutting.join()
    if cutting.fault is not None:
        raise cutting.fault
    for cut in cutting.cuts:
        _tell(context, cut)
    for cut in cutting.cuts:
        _record(context, cut)
    ready = tuple(cut.host for cut in cutting.cuts if cut.ending in ("cut", "unknown"))
    result = context.run_playbook("isolate", _variables(context.options), ready) if ready else None
    kept = {card.host for card in cutting.cards if _kept_without_python(context, card, cutting, result)}
    failures = [_failure(cut) for cut in cutting.cuts if cut.ending not in ("cut", "unknown")]
    if not ready:
        raise failures[0]
    states = {cut.host: _state(cut, result, kept) for cut in cutting.cuts}
    undone = [host for host in ready if result is not None and not _is_done(result, host) and host not in kept]
    if len(context.hosts) == 1 and undone and result is not None:
        raise _problem(context, result, cutting.cuts[0])
    lines = [f"{host}: {state}" for host, state in states.items()] + [failure.what for failure in failures]
    outcome = Outcome.NOT_DONE if undone or failures else Outcome.DONE
    return Result(outcome, "\n".join(lines), {"cuts": [_data(cut) for cut in cutting.cuts]})


def _is_done(result: RunResult, host: str) -> bool:
    return host in result.hosts and result.hosts[host].outcome is Outcome.DONE


def _problem(context: Context, result: RunResult, cut: Cut) -> UngcuuError:
    """Return what the playbook failed at; whatever that was, the cut holds, and that is said first."""
    from ungcuu.problems import problem_of

    problem = problem_of(context.verb.name, False, result) or NotCut(result.message, "", f"ungcuu isolate {cut.host}")
    problem.state = f"{_state_after(cut)} {problem.state}"
    return problem


def _kept_without_python(context: Context, card: Card, cutting: Cutting, result: RunResult | None) -> bool:
    """Where the playbook failed for want of Python on the host, make the isolation last by the shell alone."""
    cut = next((cut for cut in cutting.cuts if cut.host == card.host), None)
    if result is None or cut is None or not cut.done or cutting.asked.mode != "full" or _is_done(result, card.host):
        return False
    from ungcuu import lasting
    from ungcuu.runner import HostResult
    from ungcuu.ssh import HostKeyRefused

    try:
        if not lasting.lacks_python(card):
            return False
        context.out.line(_("{host} has no Python: going on with the shell alone").format(host=card.host), "warn")
        done = lasting.persist(card, cutting.asked.mode, cutting.asked.allow, context.settings.roles)
        taken = lasting.prove(card, lasting.addresses_of(context.site.variables(card.host), card)) if done.ok else []
    except (OSError, ValueError, UngcuuError, HostKeyRefused) as error:
        context.out.line(f"{card.host}: {error}", "warn")
        return False
    for row in taken:
        context.record("proof", row, card.host)
    if not taken or any(row["passed"] is False for row in taken):
        return False
    context.host_results[card.host] = HostResult(Outcome.DONE)
    return True


def _state(cut: Cut, result: RunResult | None, kept: set[str]) -> str:
    if cut.host in kept:
        return _("isolated without Python: it lasts over a reboot, and nothing but SSH answers; not proven from inside")
    if result is not None and _is_done(result, cut.host):
        return _("isolated, and proven; back with: ungcuu release {host}").format(host=cut.host)
    if cut.done:
        ended = result.hosts.get(cut.host) if result else None
        return _("cut off, but the rest was not done: {why}").format(why=ended.message if ended else "–")
    return _("not isolated") if cut.ending != "unknown" else _("may or may not be cut off")


def _data(cut: Cut) -> dict[str, object]:
    return {
        "host": cut.host, "ending": cut.ending, "seconds": round(cut.seconds, 3), "seen_from": cut.seen,
        "snapshot": cut.sha256 if cut.snapshot else "", "detail": cut.detail, "hooks": cut.hooks,
    }  # fmt: skip


def _tell(context: Context, cut: Cut) -> None:
    """Say it at once: whoever pressed Enter waits for this line."""
    if cut.done:
        context.out.line(_("{host}: cut off in {seconds:.2f} s").format(host=cut.host, seconds=cut.seconds), "good")
        if cut.hooks != "yes":
            told = _("{host}: not every network device is closed by itself ({why}): raw packets and macvlan may pass")
            context.out.line(told.format(host=cut.host, why=cut.hooks), "warn")
        return
    told = _("{host}: {ending}: {detail}").format(
        host=cut.host, ending=_(_ENDINGS.get(cut.ending, cut.ending)), detail=cut.detail
    )
    context.out.line(told, "bad")


def _record(context: Context, cut: Cut) -> None:
    """Journal it and keep the snapshot. None of that may stop the run: the host is cut off already."""
    context.record("change", {"what": "isolation", **_data(cut)}, cut.host)
    if not cut.done:
        return
    context.record("inverse", {"action": "isolate", "undo": f"ungcuu release {cut.host}"}, cut.host)
    try:
        _keep_snapshot(context, cut)
    except (OSError, UngcuuError) as error:
        context.out.line(_("The snapshot can't be kept in the state folder: {error}").format(error=error), "warn")
        _keep_elsewhere(context, cut)


def _keep_snapshot(context: Context, cut: Cut) -> None:
    """Put the snapshot with the case's evidence; without a case, below the host's folder."""
    from ungcuu.evidence.store import Item, Store, utc_now
    from ungcuu.evidence.store import Outcome as Taken

    case = context.cases.get(cut.host)
    folder = context.settings.cases / case / "evidence" if case else context.settings.host_dir(cut.host) / "snapshots"
    store = Store(folder, cut.host)
    partial = store.receive()
    partial.write(cut.snapshot)
    digest = partial.keep()
    item = Item(
        host=cut.host, profile="isolate", id="snapshot_before_cut",
        what=N_("Sockets, processes, sessions and packet filter just before the cut"), why="The cut ends what it shows",
        how="ungcuu isolate", form="text", outcome=Taken.SUCCESS if digest else Taken.EMPTY, reason="", sha256=digest,
        size=len(cut.snapshot), exit_status=0, complaint="", started=utc_now(), finished=utc_now(),
    )  # fmt: skip
    store.add(item.as_data())
    context.record("evidence" if case else "snapshot", item.as_data(), cut.host)
    hand_over = {
        "from": cut.host, "to": str(folder), "who": context.settings.operator, "when": item.finished,
        "what": item.what, "items": 1, "bytes": item.size,
    }  # fmt: skip
    context.record("custody", hand_over, cut.host)


def _keep_elsewhere(context: Context, cut: Cut) -> None:
    """Try the places in memory that every Debian has."""
    import tempfile
    from pathlib import Path

    for place in ("/dev/shm", tempfile.gettempdir()):  # noqa: S108 - a private file is made in it
        with contextlib.suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="ungcuu-", dir=place))
            (folder / f"{cut.host}-{int(time.time())}.txt").write_bytes(cut.snapshot)
            context.out.line(_("The snapshot is in {folder}").format(folder=folder), "warn")
            return


def _state_after(cut: Cut) -> str:
    if cut.done:
        return _("{host} is cut off: only management gets in.").format(host=cut.host)
    return _("{host} may or may not be cut off.").format(host=cut.host)


def _failure(cut: Cut) -> UngcuuError:
    """Return the three-part error of a cut that did not happen."""
    again = f"ungcuu isolate {cut.host}"
    host, untouched = cut.host, _("{host} was not touched; it is NOT isolated.").format(host=cut.host)
    if cut.ending == "refused" and cut.seen:
        return Refused(
            _("{host} sees this controller come from {address}, which the allow-list does not hold.").format(
                host=host, address=cut.seen
            ),
            untouched,
            f"{again} --allow {cut.seen}",
        )
    if cut.ending == "refused" and "host key" in cut.detail:
        return HostKeyMismatch(f"{host}: {cut.detail}", untouched, f"ungcuu enrol {host}")
    if cut.ending == "refused":
        return Refused(f"{host}: {cut.detail}", untouched, f"ungcuu doctor {host}")
    if cut.ending == "not reached":
        return Unreachable(
            _("{host} can't be reached: {why}").format(host=host, why=cut.detail),
            untouched,
            _("Cut it off at the switch or the hypervisor, or run again: {again}").format(again=again),
        )
    if cut.ending == "unknown":
        return Undetermined(f"{host}: {cut.detail}", _state_after(cut), again)
    return NotCut(_("{host} could not be cut off: {why}").format(host=host, why=cut.detail), untouched, again)


class NotCut(UngcuuError):
    """The host refused the rules."""

    code = Exit.NOT_DONE


VERB = Verb(
    name="isolate",
    phase=Phase.CONTAIN,
    summary=N_("Cut hosts off the network at once: only management gets in, nothing gets out"),
    description=N_(
        "Acts from the containment card without starting Ansible: one connection reads the volatile snapshot and loads "
        "the rules. Then the playbook makes it last over a reboot and proves it from both sides. Never asks, and never "
        "reverts by itself: ungcuu release HOST returns the host to service."
    ),
    playbook="isolate",
    steps_before=(N_("Read the volatile snapshot and cut the host off, from its containment card"),),
    options=(
        Option(
            "--mode",
            N_("full: management only; maintenance: a notice with 503; egress: the site stays up, nothing gets out"),
            kind="choice",
            choices=("full", "maintenance", "egress"),
            default="full",
        ),
        Option("--allow", N_("One more address that may reach SSH"), multiple=True, metavar="ADDRESS"),
    ),
    variables=_variables,
    preflight=_begin,
    run=_run,
    from_card=True,
    each_alone=True,
    without_journal=True,
    inverse="ungcuu release {host}",
    deadline=600.0,
    examples=("ungcuu isolate web01", "ungcuu isolate website --mode maintenance --reason 'defaced page'"),
)
