"""What became of a playbook run, event by event: each host's own result, what was reported, and when to stop."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ungcuu.core.errors import Outcome
from ungcuu.core.terminal import Screen, clean
from ungcuu.run.events import OWN_CHECK, Event, Report, Status, parse

MOST_EVENTS = 50_000
MOST_REPORT_BYTES = 64 << 20
KILLED = 254  # the exit code that we give to an ansible-playbook that a signal ended

_NEVER_CONNECTED = re.compile(
    r"Connection refused|No route to host|Network is unreachable|Connection timed out|Could not resolve hostname"
    r"|Permission denied \(|Operation timed out|Connection closed by .* port \d+\s*$"
)
_KEY_REFUSED = re.compile(r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|host key is known for")

OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class HostResult:
    """What became of one host.

    ``problem`` is empty or one of failed, unreachable, helper unreachable, host key, lost, no result, interrupted, cut
    short, stopped, not started. ``helper`` is the other host that the step was to be done on (the vault), where it was
    that one which failed or did not answer. ``cut`` names a task whose result did not arrive, though the playbook went
    on to judge that.
    """

    outcome: Outcome
    problem: str = ""
    task: str = ""
    message: str = ""
    ok: int = 0
    changed: int = 0
    helper: str = ""
    cut: str = ""


@dataclass(frozen=True)
class RunResult:
    """What became of one playbook run. ``cut_short`` says why it was stopped, if it was."""

    playbook: str
    outcome: Outcome
    hosts: Mapping[str, HostResult]
    reports: tuple[Report, ...] = ()
    seconds: float = 0.0
    cut_short: str = ""
    message: str = ""
    fault: BaseException | None = None
    foretold: tuple[Event, ...] = ()  # in check mode: each task that would change something

    @property
    def changed(self) -> int:
        """How many tasks changed something."""
        return sum(host.changed for host in self.hosts.values())

    def data_of(self, kind: str, host: str | None = None) -> list[Mapping[str, object]]:
        """Return the data of every report of a kind."""
        return [r.data for r in self.reports if r.kind == kind and host in (None, r.host)]


@dataclass
class Tally:
    """Counts events while a run goes on."""

    on_event: OnEvent
    screen: Screen | None = None  # where Ansible's own words go, if anywhere
    hosts: dict[str, HostResult] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    foretold: list[Event] | None = None  # kept in check mode alone
    events: int = 0
    report_bytes: int = 0
    stop: str = ""
    fault: BaseException | None = None
    last_output: str = ""
    unmatched: bool = False  # a play named none of the hosts
    plays: int = 0
    started: dict[str, str] = field(default_factory=dict)  # host → the task that was last started for it
    action: str = ""  # what the task does that was last started
    ended: bool = False  # Ansible's summary arrived: all that was started has a result
    reached: Callable[[str], bool] = lambda _host: False  # whether a host took a connection; see reached.py

    def take(self, raw: Mapping[str, Any]) -> bool:
        """Handle one raw event. A fault here must not be raised into ansible-runner: it cancels the run."""
        try:
            self._take(raw)
        except BaseException as error:  # whatever it is, the run must stop and the user must see it
            self.fault = self.fault or error
            self.stop = self.stop or "fault"
        return False  # nothing is written to the folder of artifacts

    def _take(self, raw: Mapping[str, Any]) -> None:
        self.events += 1
        if self.events > MOST_EVENTS:
            self.stop = self.stop or "quota"
            return
        if raw.get("event") in ("verbose", "error", "warning") and raw.get("stdout"):
            self.last_output = f"{self.last_output}\n{raw['stdout']}"[-4000:]
        self.unmatched = self.unmatched or raw.get("event") == "playbook_on_no_hosts_matched"
        if self.screen is not None and raw.get("stdout"):
            self.screen.block(raw["stdout"])
        self.follow(raw)
        event = parse(raw)
        if event is None or self.stop:
            return
        self._count(event)
        self.on_event(event)

    def follow(self, raw: Mapping[str, Any]) -> None:
        """Note how far Ansible came. It reports the start of a task before its worker starts, and waits for that."""
        kind, data = raw.get("event"), raw.get("event_data") or {}
        self.plays += kind == "playbook_on_play_start"
        self.ended = self.ended or kind == "playbook_on_stats"
        if kind == "runner_on_start":
            self.started[clean(data.get("host", ""), 200)] = clean(data.get("task", ""), 200)
            self.action = str(data.get("task_action", "")).rpartition(".")[2]

    def interrupted(self, code: int) -> bool:
        """Whether Ansible ended in the middle of its work, so that a task may have had its effect without a result."""
        return not self.ended and bool(self.started or (code == KILLED and self.plays))

    def _count(self, event: Event) -> None:
        self.report_bytes += sum(len(str(r.data)) for r in event.reports)
        if event.lost or self.report_bytes > MOST_REPORT_BYTES:
            self.stop = "quota"
        self.reports.extend(event.reports)
        if self.foretold is not None and event.status is Status.CHANGED:
            self.foretold.append(event)
        if event.host:
            before = self.hosts.get(event.host, HostResult(Outcome.DONE))
            self.hosts[event.host] = after(before, event, self.reached)


def after(host: HostResult, event: Event, reached: Callable[[str], bool] = lambda _host: False) -> HostResult:
    """Return a host's result after one more event. The run's own verdict clears a fixed failure."""
    if event.cut:
        host = replace(host, cut=host.cut or event.task)
    if event.status in (Status.OK, Status.CHANGED, Status.SKIPPED, Status.IGNORED):
        # Neither asks the host: only what does distinguishes a host that was lost from one that was never reached.
        asked = event.status is not Status.SKIPPED and not event.task.startswith(OWN_CHECK)
        return replace(host, ok=host.ok + asked, changed=host.changed + (event.status is Status.CHANGED))
    if event.status is Status.FAILED:
        outcome, problem = (Outcome.UNKNOWN, "no result") if host.cut else (Outcome.NOT_DONE, "failed")
        return replace(
            host, outcome=outcome, problem=problem, task=event.task, message=event.message, helper=event.delegate
        )
    return _unreached(host, event, reached) if event.status is Status.UNREACHABLE else host


def _unreached(host: HostResult, event: Event, reached: Callable[[str], bool]) -> HostResult:
    """Return what a task without connection means: refused, never begun, failed at a helper, or unknown.

    A program on the website's host can say ssh's own words: they count only where ssh has not logged in there.
    """
    outcome, problem, message = Outcome.NOT_DONE, "unreachable", event.message
    spoken_by_ssh = bool(event.delegate) or not reached(event.host)
    never = spoken_by_ssh and _NEVER_CONNECTED.search(message)
    if spoken_by_ssh and _KEY_REFUSED.search(message):
        problem = "host key"
    elif never and event.delegate:
        problem = "helper unreachable"
    elif not never or host.ok:
        outcome, problem = Outcome.UNKNOWN, "lost"
    return replace(host, outcome=outcome, problem=problem, task=event.task, message=message, helper=event.delegate)
