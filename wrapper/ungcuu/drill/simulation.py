"""What the intruder does in a scenario, as data: ``simulation.yml`` of its folder, and the form that it has to have."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from ungcuu.core.errors import UsageFault
from ungcuu.core.i18n import _
from ungcuu.drill import scenario
from ungcuu.hosts.data_files import read_text
from ungcuu.hosts.typed_data import Mismatch

FOLDER = Path(str(files("ungcuu") / "drill"))
# What a name may be: it becomes part of a path, an address or an argument, never of a shell's command.
_NAME = re.compile(r"[\w./-]{1,80}", re.ASCII)
_MOST = {"seconds": 120, "requests": 600, "rate": 100, "cpu_seconds": 60}


@dataclass(frozen=True)
class Bounds:
    """The most that a simulation may do: seconds of one step, requests, requests a second, seconds of a processor."""

    seconds: int
    requests: int
    rate: int
    cpu_seconds: int

    def __post_init__(self) -> None:
        """Refuse a simulation that could harm the machine on which it is played."""
        for name, most in _MOST.items():
            if not 0 < getattr(self, name) <= most:
                raise Mismatch((name,), _("has to be from 1 to {most}").format(most=most))


@dataclass(frozen=True)
class Name:
    """A name that the intruder chooses: the first one, or with --random any."""

    name: str
    of: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what a shell or a program could take for more than a name."""
        for one in self.of:
            if not _NAME.fullmatch(one) or ".." in one:
                raise Mismatch(("of",), _("{text} is not a valid name").format(text=repr(one)))


@dataclass(frozen=True)
class Step:
    """One thing that is done: a file is put on a host, a program of the folder runs there, or the intruder acts."""

    name: str
    machine: str = ""
    put: str = ""
    source: str = ""
    owner: str = "root:root"
    mode: str = "0644"
    run: str = ""
    intruder: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    expect: str = ""

    def __post_init__(self) -> None:
        """Refuse a step that does not say what it is."""
        if sum(map(bool, (self.put, self.run, self.intruder))) != 1 or bool(self.put) != bool(self.source):
            raise Mismatch((), _("needs one of: {words}").format(words="put + source, run, intruder"))


@dataclass(frozen=True)
class Effect:
    """What the attack brought about, how it is looked for, and after which phase it must have ended.

    A page that intruder01 gets holds ``has``; a file of the host holds it; the intruder's action answers with it; one
    of the intruder's connections is alive; a process with this on its command line runs.
    """

    name: str
    ends: Literal["contain", "eradicate", "recover"]
    page: str = ""
    file: str = ""
    session: str = ""
    process: str = ""
    intruder: tuple[str, ...] = ()
    machine: str = "intruder01"
    has: str = ""

    def __post_init__(self) -> None:
        """Refuse an effect that is looked for nowhere."""
        if sum(map(bool, (self.page, self.file, self.session, self.process, self.intruder))) != 1:
            raise Mismatch((), _("needs one of: {words}").format(words="page, file, session, process, intruder"))


@dataclass(frozen=True)
class Notice:
    """A finding that must be there: by the watch or only by a scan, its rule, a part of its place.

    ``notified``: whether people get a message of it; the watch only lists what is of low severity.
    """

    by: Literal["watch", "scan"]
    rule: str
    place: str = ""
    notified: bool = True


@dataclass(frozen=True)
class Own:
    """What a scan finds of people's own work in the response: its rule, a part of its place, and why it is theirs."""

    rule: str
    place: str
    why: str


