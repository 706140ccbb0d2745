"""What a verb's functions are given: settings, site, hosts, options, journal and the way to say something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from ungcuu.i18n import _
from ungcuu.verb import Verb

if TYPE_CHECKING:
    from ungcuu.plan import Plan
    from ungcuu.runner import HostResult, RunResult
    from ungcuu.screen import Screen
    from ungcuu.settings import Settings
    from ungcuu.site import Site
    from ungcuu.ssh import Target


class Recorder(Protocol):
    """The part of a journal that a verb needs."""

    def append(self, kind: str, data: Mapping[str, object]) -> object:
        """Write one record; it is on disk when this returns."""


@dataclass
class Context:
    """One run of one verb.

    Attributes:
        out: Where people read: standard output, or standard error under ``--json``. Everything is cleaned on the way.
        hosts: Inventory hosts, groups already expanded.
        options: The verb's own options and arguments by key.
        run: Id of the run under way; what it starts carries it in its environment.
        case: Id of the case that the run belongs to; ``cases`` has it for each host.
        journal: None while there is none to write to. Prefer :meth:`record`.
        records: Everything that was reported so far, by playbooks and by the verb itself.
        confirm: Has the names of hosts typed before a dangerous verb; raises ``Refused``.
        step_counts: Changes of each step that was reached, by its index in the plan.
        host_results: What became of each host in the playbook.
    """

    settings: Settings
    verb: Verb
    out: Screen
    hosts: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    run: str = ""
    case: str | None = None
    cases: Mapping[str, str] = field(default_factory=dict)
    journal: Recorder | None = None
    plan: Plan | None = None
    records: list[dict[str, object]] = field(default_factory=list)
    confirm: Callable[[Verb, Sequence[str]], None] = lambda _verb, _hosts: None
    step_counts: dict[int, int] = field(default_factory=dict)
    host_results: dict[str, HostResult] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The host of a verb that takes one."""
        return self.hosts[0]

    @cached_property
    def site(self) -> Site:
        """The resolved inventory; loaded on first use (it costs half a second)."""
        from ungcuu.site import Site

        return Site.load(self.settings)

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
        """Return how :mod:`ungcuu.ssh` reaches the host."""
        return self.site.target(host or self.host)

    def record(self, kind: str, data: Mapping[str, object], host: str | None = None) -> None:
        """Journal one record and keep it for the result: ``proof``, ``finding``, ``inverse``, … (design.md)."""
        about = {"host": host or self.host} if host or self.hosts else {}
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
        from ungcuu.flow import run_playbook

        return run_playbook(
            self, playbook, variables or {}, hosts or self.hosts, deadline=deadline or self.verb.deadline
        )

    def perform(self, verb: str, *hosts: str, **options: object) -> Mapping[str, object]:
        """Run another verb to its end as the command line would, and return its ``--json`` document."""
        from ungcuu.flow import perform

        return perform(self, verb, hosts or self.hosts, options)
