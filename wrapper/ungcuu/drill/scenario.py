"""A scenario as data: what happens, who notices and decides what, and the response plan, phase by phase.

`scenario.yml` in the scenario's folder holds it; what a drill does to play it is not in there. Steps that most plans
share stand once, in `steps.yml`, and are named by `use`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Literal

from ungcuu.core.errors import UsageFault
from ungcuu.core.i18n import N_, Words, _
from ungcuu.drill.techniques import TECHNIQUES
from ungcuu.hosts.data_files import read_text
from ungcuu.hosts.typed_data import Mismatch

FILE, SHARED, SIMULATION = "scenario.yml", "steps.yml", "simulation.yml"
GUIDE = "docs/reference/response-plans.md"
_ROOT = files("ungcuu") / "drill"
_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?\Z")
_COMMAND = re.compile(r"ungcuu [a-z]")
_NOTHING = Words("", "")

Who = Literal[
    "responder",
    "administrator",
    "editor",
    "leadership",
    "response-team",
    "specialist-authority",
    "provider",
    "supplier",
]
WHO: Mapping[str, str] = {
    "responder": N_("responder"),
    "administrator": N_("system administrator"),
    "editor": N_("editorial staff"),
    "leadership": N_("leadership of the unit"),
    "response-team": N_("provincial incident response team"),
    "specialist-authority": N_("specialist authority for network security"),
    "provider": N_("Internet or hosting provider"),
    "supplier": N_("software supplier"),
}
SeenBy = Literal["watch", "scan", "doctor", "backup", "public", "staff", "provider"]
SEEN_BY: Mapping[str, str] = {
    "watch": N_("the watch"),
    "scan": N_("a scan"),
    "doctor": N_("doctor"),
    "backup": N_("the vault"),
    "public": N_("the public"),
    "staff": N_("own staff"),
    "provider": N_("the provider, or another body"),
}
PHASES: Mapping[str, str] = {
    "notice": N_("Notice and confirm"),
    "notify": N_("Notify"),
    "contain": N_("Contain"),
    "collect": N_("Collect evidence"),
    "eradicate": N_("Eradicate"),
    "recover": N_("Recover"),
    "reassess": N_("Re-assess and return to service"),
    "report": N_("Report"),
    "learn": N_("Learn"),
}


@dataclass(frozen=True)
class Sign:
    """One thing by which it is noticed. ``findings`` are the rules of findings that say it."""

    seen_by: SeenBy
    what: Words
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What somebody has to decide, and who that is."""

    who: Who
    what: Words


@dataclass(frozen=True)
class NamedStep:
    """A step that several plans share."""

    key: str
    who: Who
    do: Words
    commands: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a command that is none."""
        _check_commands(self.commands)


@dataclass(frozen=True)
class Step:
    """One step of a plan: who does what, with which commands; or the name of a shared one, whose words it takes."""

    use: str = ""
    who: str = ""
    do: Words = _NOTHING
    commands: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take over the shared step; refuse a step that is neither one nor of its own, or both."""
        own = bool(self.who or self.do.en or self.do.vi or self.commands)
        if self.use:
            if own:
                raise Mismatch((), _("a step has either “use”, or “who”, “do” and “commands”"))
            if self.use not in shared_steps():
                raise Mismatch(("use",), _("there is no shared step of this name in {file}").format(file=SHARED))
            step = shared_steps()[self.use]
            for name in ("who", "do", "commands"):
                object.__setattr__(self, name, getattr(step, name))
            return
        if not (self.do.en and self.do.vi):
            raise Mismatch((), _("a step has either “use”, or “who”, “do” and “commands”"))
        if self.who not in WHO:
            raise Mismatch(("who",), _("has to be one of: {words}").format(words=", ".join(WHO)))
        _check_commands(self.commands)