@dataclass(frozen=True)
class Simulation:
    """One scenario as it is played. docs/reference/scenarios.md says what each key means."""

    id: str
    bounds: Bounds
    attack: tuple[Step, ...]
    effects: tuple[Effect, ...]
    notice: tuple[Notice, ...]
    contain: tuple[tuple[str, ...], ...]
    entry_closed: str
    eradicate: tuple[tuple[str, ...], ...] = ()
    recover: tuple[tuple[str, ...], ...] = ()
    hosts: tuple[str, ...] = ("web01", "vault01", "intruder01")
    host: str = "web01"
    names: tuple[Name, ...] = ()
    advisories: str = ""
    hole: str = ""
    prepare: tuple[Step, ...] = ()
    websites: str = ""
    pages: tuple[str, ...] = ()
    rounds: int = 1
    console: tuple[Step, ...] = ()
    collect: Literal["triage", "full"] = "triage"
    closes: bool = True
    refused: tuple[tuple[str, ...], ...] = ()
    repair: tuple[Step, ...] = ()
    update: tuple[Step, ...] = ()
    own: tuple[Own, ...] = ()
    application_checked: str = ""
    root_lost_override: str = ""
    differs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an intruder who asks for more, or faster, than the bounds allow, and a hole that no advisory names."""
        if bool(self.advisories) != bool(self.hole):
            raise Mismatch((), _("needs both or none of: {words}").format(words="advisories, hole"))
        steps = [*(step.intruder for step in (*self.prepare, *self.attack)), *(one.intruder for one in self.effects)]
        for words in (words for words in steps if words[:1] in (("guess",), ("ask",), ("flood",))):
            count, rate = words[-2:]
            if not (count.isdecimal() and rate.isdecimal()):
                raise Mismatch(("attack",), _("{text} is not a number").format(text=f"{count} {rate}"))
            if int(count) > self.bounds.requests or not 0 < int(rate) <= self.bounds.rate:
                raise Mismatch(("bounds",), _("are exceeded by: {words}").format(words=" ".join(words)))


def playable() -> list[str]:
    """Return the names of the scenarios that can be played."""
    return [name for name in scenario.names() if scenario.has_simulation(name)]


def load(name: str) -> Simulation:
    """Read a scenario's simulation.

    Raises:
        UsageFault: There is none of that name; the message lists those that exist.
        ControllerFault: Its file does not fit.
    """
    if name not in playable():
        raise UsageFault(
            _("There is no scenario {name}; there are: {known}.").format(name=name, known=", ".join(playable())),
            _("Nothing was touched."),
            "ungcuu drill list",
        )
    file = FOLDER / name / scenario.SIMULATION
    return read_text(Simulation, file.read_text("utf-8"), str(file), scenario.GUIDE)


def described(name: str, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what a record of the drill says of a scenario, with the names that were played.

    Nothing where it can't be played.
    """
    if name not in playable():
        return {}
    one, plan = load(name), scenario.load(name)
    done = filled(one, {**variant(one), **(names or {})})
    attacks = [f"{_(step.name)}: {step.put or step.run or _spoken(step.intruder)}" for step in done.attack]
    effects = [f"{_(it.name)} ({place})" if (place := it.page or it.file) else _(it.name) for it in done.effects]
    texts = {"title": str(plan.title), "story": str(plan.story)}
    return {**texts, "hosts": one.hosts, "attacks": attacks, "effects": effects}


def _spoken(words: tuple[str, ...]) -> str:
    """The words of an intruder's step without the addresses that only a played drill has."""
    return " ".join(word for word in words if "{" not in word)


def variant(simulation: Simulation, seed: int | None = None) -> dict[str, str]:
    """Choose each name: the first of its list, or with a seed any of them."""
    if seed is None:
        return {name.name: name.of[0] for name in simulation.names}
    chance = random.Random(seed)  # noqa: S311  (which name a drill plays is no secret)
    return {name.name: chance.choice(name.of) for name in simulation.names}


def filled(part: Any, values: Mapping[str, str]) -> Any:
    """Return a part of a simulation with each ``{name}`` replaced by its value."""
    if isinstance(part, str):
        for name, value in values.items():
            part = part.replace("{" + name + "}", value)
        return part
    if isinstance(part, tuple):
        return tuple(filled(item, values) for item in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{item.name: filled(getattr(part, item.name), values) for item in fields(part)})
    return part
