"""What a verb is: data and four plain functions, independent of the command line.

A file ``commands/<verb>.py`` exports ``VERB = Verb(...)``. It is loaded for ``--help`` too, so it imports late: nothing
but :mod:`ungcuu.verb`, :mod:`ungcuu.errors` and :mod:`ungcuu.i18n` at module level. Texts at module level are marked
with ``N_`` and translated where they are shown; texts in functions go through ``_``.

What happens to a verb (see :mod:`ungcuu.flow`)::

    check → plan (``steps_before`` + playbook's steps + ``steps_after``; ``plan_details`` under --plan)
    → confirm (dangerous) → lock (not read_only) → preflight → journal: run_started → before → playbook → after
    → journal: run_finished

A verb without a playbook gives ``run`` instead; a verb with neither is a group and holds ``verbs``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Literal

from ungcuu.errors import Exit, Outcome

if TYPE_CHECKING:
    from ungcuu.context import Context
    from ungcuu.runner import RunResult

__all__ = ["Argument", "Exit", "Hosts", "Option", "Outcome", "Phase", "Result", "Verb"]


class Phase(StrEnum):
    """The phase of the incident cycle that a verb belongs to; help is grouped by it, in this order."""

    PREPARE = "prepare"
    DETECT = "detect"
    CONTAIN = "contain"
    RECOVER = "recover"
    REVIEW = "review"
    TOOL = "tool"


class Hosts(Enum):
    """How many hosts or groups of the inventory a verb takes."""

    NONE = "none"
    ONE = "one"
    OPTIONAL = "optional"
    MANY = "many"


Kind = Literal["text", "int", "float", "flag", "choice", "path"]


@dataclass(frozen=True)
class Option:
    """One ``--name VALUE`` of a verb. It reaches functions as ``options["name"]``, dashes as underscores."""

    name: str
    help: str
    kind: Kind = "text"
    default: object = None
    choices: tuple[str, ...] = ()
    multiple: bool = False
    required: bool = False
    metavar: str | None = None
    secret: bool = False

    @property
    def key(self) -> str:
        """The name under which functions find the value."""
        return self.name.lstrip("-").replace("-", "_")


@dataclass(frozen=True)
class Argument:
    """One word after the hosts, such as a scenario's name; ``many`` takes all that follow (also after ``--``)."""

    name: str
    required: bool = True
    many: bool = False
    choices: tuple[str, ...] = ()
    complete: Callable[[str], Sequence[str]] | None = None

    @property
    def key(self) -> str:
        """The name under which functions find the value."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class Result:
    """How a verb ended. ``data`` stands at the top level of the ``--json`` document; ``message`` is one line."""

    outcome: Outcome = Outcome.DONE
    message: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
    code: Exit | None = None


Before = Callable[["Context"], Mapping[str, object] | None]
After = Callable[["Context", "RunResult"], Result | None]
Run = Callable[["Context"], Result | Outcome]
Variables = Callable[[Mapping[str, object]], Mapping[str, object]]


@dataclass(frozen=True)
class Verb:
    """One word of the command line.

    Attributes:
        playbook: Name below ``playbooks/`` without suffix; None for a verb that needs no change on a host.
        read_only: Takes no lock and asks nothing.
        dangerous: Host names must be typed, or given with ``--confirm-host``.
        options: Options of this verb alone; --plan, --json, --reason, --case and so on come with every verb.
        variables: Options to the playbook's extra variables. Pure: ``--plan`` shows what it returns.
        secrets: Names among them that must never be shown.
        check: Raises when an option means nothing. Pure: it looks at what was typed, also under ``--plan``.
        preflight: Raises ``Refused`` when something is missing; reads only.
        before: Work before the playbook; what it returns is added to the variables.
        after: Work after the playbook, on every outcome; what it returns replaces the result.
        run: All the work of a verb without playbook.
        plan_details: What a read-only look at the host adds to ``--plan``.
        steps_before, steps_after: Steps that ``before`` and ``after`` perform, for the plan. ``run`` uses the first.
        with_groups: Groups whose hosts the playbook needs besides the named ones (the vault).
        each_alone: One playbook run for each host, in parallel, so that an unreachable host holds nobody back.
        from_card: Hosts are known from their containment cards: the inventory isn't loaded.
        from_journal: Hosts are known from the runs that their journals hold open: the inventory isn't loaded for them.
        without_journal: Goes on, with a warning, when the journal can't be written (isolate alone).
        journaled: Whether a run is recorded at all.
        inverse: The command that undoes it, ``{host}`` filled in.
        deadline: Seconds after which the run is cut short and its outcome is UNKNOWN.
        unit: Transient unit on the host that a second run joins instead of starting another: ``resume`` need not wait.
    """

    name: str
    phase: Phase
    summary: str
    description: str = ""
    playbook: str | None = None
    read_only: bool = False
    dangerous: bool = False
    hosts: Hosts = Hosts.MANY
    options: tuple[Option, ...] = ()
    arguments: tuple[Argument, ...] = ()
    variables: Variables | None = None
    secrets: tuple[str, ...] = ()
    check: Callable[[Context], None] | None = None
    preflight: Callable[[Context], None] | None = None
    before: Before | None = None
    after: After | None = None
    run: Run | None = None
    plan_details: Callable[[Context], Mapping[str, object]] | None = None
    steps_before: tuple[str, ...] = ()
    steps_after: tuple[str, ...] = ()
    with_groups: tuple[str, ...] = ()
    each_alone: bool = False
    from_card: bool = False
    from_journal: bool = False
    without_journal: bool = False
    journaled: bool = True
    inverse: str = ""
    examples: tuple[str, ...] = ()
    deadline: float = 3600.0
    unit: str = ""
    verbs: tuple[Verb, ...] = ()
