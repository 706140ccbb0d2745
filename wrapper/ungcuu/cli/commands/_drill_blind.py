"""`drill run NAME --blind`: a training of people, who know what the public would say, and type the verbs themselves."""

from __future__ import annotations

import shlex
import sys
import time
from typing import TYPE_CHECKING

from ungcuu.cli.commands._drill_record import keep
from ungcuu.core.errors import Exit
from ungcuu.core.i18n import _
from ungcuu.run.verb import Context, Outcome, Result

if TYPE_CHECKING:
    from datetime import datetime

    from ungcuu.case.record import Record
    from ungcuu.core.settings import Settings
    from ungcuu.drill.player import Drill
    from ungcuu.drill.scenario import Scenario
    from ungcuu.report.preparedness.exercise import Deed

_LOOK = 2.0  # seconds between two looks at the journals


def train(context: Context, drill: Drill) -> Result:
    """Play the attack, wait for people to respond, and compare what they did with the response plan."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from ungcuu.drill.scenario import load
    from ungcuu.report.preparedness import exercise

    name = drill.report.scenario
    played = drill.attack_alone(context.options["debian"])
    if played.error:
        message = _("The attack could not be played, so there is nothing to respond to: {why}")
        return Result(Outcome.NOT_DONE, message.format(why=played.error), played.as_json(), Exit.NOT_VERIFIED)
    begun, plan = datetime.now(UTC), load(name)
    apart = replace(context.settings, state=drill.state)
    _brief(context, drill, plan)
    done = _wait(context, apart, plan, begun)
    left = [effect.name for effect in drill.data.effects if drill.stage.there(effect)]
    score = exercise.score(plan, done, begun)
    for line in exercise.in_words(score, begun):
        context.out.line(line)
    for text in left:
        context.out.line(_("still there: {text}").format(text=text), "bad")
    good = not left and not score.faults and len(score.reached) == len(score.judged)
    outcome = Outcome.DONE if good else Outcome.NOT_DONE
    record: dict[str, object] = {"scenario": name, "outcome": outcome.value, "blind": True, **score.seconds}
    if case := _case(apart, begun):
        record["case"] = case
    keep(context, record | {"reached": len(score.reached), "of": len(score.judged), "left": len(left)})
    if good and not context.options["keep"]:
        drill.lab.down()
    data = {**record, **exercise.as_json(score), "left": left}
    return Result(outcome, "", data, Exit.OK if good else Exit.NOT_VERIFIED)


def _brief(context: Context, drill: Drill, plan: Scenario) -> None:
    """Say what the public says, and where to type; nothing of what was done."""
    out = context.out
    out.line(str(plan.public), "strong")
    out.line(_("Respond in another terminal; the drill reads the journals there until a case is closed:"))
    words = {"UNGCUU_STATE": str(drill.state), "UNGCUU_LAB_SLOT": str(drill.lab.slot)}
    out.line("  export " + " ".join(f"{key}={shlex.quote(value)}" for key, value in words.items()))
    out.line(f"  ungcuu -i {shlex.quote(str(drill.typist.inventory))} case open {drill.host} --title … --drill")
    out.line(_("Here: Enter shows a hint, the next step of the plan; “end” and Enter ends the drill."))


def _wait(context: Context, settings: Settings, plan: Scenario, begun: datetime) -> list[Deed]:
    """Return what was done once a case was closed, “end” was typed, or the time is over."""
    from ungcuu.report.preparedness import exercise

    ends = time.monotonic() + 60 * context.options["minutes"]
    known = 0
    while True:
        done = exercise.deeds(_records(settings), begun)
        for deed in done[known:]:
            context.out.note(_("done: {word}").format(word=deed.word))
        known = len(done)
        if any(deed.word == "case close" for deed in done) or time.monotonic() > ends:
            return done
        typed = _typed()
        if typed == "end":
            return done
        if typed is not None:
            context.out.block(exercise.hint(plan, done) or _("Nothing of the plan is left that leaves a record."))


def _typed() -> str | None:
    """Return a line that was typed within some seconds; None where there was none, or nobody can type."""
    import select

    if sys.stdin.closed or not select.select([sys.stdin], [], [], _LOOK)[0]:
        return None
    line = sys.stdin.readline()
    if not line:  # the end of the input: from now on only the journals speak
        time.sleep(_LOOK)
        return None
    return line.strip()


def _records(settings: Settings) -> list[Record]:
    from ungcuu.case.case import list_ids
    from ungcuu.case.journal import read_records

    folders = [settings.operations, *(settings.cases / name for name in list_ids(settings))]
    return [record for folder in folders for record in read_records(folder)]


def _case(settings: Settings, begun: datetime) -> str:
    """Return the newest case that was opened since the attack; empty where none was."""
    from ungcuu.case.case import list_ids
    from ungcuu.case.journal import read_records
    from ungcuu.core.clock import parse_time

    for name in reversed(list_ids(settings)):
        if (records := read_records(settings.cases / name)) and parse_time(records[0].time) >= begun:
            return name
    return ""
