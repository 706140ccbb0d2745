"""What a verb is (data and plain functions) and what its functions are given; independent of the command line.

A file ``cli/commands/<verb>.py`` exports ``VERB = Verb(...)``. It is loaded for ``--help`` too, so it imports late:
nothing but :mod:`ungcuu.run.verb`, ``cli/options.py``, :mod:`ungcuu.core.errors` and :mod:`ungcuu.core.i18n` at module
level. Texts at module level are marked with ``N_`` and translated where they are shown; texts in functions go through
``_``.

What happens to a verb (see :mod:`ungcuu.run.flow`)::

    check → plan (``steps_before`` + playbook's steps + ``steps_after``; ``plan_details`` under --plan)
    → confirm (dangerous) → lock (takes_lock) → preflight → start → intake → journal: run_started → before → playbook
    → after → journal: run_finished

A verb without a playbook gives ``run`` instead; a verb with neither is a group and holds ``verbs``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

from ungcuu.core.errors import Exit, Outcome
from ungcuu.core.i18n import N_, _
from ungcuu.core.settings import machine_of

if TYPE_CHECKING:
    from pathlib import Path

    from ungcuu.core.settings import Settings
    from ungcuu.core.terminal import Screen
    from ungcuu.hosts.site import Site
    from ungcuu.hosts.ssh import Target
    from ungcuu.run.ledger import Recorder
    from ungcuu.run.node import Node
    from ungcuu.run.plan import Plan
    from ungcuu.run.tally import HostResult, RunResult

__all__ = ["Argument", "Context", "Exit", "Hosts", "Option", "Outcome", "Phase", "Result", "Verb", "Websites"]


class Phase(StrEnum):
    """The phase of the incident cycle that a verb belongs to; help is grouped by it, in this order."""

    PREPARE = "prepare"
    DETECT = "detect"
    CONTAIN = "contain"
    RECOVER = "recover"
    REVIEW = "review"
    TOOL = "tool"


OUTCOMES = {"DONE": N_("DONE"), "NOT DONE": N_("NOT DONE"), "UNKNOWN": N_("UNKNOWN")}


class Hosts(Enum):
    """How many hosts or groups of the inventory a verb takes."""

    NONE = "none"
    ONE = "one"
    OPTIONAL = "optional"
    MANY = "many"
    ANY = "any"  # none, one or many
    GROUP = "group"  # one word, which may name a group


class Websites(Enum):
    """What a verb does with a host that serves several websites (``websites:`` in the inventory)."""

    HOST = "host"  # it is about the host as a whole, and takes no HOST/SITE
    EACH = "each"  # HOST alone means each of its websites in turn; HOST/SITE one of them
    ONE = "one"  # it changes one website, which has to be named: HOST/SITE
    WHOLE = (
        "whole"  # HOST alone means the host with its first website, then each other one; HOST/SITE one of them alone
    )
    FIRST = "first"  # it is about the host, and of its websites about the first one of the list alone; it says so
    NONE = "none"  # it can't work on such a host yet, and says so


# Records that are about a host as a whole, also in a run about one of its websites.
OF_HOST = frozenset({"outside", "root_lost", "root_lost_override", "root_regained"})

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
        playbook_for: The playbook that these options mean instead; None for a verb that has one.
        read_only: Changes nothing on a host: what breaks it off leaves nothing to find out.
        takes_lock: Holds the lock of its hosts, so that no other verb works on them meanwhile.
        dangerous: Host names must be typed, or given with ``--confirm-host``.
        options: Options of this verb alone; --plan, --json, --reason, --case and so on come with every verb.
        variables: Options to the playbook's extra variables. Pure: ``--plan`` shows what it returns.
        secrets: Names among them that must never be shown.
        check: Raises when an option means nothing. Pure: it looks at what was typed, also under ``--plan``.
        preflight: Raises ``Refused`` when something is missing; reads only.
        start: Begins what can't wait for the journal (the cut alone); what it returns is the context's ``started``.
        intake: Opens a case for hosts that have none, once ``start`` has begun its work; it never raises.
        before: Work before the playbook; what it returns is added to the variables.
        after: Work after the playbook, on every outcome; what it returns replaces the result.
        run: All the work of a verb without playbook.
        plan_details: What a look at the hosts adds to ``--plan``: what the run changes (:mod:`ungcuu.run.foretold`).
        steps_before, steps_after: Steps that ``before`` and ``after`` perform, for the plan. ``run`` uses the first.
        websites: What it does with a host that serves several websites.
        websites_for: What these options mean for such a host; None for a verb to which ``websites`` always applies.
        website_playbook: Of a verb about the host with its websites: the playbook of a run about one of them alone.
        with_groups: Groups whose hosts the playbook needs besides the named ones (the vault).
        each_alone: One playbook run for each host, in parallel, so that an unreachable host holds nobody back.
        from_card: Hosts are known from their containment cards: the inventory isn't loaded.
        from_journal: Hosts are known from the runs that their journals hold open: the inventory isn't loaded for them.
        without_journal: Goes on, with a warning, when journal or lock can't be written (isolate alone).
        journaled: Whether a run is recorded at all.
        inverse: The command that undoes it, ``{host}`` filled in.
        deadline: Seconds after which the run is cut short and its outcome is UNKNOWN.
        without_host: What the word does where no host is named (``scan --tree``); the options are this verb's.
        unit: Transient unit on the host that a second run joins instead of starting another: ``resume`` need not wait.
    """

    name: str
    phase: Phase
    summary: str
    description: str = ""
    playbook: str | None = None
    playbook_for: Callable[[Mapping[str, object]], str] | None = None
    read_only: bool = False
    takes_lock: bool = True
    dangerous: bool = False
    hosts: Hosts = Hosts.MANY
    options: tuple[Option, ...] = ()
    arguments: tuple[Argument, ...] = ()
    variables: Variables | None = None
    secrets: tuple[str, ...] = ()
    check: Callable[[Context], None] | None = None
    preflight: Callable[[Context], None] | None = None
    start: Callable[[Context], object] | None = None
    intake: Callable[[Context], None] | None = None
    before: Before | None = None
    after: After | None = None
    run: Run | None = None
    plan_details: Callable[[Context], Mapping[str, object]] | None = None
    steps_before: tuple[str, ...] = ()
    steps_after: tuple[str, ...] = ()
    websites: Websites = Websites.HOST
    websites_for: Callable[[Mapping[str, object]], Websites] | None = None
    website_playbook: str = ""
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
    without_host: Verb | None = None
    verbs: tuple[Verb, ...] = ()

    @property
    def host_word(self) -> str:
        """How help names a host that the verb takes."""
        return "HOST" if self.websites in (Websites.HOST, Websites.NONE) else "HOST[/WEBSITE]"


