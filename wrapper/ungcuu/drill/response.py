"""The phases of a drill from the first alert on: noticed, contained, evidence collected, leaked data notified."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ungcuu.core.errors import Exit
from ungcuu.drill.record import Phase
from ungcuu.drill.scene import FOUND, WORK, Scene, place
from ungcuu.drill.simulation import Effect
from ungcuu.drill.stage import eventually

_DATA, _DATA_HOURS = "data-72h", 72.0


def notice(scene: Scene, phase: Phase) -> None:
    """The watch and a scan name the attack, a message about it arrives, and a case is opened."""
    codes = [*FOUND, Exit.NOT_VERIFIED]
    if scene.data.rounds > 1:  # a host that can't be looked at: such a round is NOT DONE, and the next one knows
        codes.append(Exit.NOT_DONE)
    for _round in range(scene.data.rounds):
        scene.alerts += scene.verb("watch", "round", scene.host, codes=codes)["raised"]
    by_watch = [alert["sight"] for alert in scene.alerts]
    scene.report.false_alarms = sum(WORK in place(sight) for sight in by_watch)
    scene.moments["noticed"] = time.time()
    for step in scene.data.console:
        scene.stage.do(step)
    scene.report.noticed_by = sorted({one.by for one in scene.data.notice})
    _open_case(scene)
    findings = scene.findings()  # after the case was opened: they stand in its journal
    scene.moments["detected"] = time.time()
    for one in scene.data.notice:
        seen = by_watch if one.by == "watch" else findings
        named = any(re.fullmatch(one.rule, str(row["rule"])) and one.place in place(row) for row in seen)
        scene.prove(phase, f"{one.by} names {one.rule}", named, one.place)
    if any(one.by == "watch" and one.notified for one in scene.data.notice):
        taken = [at for at, text in scene.mailbox.messages if at > scene.moments["attack"] and _named_in(scene, text)]
        scene.prove(phase, "a message names it", bool(taken), f"{len(scene.mailbox.messages)} messages")
        scene.moments["notified"] = min(taken)


def _named_in(scene: Scene, text: str) -> bool:
    return any(one.place in text for one in scene.data.notice if one.by == "watch" and one.notified)


def _open_case(scene: Scene) -> None:
    words = ["--scenario", scene.plan.id, "--severity", scene.plan.severity]
    words += ["--personal-data", scene.plan.personal_data]
    words += ["--detected-by", "ungcuu " + ", ".join(scene.report.noticed_by)]
    words += ["--detected-at", scene.stamp("noticed"), "--first-sign", scene.stamp("attack")]
    opened = scene.verb("case", "open", scene.host, *words)
    scene.report.case = scene.typist.case = str(opened["case"])
    if scene.alerts:
        scene.verb("ack", "--all-of", scene.host, "--reason", "drill")


def contain(scene: Scene, phase: Phase) -> None:
    """Stop the attack as the scenario's plan says; the intruder's sessions and requests must be dead."""
    scene.moments["enter"] = time.time()
    for words in scene.data.contain:
        scene.respond(words)
    scene.moments["contained"] = time.time()
    for effect in scene.ending("contain"):
        if effect.session:
            _prove_dead(scene, phase, effect)
    scene.prove_ended(phase, "contain")
    status = scene.page("/")["status"]
    if scene.data.closes:
        scene.prove(phase, "the site is closed to the public", status in (0, 503), f"HTTP {status}")
    else:
        scene.prove(phase, "the public is still served", status == 200, f"HTTP {status}")


def _prove_dead(scene: Scene, phase: Phase, effect: Effect) -> None:
    """A session is dead only if its last answer came before the cut was reported."""
    eventually(lambda: scene.stage.session(effect.session).get("alive") is False)
    session = scene.stage.session(effect.session)
    last = float(session.get("last", 0.0))
    dead = session.get("alive") is False and last < scene.moments["contained"]
    detail = f"last answer {last - scene.moments['enter']:+.2f} s after the command"
    scene.prove(phase, f"dead: {effect.name}", dead, detail)


def collect(scene: Scene, phase: Phase) -> None:
    """Take evidence, and have it verified."""
    collected = scene.verb("collect", scene.host, "--profile", scene.data.collect)
    evidence = [row for row in collected.get("records", []) if row.get("kind") == "evidence"]
    scene.prove(phase, "evidence was taken", bool(evidence), f"{len(evidence)} items")
    scene.verify_case(phase)


def notify_of_data(scene: Scene, phase: Phase) -> None:
    """A breach of personal data has its own clock, since the leak was noticed; a notice that was sent stops it."""
    case = str(scene.report.case)
    rows = scene.verb("case", "deadlines", case)["deadlines"]
    clock: Mapping[str, Any] = next((row for row in rows if row["stage"] == _DATA), {})
    hours = (_time(clock["due"]) - _time(clock["start"])).total_seconds() / 3600 if clock else 0.0
    right = clock.get("state") == "running" and clock.get("start") == scene.stamp("noticed").replace("+00:00", "Z")
    scene.prove(phase, "its clock runs since it was noticed", right and hours == _DATA_HOURS, f"{hours:.0f} hours")
    form = scene.verb("case", "form", case, "personal-data")
    file = Path(str(form["file"]))
    drafted = file.is_file() and file.stat().st_size > 0
    scene.prove(phase, "the notice is drafted", drafted, f"{form['entries']} fields are left for a person")
    sent = scene.verb("case", "sent", case, _DATA, str(file), "--channel", "drill")
    scene.prove(phase, "the notice stops the clock", sent["state"] == "sent", str(sent["sent"]))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