@dataclass(frozen=True)
class Plan:
    """The response plan: what is done in each phase, in this order."""

    notice: tuple[Step, ...]
    notify: tuple[Step, ...]
    contain: tuple[Step, ...]
    collect: tuple[Step, ...]
    eradicate: tuple[Step, ...]
    recover: tuple[Step, ...]
    reassess: tuple[Step, ...]
    report: tuple[Step, ...]
    learn: tuple[Step, ...]

    def __post_init__(self) -> None:
        """Refuse a phase in which nobody does anything."""
        for name, steps in self.phases.items():
            if not steps:
                raise Mismatch((name,), _("has to name at least one"))

    @property
    def phases(self) -> Mapping[str, tuple[Step, ...]]:
        """Phase → its steps, in the order in which they are taken."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True)
class Targets:
    """In how many minutes each has to be reached: a drill that takes longer did not meet its plan."""

    detect: int
    contain: int
    recover: int

    def __post_init__(self) -> None:
        """Refuse a time that nobody can meet."""
        for item in fields(self):
            if getattr(self, item.name) < 1:
                raise Mismatch((item.name,), _("has to be at least 1 minute"))


@dataclass(frozen=True)
class Scenario:
    """One incident with its response plan.

    ``public`` is what the public would say of it: all that a person is given in a blind exercise. ``personal_data``
    starts the clock of a breach of personal data, as in a case. ``stop`` says when this plan is left, and for what.
    """

    id: str
    title: Words
    severity: Literal["low", "medium", "high", "critical"]
    personal_data: Literal["yes", "no", "unknown"]
    techniques: tuple[str, ...]
    story: Words
    public: Words
    signs: tuple[Sign, ...]
    decisions: tuple[Decision, ...]
    plan: Plan
    targets: Targets
    stop: tuple[Words, ...]
    success: tuple[Words, ...]

    def __post_init__(self) -> None:
        """Refuse what a plan can't do without, and techniques that are none."""
        for name in ("techniques", "signs", "decisions", "stop", "success"):
            if not getattr(self, name):
                raise Mismatch((name,), _("has to name at least one"))
        for number, technique in enumerate(self.techniques):
            if not _TECHNIQUE.match(technique) or technique not in TECHNIQUES:
                raise Mismatch(("techniques", str(number)), _("is no technique of ATT&CK that is listed"))

    @property
    def has_simulation(self) -> bool:
        """Whether `drill run` can play it; one without is a plan on paper alone."""
        return has_simulation(self.id)


@dataclass(frozen=True)
class Shared:
    """The steps that several plans share."""

    steps: tuple[NamedStep, ...]


@functools.cache
def shared_steps() -> Mapping[str, NamedStep]:
    """Return the shared steps by name."""
    file = _ROOT / SHARED
    return {step.key: step for step in read_text(Shared, file.read_text("utf-8"), str(file), GUIDE).steps}


def names() -> list[str]:
    """Return the names of all scenarios."""
    return sorted(item.name for item in _ROOT.iterdir() if (item / FILE).is_file())


def has_simulation(name: str) -> bool:
    """Whether `drill run` can play this scenario."""
    return (_ROOT / name / SIMULATION).is_file()


@functools.cache
def load(name: str) -> Scenario:
    """Return a scenario.

    Raises:
        UsageFault: There is none of this name; the message lists those that there are.
        ControllerFault: Its file is not as it has to be; file and line are named.
    """
    if name not in names():
        raise UsageFault(
            _("There is no scenario {name}; there are: {known}.").format(name=name, known=", ".join(names())),
            _("Nothing was touched."),
            "ungcuu drill list",
        )
    file = _ROOT / name / FILE
    return read_text(Scenario, file.read_text("utf-8"), str(file), GUIDE)


def _check_commands(commands: tuple[str, ...]) -> None:
    for number, command in enumerate(commands):
        if not _COMMAND.match(command):
            raise Mismatch(("commands", str(number)), _("has to begin with: ungcuu VERB"))
