"""Runs one playbook; but for :mod:`ungcuu.run.remote_job` the only place that imports ansible_runner.

What holds for every run:

1. A fresh private folder, mode 0700, removed afterwards. Variables are one JSON document in it, never an argument.
2. Text given to Ansible is data: a value is marked so that Ansible never evaluates it as a template (CVE-2021-3583).
3. The environment is an allow-list. The run gets no terminal and can't ask anything.
4. Output, events and memory are bounded (a host may answer with 300 MB), and so is time.
5. A lost connection, a cut-short run or one stopped by Ctrl-C is UNKNOWN: the remote effect may have happened. So is
   a run whose ansible-playbook ended before its own summary, once a task began: it was killed, or it broke down.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ungcuu.core import process_guard
from ungcuu.core.errors import ControllerFault, Outcome
from ungcuu.core.i18n import _
from ungcuu.core.scratch import private_folder
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen, clean
from ungcuu.hosts.ssh import Target
from ungcuu.run import liveness, reached
from ungcuu.run.bounds import Bounds
from ungcuu.run.events import RESULT_LIMIT, Event
from ungcuu.run.given import untemplated, write_private
from ungcuu.run.reached import Reached
from ungcuu.run.tally import KILLED, HostResult, OnEvent, RunResult, Tally

FORKS = 10
POLL_SECONDS = 1
WATCH_SECONDS = 0.1  # a lying host fills memory fast; looking costs a few milliseconds

# The settings of ansible-runner: no files of events and output, and look often whether to stop.
SETTINGS: Mapping[str, object] = {
    "pexpect_timeout": POLL_SECONDS,
    "suppress_ansible_output": True,  # it would go to the terminal as the host wrote it; see Tally
    "suppress_output_file": True,
}

# What a run may inherit. Everything else (credentials of a cloud, a proxy's password) stays out.
INHERITED = frozenset(
    {"HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LOGNAME", "PATH", "SHELL", "SSH_AUTH_SOCK",
     "TERM", "TMPDIR", "TZ", "USER", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
     "ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_IDENTITY_LIST", "UNGCUU_LAB_SLOT", "UNGCUU_STATE"}
)  # fmt: skip # a table


class Runner:
    """One playbook run, started by :func:`run`; ``cancel`` ends it from another thread."""

    def __init__(
        self,
        settings: Settings,
        inventories: Sequence[Path],
        playbook: str,
        hosts: Sequence[str],
        run_id: str = "",
        *,
        targets: Mapping[str, Target] | None = None,
    ) -> None:
        self.run_id = run_id
        self.targets = targets or {}
        self.settings, self.playbook, self.hosts = settings, playbook, tuple(hosts)
        self.inventories = tuple(inventories)
        self._tally = Tally(lambda _event: None)
        self._cancelled = ""
        self._lost = ""  # why nobody can say how it ended, where the playbook ran on another machine

    def cancel(self, why: str) -> None:
        """Ask the run to end; one that has not begun does not begin."""
        self._cancelled = self._cancelled or why
        self._tally.stop = self._tally.stop or why

    def take(self, event: Mapping[str, Any]) -> bool:
        """Handle one raw event of Ansible; ansible-runner need not keep it."""
        return self._tally.take(event)

    def run(self, variables: Mapping[str, object], on_event: OnEvent, deadline: float, check: bool) -> RunResult:
        """Run to the end; see :func:`run`."""
        started = time.monotonic()
        self._tally = Tally(on_event, Screen(sys.stderr, colour=False) if self.settings.verbosity > 1 else None)
        self._tally.foretold = [] if check else None
        if self._cancelled:  # while it waited for its turn
            hosts = {host: HostResult(Outcome.NOT_DONE, "not started") for host in self.hosts}
            why = _("the command was stopped before its turn")
            return RunResult(self.playbook, Outcome.NOT_DONE, hosts, message=why)
        with private_folder("env", "tmp", "logins") as folder:
            self._tally.reached = self._reached(folder)
            write_private(folder / "env" / "extravars", untemplated(variables))
            write_private(folder / "env" / "settings", SETTINGS)  # given as an argument, they are forgotten
            code = self._perform(folder, started + deadline, check)
        return self._result(code, time.monotonic() - started)

    def _reached(self, folder: Path) -> Reached:
        return Reached(folder / "logins", self.targets)

    def _perform(self, folder: Path, deadline: float, check: bool) -> int:
        """Have the playbook run, and return the exit code of ansible-playbook."""
        return self._watch(self._config(folder, check), folder, deadline)

    def _watch(self, config: Any, folder: Path, deadline: float) -> int:
        """Run Ansible in a thread, so that Ctrl-C reaches this one at any time."""
        from ansible_runner import Runner as AnsibleRunner

        runner = AnsibleRunner(config=config, event_handler=self.take, cancel_callback=lambda: bool(self._tally.stop))
        thread = threading.Thread(target=quietly, args=(runner.run, self._tally), name="ansible", daemon=True)
        thread.start()
        bounds = Bounds(folder, at_once(self.hosts), self._tally, self.settings.state)
        try:
            while thread.is_alive():
                thread.join(WATCH_SECONDS)
                self._supervise(folder, deadline, bounds)
        except BaseException as error:
            self._tally.fault = error
            self.cancel("interrupted")
            process_guard.end(str(folder))
            thread.join(10)
        if runner.rc == 0:
            return 0
        process_guard.end(
            str(folder)
        )  # what an ansible-playbook that was killed leaves behind would go on changing hosts
        liveness.end_left_behind(self._mark(folder))
        return int(runner.rc) if runner.rc is not None else KILLED

    def _mark(self, folder: Path) -> str:
        """Return what the processes of this playbook run carry in their environment."""
        return f"{self.run_id or 'none'}/{folder.name}"

    def _supervise(self, folder: Path, deadline: float, bounds: Bounds) -> None:
        if time.monotonic() > deadline:
            self.cancel("deadline")
        if bounds.are_broken():
            self.cancel("quota")
        if self._tally.stop or bounds.was_killed:
            process_guard.end(str(folder))  # a killed ansible-playbook leaves workers behind

    def _config(self, folder: Path, check: bool) -> Any:
        from ansible_runner import RunnerConfig

        config = RunnerConfig(**self._arguments(folder, check))
        config.prepare()
        config.env = {
            name: value for name, value in config.env.items() if name in INHERITED or os.environ.get(name) != value
        }
        return config

    def _arguments(self, folder: Path, check: bool) -> dict[str, Any]:
        return arguments(
            self.settings, folder, self.playbook, self.inventories, self.hosts, check=check, mark=self._mark(folder)
        )

    def _result(self, code: int, seconds: float) -> RunResult:
        tally = self._tally
        hosts = {host: tally.hosts.get(host) for host in self.hosts}
        settled = {host: self._settle(host, result, code) for host, result in hosts.items()}
        others = {host: result for host, result in tally.hosts.items() if host not in settled and code != 0}
        outcome = _overall([r.outcome for r in (*settled.values(), *others.values())], code, tally.stop)
        message = clean_tail(tally.last_output) if code and not any(h.problem for h in tally.hosts.values()) else ""
        if tally.unmatched and not tally.hosts:
            message = _("none of these hosts is in a group that its playbook works on")
        return RunResult(
            self.playbook,
            outcome,
            {**settled, **others},
            tuple(tally.reports),
            seconds,
            tally.stop,
            message,
            tally.fault,
            tuple(tally.foretold or ()),
        )

    def _settle(self, host: str, result: HostResult | None, code: int) -> HostResult:
        """Return the final result of a host: a rescued failure is none, an unfinished host is not done or unknown."""
        stop, broken = self._tally.stop, code != 0 and bool(self._lost or self._tally.interrupted(code))
        if stop or broken:
            known = result or HostResult(Outcome.UNKNOWN)
            task = known.task if stop else self._tally.started.get(host, known.task)
            problem = "cut short" if stop else "interrupted"
            return replace(
                known, outcome=Outcome.UNKNOWN, problem=problem, task=task, message=self._why(known.message, code)
            )
        if result is None:
            return HostResult(Outcome.NOT_DONE, "not started")
        if code == 0:
            return HostResult(Outcome.DONE, ok=result.ok, changed=result.changed)
        if result.problem:
            return result
        return HostResult(Outcome.NOT_DONE, "stopped", result.task, result.message, result.ok, result.changed)

    def _why(self, message: str, code: int) -> str:
        """Return what is known about why ansible-playbook ended in the middle of its work."""
        if self._tally.stop:
            return message
        if self._lost:
            return self._lost
        if code == KILLED:
            return _("ansible-playbook was killed")
        said = clean_tail(self._tally.last_output)
        return _("ansible-playbook ended with code {code}. {said}").format(code=code, said=said).strip()


def run(
    settings: Settings,
    inventories: Sequence[Path],
    playbook: str,
    hosts: Sequence[str],
    variables: Mapping[str, object],
    *,
    on_event: OnEvent = lambda _event: None,
    deadline: float = 3600.0,
    check: bool = False,
    run_id: str = "",
    targets: Mapping[str, Target] | None = None,
    made_by: Callable[..., Runner] | None = None,
) -> RunResult:
    """Run one playbook on these hosts, handing each event to ``on_event`` as it happens.

    An exception of ``on_event`` (a journal that can't be written) ends the run; Ctrl-C ends it too. Both are UNKNOWN.

    Args:
        settings: Where things are.
        inventories: Folders or files given to Ansible; a later one wins.
        playbook: Name below ``playbooks/`` without suffix.
        hosts: What the run is limited to.
        variables: Extra variables; plain data.
        on_event: Called in a thread of the run.
        deadline: Seconds.
        check: Ansible's check mode.
        run_id: The run that it is part of; its processes carry the id in their environment.
        targets: How the hosts are reached; without it, a login at any host counts for all.
        made_by: Makes the runner, where it is none that runs the playbook on this machine.
    """
    if not (settings.playbooks / f"{playbook}.yml").is_file():
        raise ControllerFault(
            _("There is no playbook {name}.").format(name=playbook),
            _("Nothing was touched."),
            _("Install ungcuu again, or give the playbook its file in {path}.").format(path=settings.playbooks),
        )
    return (made_by or Runner)(settings, inventories, playbook, hosts, run_id, targets=targets).run(
        variables, on_event, deadline, check
    )


def run_each(
    settings: Settings,
    inventories: Sequence[Path],
    playbook: str,
    hosts: Sequence[str],
    variables: Mapping[str, object],
    *,
    on_event: OnEvent = lambda _event: None,
    deadline: float = 3600.0,
    check: bool = False,
    run_id: str = "",
    targets: Mapping[str, Target] | None = None,
    made_by: Callable[..., Runner] | None = None,
    on_end: Callable[[str, RunResult], None] = lambda _host, _result: None,
) -> RunResult:
    """Run one playbook on each host by itself, side by side: a host that fails or is silent holds nobody back.

    So many at once as one playbook would take: the controller's memory is the same for ten hosts and for fifty.
    ``on_end`` is called with each host's own result as it comes, in that host's thread.
    """
    from concurrent.futures import Future, ThreadPoolExecutor, wait

    ended: dict[str, RunResult] = {}
    begun: set[str] = set()
    over: set[str] = set()

    def one(runner: Runner) -> RunResult:
        (host,) = runner.hosts
        begun.add(host)
        try:
            result = runner.run(variables, partial(_about, host, on_event), deadline, check)
            ended[host] = result
            on_end(host, result)
            return result
        finally:
            over.add(host)

    make = made_by or Runner
    runners = [make(settings, inventories, playbook, (host,), run_id, targets=targets) for host in hosts]
    stopped: BaseException | None = None
    futures: list[Future[RunResult]] = []
    with ThreadPoolExecutor(max_workers=min(FORKS, len(runners))) as pool:
        try:
            futures.extend(pool.submit(one, runner) for runner in runners)
            # Again and again: a Ctrl-C that arrives just before an endless wait is noticed when it ends, not before.
            while wait(futures, timeout=POLL_SECONDS).not_done:
                pass
        except BaseException as error:
            stopped = error
            for runner in runners:
                runner.cancel("interrupted")
    if stopped is None:
        return _merged(playbook, [future.result() for future in futures])
    for future in futures:
        future.result()  # what broke down is raised
    # A run may have begun without its future in our hands, and in a thread that the pool does not wait for: Ctrl-C came
    # while it was started. What has no end after that never began.
    while begun - over:
        time.sleep(WATCH_SECONDS)
    results = [ended.get(runner.hosts[0]) or one(runner) for runner in runners]
    return replace(_merged(playbook, results), cut_short="interrupted", outcome=Outcome.UNKNOWN, fault=stopped)


def _about(host: str, on_event: OnEvent, event: Event) -> None:
    """Hand an event on with the name of its run's host, also where Ansible names none."""
    on_event(event if event.host else replace(event, host=host))


def _merged(playbook: str, results: Sequence[RunResult]) -> RunResult:
    """Return several runs as one; the worst outcome counts."""
    outcomes = [result.outcome for result in results]
    worst = Outcome.UNKNOWN if Outcome.UNKNOWN in outcomes else max(outcomes, key=lambda o: o is Outcome.NOT_DONE)
    return RunResult(
        playbook,
        worst,
        {host: data for result in results for host, data in result.hosts.items()},
        tuple(report for result in results for report in result.reports),
        max(result.seconds for result in results),
        next((result.cut_short for result in results if result.cut_short), ""),
        next((result.message for result in results if result.message), ""),
        next((result.fault for result in results if result.fault), None),
        tuple(event for result in results for event in result.foretold),
    )


def clean_tail(text: str) -> str:
    """Return the end of what ansible-playbook itself said, when it stopped before any task."""
    return clean(re.sub(r"\x1b\[[0-9;]*m", "", text).strip(), 2000, lines=True)


def at_once(hosts: Sequence[str]) -> int:
    """Return on how many of these hosts one playbook run works at once."""
    return min(FORKS, max(1, len(hosts)))


def arguments(
    settings: Settings,
    folder: Path,
    playbook: str,
    inventories: Sequence[Path],
    hosts: Sequence[str],
    *,
    check: bool,
    mark: str,
) -> dict[str, Any]:
    """Return what ansible-runner is given for a run in this folder; ``mark`` is in the environment of its processes."""
    return {
        "private_data_dir": str(folder),
        "playbook": str(settings.playbooks / f"{playbook}.yml"),
        "inventory": [str(path) for path in inventories],
        "limit": ",".join(hosts) or None,
        "verbosity": settings.verbosity or None,
        "cmdline": "--check --diff" if check else None,
        "project_dir": str(settings.content),
        "envvars": _environment(settings, folder, mark),
    }


def _environment(settings: Settings, folder: Path, mark: str) -> dict[str, str]:
    """Return what a run gets besides the inherited: where everything is, from a tree and from a wheel alike."""
    return {
        "ANSIBLE_CONFIG": str(settings.content / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(settings.roles),
        "ANSIBLE_ACTION_PLUGINS": str(settings.action_plugins),
        "ANSIBLE_CALLBACK_PLUGINS": str(settings.callback_plugins),
        "ANSIBLE_FILTER_PLUGINS": str(settings.filter_plugins),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_HOST_KEY_CHECKING": "true",  # ansible-runner turns it off for whoever does not say so
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        "ANSIBLE_SSH_EXTRA_ARGS": reached.ssh_arguments(folder / "logins"),
        "SHELL": "/bin/sh",  # runs ssh's LocalCommand
        "ANSIBLE_NOCOLOR": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "UNGCUU_STATE": str(settings.state),
        liveness.RUN_VARIABLE: mark,
        "LC_ALL": "C.UTF-8",
        "MAX_EVENT_RES": str(RESULT_LIMIT),
    }


def quietly(work: Callable[[], object], tally: Tally) -> None:
    """Run in a thread; what it raises is kept for the one that waits."""
    try:
        work()
    except BaseException as error:  # re-raised or reported by the waiting thread
        tally.fault = tally.fault or error
        tally.stop = tally.stop or "fault"


def _overall(outcomes: Sequence[Outcome], code: int, stop: str) -> Outcome:
    if stop or Outcome.UNKNOWN in outcomes:
        return Outcome.UNKNOWN
    return Outcome.NOT_DONE if code or Outcome.NOT_DONE in outcomes else Outcome.DONE
