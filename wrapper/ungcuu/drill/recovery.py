"""The last phases of a drill: eradicated, recovered, judged again, back to the public, the case closed."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ungcuu.core.errors import Exit
from ungcuu.drill.comparison import compare
from ungcuu.drill.record import Lost, Phase
from ungcuu.drill.scene import Scene, place
from ungcuu.drill.stage import eventually


def eradicate(scene: Scene, phase: Phase) -> None:
    """Take what the intruder left into quarantine."""
    for words in scene.data.eradicate:
        scene.respond(words)
    scene.prove_ended(phase, "eradicate")


def recover(scene: Scene, phase: Phase) -> None:
    """Close the hole, restore and rotate. What must be refused before that is seen to be refused."""
    for words in scene.data.refused:
        scene.verb(words[0], scene.host, *words[1:], codes=(Exit.NOT_DONE, Exit.NOT_VERIFIED, Exit.REFUSED))
        scene.prove(phase, f"refused: {' '.join(words)}", True, "ended NOT DONE")
    for step in scene.data.repair:
        scene.stage.do(step)
    for words in scene.data.recover:
        scene.respond(words)
    for step in scene.data.update:
        scene.stage.do(step)
    if scene.data.own:
        own_up(scene, phase)
    scene.prove_ended(phase, "recover")


def own_up(scene: Scene, phase: Phase) -> None:
    """Say of each finding that is people's own work that it is: each must be there, and no other is excused.

    What belongs to the host is found by the scan of each of its websites.
    """
    findings = scene.findings()
    for own in scene.data.own:
        rows = [one for one in findings if re.fullmatch(own.rule, one["rule"]) and place(one).endswith(own.place)]
        one_place = len({place(one) for one in rows}) == 1
        scene.prove(phase, f"a scan names people's own work: {own.rule}", one_place, own.place)
        for row in rows:
            scene.verb("case", "verdict", str(scene.report.case), str(row["id"]), "false-alarm", "--reason", own.why)


def reassess(scene: Scene, phase: Phase) -> None:
    """Have the host judged again; where root was lost, that must be all that stands against a release."""
    words = ["reassess", scene.host, "--entry-closed", scene.data.entry_closed]
    words += ["--application-checked", scene.data.application_checked] if scene.data.application_checked else []
    if not scene.data.root_lost_override:
        scene.verb(*words)
        return
    said = scene.verb(*words, codes=[int(Exit.NOT_VERIFIED)])
    judged: Mapping[str, Any] = next((row["data"] for row in said["records"] if row["kind"] == "reassessment"), {})
    detail = "; ".join(judged.get("left") or []) or str(judged.get("outcome"))
    scene.prove(phase, "nothing is left but that root was lost", judged.get("outcome") == "root lost", detail)


def release(scene: Scene, phase: Phase) -> None:
    """Give the site back to the public, which must see what it saw before the attack."""
    override = ["--root-lost-override", scene.data.root_lost_override] if scene.data.root_lost_override else []
    if any(words[0] == "isolate" for words in scene.data.contain):
        scene.verb("release", scene.host, *override)
    for path, digests in scene.pages.items():
        same = eventually(partial(scene.shows, path, digests))
        scene.prove(phase, "the public sees the page of before", same, path)
    scene.moments["recovered"] = time.time()
    for effect in (effect for effect in scene.data.effects if effect.page and scene.data.closes):
        # A page that gives no answer at all would look like one without the intruder's words.
        answered = eventually(partial(scene.answers, effect.page))
        scene.prove(phase, f"the website answers there: {effect.name}", answered, effect.page)
    for ends in ("contain", "eradicate", "recover"):
        scene.prove_ended(phase, ends)
    prove_as_before(scene, phase)
    scene.audit(phase, vulnerable=False)


def prove_as_before(scene: Scene, phase: Phase) -> None:
    """Compare the whole host with the time before the attack, and count what people lost. Isolation has ended."""
    after = scene.stage.contents()
    seen = compare(scene.good, scene.before, after, scene.data.differs)
    compared = f"{len(after.files)} files, {sum(map(len, after.rows.values()))} rows"
    detail = "; ".join(filter(None, [compared, ", ".join(seen.wrong[:8])]))
    scene.prove(phase, "each file and row is as in a state before the attack", not seen.wrong, detail)
    restored = any(words[0] == "restore" for words in scene.data.recover)
    minutes = (scene.moments["attack"] - scene.moments["backup"]) / 60 if restored else 0.0
    scene.report.lost = Lost(len(seen.lost_files), seen.lost_rows, round(minutes, 1))


def review(scene: Scene, phase: Phase) -> None:
    """Close the case, write its report, and have the whole case verified."""
    case = str(scene.report.case)
    closed = scene.verb("case", "close", case)
    document = scene.verb("case", "report", case, "--lang", scene.language)
    scene.report.case_folder = str(document.get("folder") or closed.get("folder") or scene.state / "cases" / case)
    scene.report.report = str(document.get("report", ""))
    scene.prove(phase, "the report was written", Path(scene.report.report).is_file(), scene.report.report)
    scene.verify_case(phase)
