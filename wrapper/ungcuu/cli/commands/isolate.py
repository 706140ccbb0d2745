"""`isolate`: cut hosts off from their containment cards, then make it last and prove it. Never asks.

What the host says about its own isolation is reported as its word. After every cut, also one that failed, the proofs
that need nothing of the host are taken first: from this controller and from a vantage. They are taken again at the end.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from ungcuu.cli import intake
from ungcuu.core.errors import Outcome, Refused, UngcuuError
from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import Change
from ungcuu.run.verb import Context, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.contain.card import Card
    from ungcuu.contain.cut_off import Cut
    from ungcuu.contain.fast_cut import Cutting
    from ungcuu.contain.outside import Look
    from ungcuu.run.tally import RunResult


# Seconds after which a host that has not answered is looked at from outside: with the look, an answer within ten.
ANSWER_SECONDS = 6.0
_ENDINGS = {
    "refused": N_("refused"),
    "not reached": N_("not reached"),
    "not sent": N_("did not take the rules"),
    "failed": N_("failed"),
    "unknown": N_("unknown"),
}


def _variables(options: Mapping[str, Any]) -> Mapping[str, object]:
    return {"isolation_mode": options["mode"], "isolation_more": list(options["allow"])}


def _start(context: Context) -> Cutting:
    """Take over the cut that was started with the process; else start it now. Everything else can wait."""
    from ungcuu.contain import fast_cut

    asked = fast_cut.Asked(context.hosts, context.options["mode"], tuple(context.options["allow"]))
    cutting = fast_cut.take(asked)
    if cutting is None:
        cards = [_card(context, host) for host in context.hosts]
        cutting = fast_cut.Cutting(context.settings, cards, asked)
        cutting.start()
    return cutting


def _card(context: Context, host: str) -> Card:
    """Return the host's card; without one, it is made from the inventory now, which costs a second."""
    from ungcuu.contain import card

    try:
        return card.load(context.settings, host)
    except card.NoCard:
        context.out.line(_("{host} has no containment card; making it from the inventory.").format(host=host), "warn")
    from ungcuu.contain.allowlist import Unresolved

    try:
        made = card.build(context.site, host)
    except Unresolved as gap:
        raise Refused(
            _("The name {name} in the allow-list of {host} resolves to no address.").format(name=gap.name, host=host),
            _("Nothing was touched: the responder could have been locked out."),
            _("Put the address into management_addresses of the inventory."),
        ) from gap
    with contextlib.suppress(OSError):
        return card.write(context.settings, made)
    return made


def _run(context: Context) -> Result:
    """Report the cut and the look from outside, let the playbook make it last and prove it, then look again."""
    cutting = cast("Cutting", context.started)
    answered = _first_answer(context, cutting)
    cutting.join()
    if cutting.fault is not None:
        raise cutting.fault
    for cut in cutting.cuts:
        if cut.host not in answered:
            _show_cut(context, cut)
        _record(context, cut)
    _look(context, cutting, cutting.cards)
    ready = [card for card in cutting.cards if cutting.ended[card.host].may_be_cut]
    result, kept = _make_it_last(context, cutting, ready)
    last = _look(context, cutting, cutting.cards, last=True)
    return _result(context, cutting, result, kept, last)


def _first_answer(context: Context, cutting: Cutting) -> set[str]:
    """Report what is known after ``ANSWER_SECONDS``, whatever a host is doing then; return whose cut was reported."""
    cutting.join(max(0.0, cutting.begun + ANSWER_SECONDS - time.monotonic()))
    answered = set()
    for host, cut in list(cutting.ended.items()):
        _show_cut(context, cut)
        answered.add(host)
    waiting = [card for card in cutting.cards if card.host not in answered]
    if waiting and cutting.is_alive():
        _look(context, cutting, waiting, waiting=True)
    return answered


def _look(
    context: Context, cutting: Cutting, cards: Sequence[Card], *, waiting: bool = False, last: bool = False
) -> dict[str, Look]:
    """Look at hosts from outside, report it and record it. It needs nothing of them."""
    from ungcuu.contain import outside

    found = outside.look_all(cards, cutting.asked.mode)
    for card in cards:
        look, host = found[card.host], card.host
        if waiting and host in cutting.ended:
            continue  # it answered meanwhile: this look is about a state that is past
        context.record("outside", look.as_data(), host)
        for row in look.proofs if last else ():
            context.record("proof", row, host)
        if waiting:
            message = _("{host} has not taken the rules for {seconds:.0f} s; still trying.")
            context.out.line(message.format(host=host, seconds=time.monotonic() - cutting.begun), "bad")
        if not last:
            _show_look(context, card, look, sure=not waiting)
    return found