# A verb that touches no host: an interrupted one leaves nothing that `resume` has to settle.
on_controller = partial(Verb, hosts=Hosts.NONE, read_only=True, takes_lock=False, journaled=False)


def _nothing_plays(*_words: object, **_named: object) -> RunResult:
    raise RuntimeError("nothing that runs playbooks was handed in")


@dataclass
class Context:
    """One run of one verb.

    Attributes:
        out: Where people read: standard output, or standard error under ``--json``. Everything is cleaned on the way.
        hosts: Inventory hosts, groups already expanded.
        website: The one website that the run is about, on a host with several; its facts are laid over :attr:`site`.
        first_website: The website whose facts stand for those of its host, in a run about a host with several.
        options: The verb's own options and arguments by key.
        run: Id of the run under way; what it starts carries it in its environment.
        case: Id of the case that the run belongs to; ``cases`` has it for each host.
        journal: None while there is none to write to. Prefer :meth:`record`.
        records: Everything that was reported so far, by playbooks and by the verb itself.
        confirm: Has the names of hosts typed before a dangerous verb; raises ``Refused``.
        play: Runs a playbook inside this run; :mod:`ungcuu.run.play`, which flow hands in. Prefer :meth:`run_playbook`.
        laid_over: Inventories that Ansible reads after the site's own: the facts of the one website.
        shared: What one run of a command leaves to the next one of it, about another website of the same host.
        started: What the verb's ``start`` gave.
        via: The node that runs the playbooks, if one was asked for.
        step_counts: Changes of each step that was reached, by its index in the plan.
        host_results: What became of each host in the playbook.
    """

    settings: Settings
    verb: Verb
    out: Screen
    hosts: tuple[str, ...] = ()
    website: str = ""
    first_website: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    run: str = ""
    case: str | None = None
    cases: Mapping[str, str] = field(default_factory=dict)
    journal: Recorder | None = None
    plan: Plan | None = None
    records: list[dict[str, object]] = field(default_factory=list)
    confirm: Callable[[Verb, Sequence[str]], None] = lambda _verb, _hosts: None
    play: Callable[..., RunResult] = _nothing_plays
    laid_over: tuple[Path, ...] = ()
    shared: dict[str, Any] = field(default_factory=dict)
    started: object = None
    via: Node | None = None
    step_counts: dict[int, int] = field(default_factory=dict)
    host_results: dict[str, HostResult] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The host of a verb that takes one."""
        return self.hosts[0]

    @property
    def names(self) -> tuple[str, ...]:
        """What the run is about as people type it and records keep it: ``web01``, or ``web01/portal``."""
        return tuple(map(self.name_of, self.hosts))

    def name_of(self, host: str) -> str:
        """Return the name of a host in records, with that of the website that the run is about."""
        return f"{host}/{self.website}" if self.website and host in self.hosts else host

    def kept_as(self, host: str) -> str:
        """Return under which name the restore points of the run's website are kept."""
        known = self.website or self.first_website
        return f"{host}/{known}" if known and host in self.hosts else host

    def about(self, kind: str, host: str) -> str:
        """Return whom a record is about: the host itself where it can be about nothing else."""
        return host if kind in OF_HOST else self.name_of(host)

    @cached_property
    def site(self) -> Site:
        """The resolved inventory; loaded on first use (it costs half a second)."""
        from ungcuu.hosts.site import Site

        return Site.load(self.settings)

    @property
    def inventories(self) -> tuple[Path, ...]:
        """What Ansible reads, in this order: a later one wins."""
        from ungcuu.hosts.site import inventory_of

        return (inventory_of(self.settings), *self.laid_over)

    def doing(self, what: str, place: str = "", host: str = "") -> None:
        """Say what is going on now, for whoever watches; nothing is recorded."""
        if self.out.live is not None:
            self.out.live.change(what=what, place=place, host=host)

    def counted(self, host: str) -> Callable[[int, str], None]:
        """Return what says how far the checks on a host are."""
        return lambda count, role: self.doing(
            _("{count} checks done, now of the role {role}").format(count=count, role=role or "–"), host=host
        )

    def target(self, host: str | None = None) -> Target:
        """Return how :mod:`ungcuu.hosts.ssh` reaches the host."""
        return self.site.target(machine_of(host or self.host))

    def record(self, kind: str, data: Mapping[str, object], host: str | None = None) -> None:
        """Journal one record and keep it for the result: ``proof``, ``finding``, ``inverse``, … (design.md)."""
        about = {"host": self.about(kind, host or self.host)} if host or self.hosts else {}
        self.records.append({"kind": kind, "data": dict(data), **about})
        if self.journal is not None:
            self.journal.append(kind, {**data, **about})

    def run_playbook(
        self,
        playbook: str,
        variables: Mapping[str, object] | None = None,
        hosts: tuple[str, ...] | None = None,
        deadline: float | None = None,
    ) -> RunResult:
        """Run one more playbook inside this run: streamed to the screen and journaled like the verb's own."""
        return self.play(self, playbook, variables or {}, hosts or self.hosts, deadline=deadline or self.verb.deadline)
