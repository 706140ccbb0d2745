"""The first phases of a drill: hosts as an operator has them before an incident, people's work, and the attack."""

from __future__ import annotations

import shutil
import time
from functools import partial

from ungcuu.core.errors import Exit
from ungcuu.drill.prepared import Prepared
from ungcuu.drill.record import Phase
from ungcuu.drill.scene import FOUND, WORK, Scene, where
from ungcuu.drill.simulation import FOLDER
from ungcuu.drill.stage import eventually
from ungcuu.drill.typist import list_websites

_UPLOAD = f"/var/www/portal/wp-content/uploads/2026/{WORK}.txt"


def bring_up(scene: Scene, debian: str, prepared: Prepared | None) -> None:
    """Put the hosts back to what was kept of them, or make them."""
    if prepared:
        prepared.put_back(scene.data.hosts, debian)
        return
    scene.lab.down()
    scene.lab.up(scene.data.hosts, debian, scene.say)


def harden(scene: Scene) -> None:
    """Make the hosts what an operator has before an incident: hardened, backed up, recorded, watched."""
    _close_left(scene)
    scene.verb("harden", scene.host)
    scene.verb("backup", scene.host, codes=FOUND)
    scene.verb("baseline", scene.host)
    scene.verb("watch", "approve", scene.host)
    scene.verb("watch", "round", scene.host, codes=FOUND)


def _close_left(scene: Scene) -> None:
    """End what drills left that failed or were killed: their hosts are gone.

    An open case bars a baseline of the new hosts, an alert that is known already is not raised by them, and one
    that was isolated would count as isolated still.
    """
    shutil.rmtree(scene.state / "hosts", ignore_errors=True)
    if any((scene.state / "cases").glob("UC-*")):
        for row in scene.verb("case", "list")["cases"]:
            if row["phase"] != "closed":
                words = ("case", "close", row["case"], "--force", "--reason", "its hosts were made again")
                scene.verb(*words, codes=tuple(Exit))


def prepare(scene: Scene, phase: Phase, hosts_are_new: bool) -> None:
    """Harden what is new, remember what is there, and let people work on it."""
    if hosts_are_new:
        harden(scene)
    if scene.data.prepare:
        for step in scene.data.prepare:
            scene.stage.do(step)
        if scene.data.websites:
            _list_websites(scene)
        scene.verb("backup", scene.host, codes=FOUND)
        scene.verb("baseline", scene.host)
        if scene.data.websites:  # each has a page of its own that the watch compares with
            scene.verb("watch", "approve", scene.host)
    scene.audit(phase, vulnerable=True)
    scene.moments["backup"] = time.time()
    scene.good = scene.stage.contents()
    scene.remember_pages()
    scene.prove(phase, "the site serves its pages", len(scene.pages) >= 2, f"{len(scene.pages)} pages")
    _work_honestly(scene)
    scene.before = scene.stage.contents()
    scene.remember_pages()


def _list_websites(scene: Scene) -> None:
    """From now on the inventory lists the host's websites, as a person does who found out about the second one."""
    list_websites(scene.typist.inventory, scene.host, scene.stage.source(scene.data.websites))


def _work_honestly(scene: Scene) -> None:
    """What people write after the last backup: a restore loses it, and the drill says how much."""
    scene.stage.put(_UPLOAD, b"written after the backup\n", "portal:portal", "0640")
    program = (FOLDER / "honest.php").read_bytes()
    scene.stage.execute(scene.host, ["runuser", "-u", "portal", "--", "php", "--"], program)


def attack(scene: Scene, phase: Phase) -> None:
    """The intruder comes in; each thing that a later phase must end is seen to be there."""
    scene.moments["attack"] = time.time()
    for step in scene.data.attack:
        scene.prove(phase, step.name, True, scene.stage.do(step).strip()[:200])
    scene.stage.hold_sessions({effect.session for effect in scene.data.effects})
    for effect in scene.data.effects:
        there = eventually(partial(scene.stage.there, effect))
        scene.prove(phase, f"there: {effect.name}", there, where(effect))
    scene.moments["attacked"] = time.time()