def _show_look(context: Context, card: Card, look: Look, *, sure: bool) -> None:
    from ungcuu.contain import outside

    host, switch = card.host, outside.switch_words(card)
    if look.state == "silent":
        context.out.line(f"{host}: {outside.silent_words(look)}", "good" if sure else "warn")
    elif look.state == "open":
        message = _("{host} is NOT isolated: {alive}. {switch}")
        context.out.line(message.format(host=host, alive=outside.alive_words(look), switch=switch), "bad")
    else:
        message = _("It is NOT proven that {host} is isolated: {why}. {switch}")
        context.out.line(message.format(host=host, why=outside.unknown_words(look), switch=switch), "bad")


def _make_it_last(
    context: Context, cutting: Cutting, cards: Sequence[Card]
) -> tuple[RunResult | None, Mapping[str, bool]]:
    """Run the playbook on hosts whose Python works, and the shell alone on the others; return who was kept by shell."""
    from ungcuu.contain import without_python

    if not cards:
        return None, {}
    by_shell = cutting.asked.mode == "full"  # the other modes start and stop services, which needs the playbook
    works = dict(zip((card.host for card in cards), _each(without_python.has_python, cards), strict=True))
    hosts = tuple(card.host for card in cards if works[card.host] or not by_shell)
    result = context.run_playbook("isolate", _variables(context.options), hosts) if hosts else None
    kept = {}
    for card in cards:
        failed = result is not None and card.host in hosts and not _is_done(result, card.host)
        if by_shell and (card.host not in hosts or (failed and not without_python.has_python(card))):
            kept[card.host] = _keep_by_shell(context, cutting, card)
    return result, kept


def _keep_by_shell(context: Context, cutting: Cutting, card: Card) -> bool:
    """Make it last by the shell alone and record the proofs; return whether the host says that it did."""
    from ungcuu.contain import without_python

    asked = cutting.asked
    taken = without_python.keep(card, asked.mode, asked.allow, context.settings.roles, context.out.line)
    for row in taken:
        context.record("proof", row, card.host)
    return bool(taken)


def _each(work: Any, cards: Sequence[Card]) -> list[Any]:
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(max_workers=min(16, len(cards))) as pool:
        return list(pool.map(work, cards))


def _result(
    context: Context,
    cutting: Cutting,
    result: RunResult | None,
    kept: Mapping[str, bool],
    last: Mapping[str, Look],
) -> Result:
    """Judge each host by what was seen from outside last; of one host alone, raise what is wrong with it."""
    from ungcuu.contain import outside, verdict
    from ungcuu.run.tally import HostResult

    lines, outcomes = [], []
    for card in cutting.cards:
        host = card.host
        seen = verdict.Seen(
            cutting.ended[host],
            last[host],
            outside.switch_words(card),
            _proofs(context, host),
            kept.get(host, False),
            _problem(context, result, host, kept),
        )
        outcome, line, error = verdict.judge(seen)
        known = context.host_results.get(host, HostResult(outcome))
        context.host_results[host] = replace(known, outcome=outcome, problem="" if error is None else known.problem)
        if error is not None and len(cutting.cards) == 1:
            raise error
        lines.append(line if error is not None else f"{host}: {line}")
        if error is not None and error.fix:
            lines += [f"  {line}" for line in error.fix.split("\n")]
        outcomes.append(outcome)
    worst = next((one for one in (Outcome.NOT_DONE, Outcome.UNKNOWN) if one in outcomes), Outcome.DONE)
    data = {
        "cuts": [_data(cut) for cut in cutting.cuts],
        "outside": {host: look.as_data() for host, look in last.items()},
    }
    return Result(worst, "\n".join(lines), data)


def _proofs(context: Context, host: str) -> list[Mapping[str, Any]]:
    """Return the proofs of this run about a host, oldest first."""
    rows = [row["data"] for row in context.records if row.get("kind") == "proof" and row.get("host") == host]
    return [row for row in rows if isinstance(row, Mapping)]


def _is_done(result: RunResult, host: str) -> bool:
    return host in result.hosts and result.hosts[host].outcome is Outcome.DONE


def _problem(context: Context, result: RunResult | None, host: str, kept: Mapping[str, bool]) -> UngcuuError | None:
    """Return what the playbook failed at on this host, or the shell; None where it is done."""
    from ungcuu.contain.verdict import NotIsolated
    from ungcuu.run.failures import problem_of

    again = f"ungcuu isolate {host}"
    if result is not None and host in result.hosts:
        if _is_done(result, host):
            return None
        alone = replace(result, hosts={host: result.hosts[host]})
        return problem_of(context.verb.name, False, alone) or NotIsolated(result.message, "", again)
    what = _("It was not made to survive a restart: neither Python nor the shell could do it on {host}.")
    return None if kept.get(host, False) else NotIsolated(what.format(host=host), "", again)


def _data(cut: Cut) -> dict[str, object]:
    return {
        "host": cut.host,
        "ending": cut.ending,
        "seconds": round(cut.seconds, 3),
        "seen_from": cut.seen,
        "snapshot": cut.sha256 if cut.snapshot else "",
        "detail": cut.detail,
        "hooks": cut.hooks,
    }


def _show_cut(context: Context, cut: Cut) -> None:
    """Say it at once: whoever pressed Enter waits for this line. It is the host's word."""
    from ungcuu.core.sentences import shown

    if cut.done:
        message = _("{host}: the host says that it is cut off ({seconds:.2f} s)")
        context.out.line(message.format(host=cut.host, seconds=cut.seconds))
        if cut.detail:
            context.out.line(f"{cut.host}: {shown(cut.detail)}", "warn")
        if cut.hooks != "yes":
            text = _("{host}: not every network device is closed by itself ({why}): raw packets and macvlan may pass")
            context.out.line(text.format(host=cut.host, why=cut.hooks), "warn")
        return
    message = _("{host}: {ending}: {detail}").format(
        host=cut.host, ending=_(_ENDINGS.get(cut.ending, cut.ending)), detail=shown(cut.detail)
    )
    context.out.line(message, "bad")


def _record(context: Context, cut: Cut) -> None:
    """Journal it and keep the snapshot. None of that may stop the run: the host is cut off already."""
    context.record("change", {"what": str(Change.ISOLATION), **_data(cut)}, cut.host)
    if cut.may_be_cut:
        context.record("inverse", {"action": "isolate", "undo": f"ungcuu release {cut.host}"}, cut.host)
    if cut.snapshot:
        from ungcuu.run import cut_snapshot

        cut_snapshot.keep(context, cut)


VERB = Verb(
    name="isolate",
    phase=Phase.CONTAIN,
    summary=N_("Cut hosts off the network at once: only management gets in, nothing gets out"),
    description=N_(
        "Acts from the containment card without starting Ansible: one connection reads the volatile snapshot and loads "
        "the rules. What the host says about that is not proof: this controller and a second machine look from "
        "outside, at once and at the end. The playbook makes the isolation survive a reboot and proves it from both "
        "sides. Never asks, and never reverts by itself: ungcuu release HOST returns the host to service."
    ),
    playbook="isolate",
    steps_before=(
        N_("Read the volatile snapshot and cut the host off, from its containment card"),
        N_("Open a case where none is open: its deadlines run"),
    ),
    options=(
        Option(
            "--mode",
            N_("full: management only; maintenance: a notice with 503; egress: the site stays up, nothing gets out"),
            kind="choice",
            choices=("full", "maintenance", "egress"),
            default="full",
        ),
        Option("--allow", N_("One more address that may reach SSH"), multiple=True, metavar="ADDRESS"),
        *intake.OPTIONS,
        Option("--no-case", N_("Open no case where none is open: a trial, maintenance"), kind="flag", default=False),
    ),
    variables=_variables,
    start=_start,
    intake=intake.at_isolation,
    run=_run,
    from_card=True,
    each_alone=True,
    without_journal=True,
    inverse="ungcuu release {host}",
    deadline=600.0,
    examples=(
        "ungcuu isolate web01",
        "ungcuu isolate website --mode maintenance --reason 'defaced page'",
        "ungcuu isolate web01 --detected-at 2026-11-22T09:30+07:00 --way notice-from-others --personal-data no",
    ),
)
