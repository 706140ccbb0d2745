"""Runs one playbook on a node: the same events, bounds and results as :mod:`ungcuu.run.runner`, over one connection.

1. Until the whole job has left this machine nothing was begun: NOT DONE. From then on a node that ends without its last
   word, or whose connection breaks, leaves every host of the run UNKNOWN; the run stays open for ``resume``.
2. The node hears from here every few seconds, and ends its work when it does not: see :mod:`node_worker`.
3. What the playbook wrote into its state folder is taken over once all of it has arrived, and only those files of this
   run's hosts that these playbooks are known to write.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ungcuu import __version__
from ungcuu.core import process_guard
from ungcuu.core.atomic import make_private, put
from ungcuu.core.errors import Outcome
from ungcuu.core.i18n import _
from ungcuu.core.terminal import clean
from ungcuu.hosts import ssh, ssh_process
from ungcuu.run.given import write_private
from ungcuu.run.node import TAKEN, Luggage, Node, NotBegun, fingerprint, involved
from ungcuu.run.node_agent import lent
from ungcuu.run.reached import Reached
from ungcuu.run.runner import SETTINGS, WATCH_SECONDS, Runner, quietly
from ungcuu.run.tally import KILLED, HostResult

if TYPE_CHECKING:
    from ungcuu.run.remote_job import Process

HELLO_SECONDS = 30.0
BEAT_SECONDS = 5.0
_END_SECONDS = 10.0  # in which a node that was asked to stop clears up
_MOST_HELLO = 1 << 16
_MOST_SAID = 1 << 16
_PIECE = 1 << 16
_NOT_FOUND = 127  # a shell's exit code for a program that is not there


class NodeRunner(Runner):
    """One playbook run on a node."""

    def __init__(self, node: Node, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.node = node
        self._not_begun: NotBegun | None = None

    def _reached(self, folder: Path) -> Reached:
        return Reached(folder / "logins", self.targets, joins=False)

    def _perform(self, folder: Path, deadline: float, check: bool) -> int:
        talk = _Talk(self, folder, deadline, check)
        thread = threading.Thread(target=quietly, args=(talk.run, self._tally), name="node", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(WATCH_SECONDS)
                if time.monotonic() > deadline:
                    self.cancel("deadline")
                talk.watch(bool(self._tally.stop))
        except BaseException as error:
            self._tally.fault = error
            self.cancel("interrupted")
            talk.hang_up()
            thread.join(_END_SECONDS)
        finally:
            talk.end()
            process_guard.end(str(folder))  # the agent
        return self._judge(talk)

    def _judge(self, talk: _Talk) -> int:
        if talk.not_begun is not None and not self._tally.stop:
            self._not_begun = talk.not_begun
            return KILLED
        process = talk.process
        if process is not None and process.complete and process.code is not None:
            return process.code
        if not self._tally.stop:
            self._lost = talk.lost or _("the node ended before its answer")
        return KILLED

    def _settle(self, host: str, result: HostResult | None, code: int) -> HostResult:
        if self._not_begun is not None:
            return HostResult(
                Outcome.NOT_DONE, self._not_begun.problem, message=self._not_begun.message, helper=self.node.name
            )
        return super()._settle(host, result, code)


def made_by(node: Node | None) -> Callable[..., Runner] | None:
    """Return what makes a runner on the node; None for one on this machine."""
    return partial(NodeRunner, node) if node is not None else None


class _Talk:
    """The conversation with a node; ``run`` goes in a thread of its own, the rest is called meanwhile."""

    def __init__(self, runner: NodeRunner, folder: Path, deadline: float, check: bool) -> None:
        self.runner, self.node = runner, runner.node
        self.folder, self.deadline, self.check = folder, deadline, check
        self.process: Process | None = None
        self.not_begun: NotBegun | None = None
        self.lost = ""
        self._ssh: subprocess.Popen[bytes] | None = None
        self._said = bytearray()  # on standard error
        self._started = time.monotonic()
        self._greeted = self._sent = False
        self._beat = self._asked_to_end = 0.0

    def run(self) -> None:
        """Connect, hand the job over, and receive what comes of it."""
        site, node = self.node.site, self.node.target
        targets = [site.target(host) for host in involved(site, self.runner.hosts)]
        try:
            with lent(self.folder, node, targets, self.deadline - time.monotonic()) as (agent, publics):
                self._converse(agent, publics)
        except NotBegun as why:
            self.not_begun = why

    def _converse(self, agent: Path, publics: Mapping[Path, str]) -> None:
        log = ssh_process.own_log()
        try:
            process = ssh_process.start(ssh.ssh_command(self.node.target, self.node.command, forwarded=agent), log)
            self._ssh = process
            listener = threading.Thread(target=self._listen, args=(process,), daemon=True)
            listener.start()
            try:
                self._exchange(process, publics)
            except (OSError, ValueError) as error:  # a pipe that broke, a line or an archive that is none
                self.lost = _("the node ended before its answer") if isinstance(error, OSError) else str(error)
            except NotBegun:
                self.hang_up()
                raise
            if not (self.process and self.process.complete):
                self._judge_end(process, log, listener)
        finally:
            os.close(log)

    def _exchange(self, process: subprocess.Popen[bytes], publics: Mapping[Path, str]) -> None:
        from ungcuu.run.remote_job import Process, Stream, TooLong, transmit

        assert process.stdin and process.stdout  # noqa: S101 - both are pipes, see ssh_process
        run = self.runner.run_id or "none"
        _write_all(process.stdin, json.dumps({"do": "run", "run": run}).encode() + b"\n")
        # A raw file, since ssh_process asks for no buffer.
        stream = Stream(process.stdout)  # type: ignore[arg-type]
        luggage = self._pack(self._hello(stream), publics)
        order = {"playbook": self.runner.playbook, "hosts": list(self.runner.hosts), "check": self.check}
        order["verbosity"] = self.runner.settings.verbosity
        with (self.folder / "job").open("w+b") as job:
            transmit(luggage.folder, order, job)
            size = job.tell()
            job.seek(0)
            while (left := size - job.tell()) > 0:
                # The node begins when it has the last line: whoever has not got that has not begun.
                self._sent = self._sent or left <= _PIECE
                _write_all(process.stdin, job.read(_PIECE))
        received = Process(stream, self.folder / "answer", self._take)
        self.process = received
        try:
            received.run()
        except TooLong:
            self.runner.cancel("quota")
            return
        if received.stopped:
            self.runner.cancel(received.stopped)
        ended = received.code is not None and not received.stopped
        if ended and not self.check:
            self._take_over(received, luggage)
        received.complete = ended

    def _hello(self, stream: io.BufferedReader) -> Path:
        """Return the job's folder on the node, once it has said that it is the same ungcuu."""
        line = io.BufferedReader.readline(stream, _MOST_HELLO)
        try:
            about = json.loads(line)
            folder = Path(str(about["folder"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise OSError("no hello") from None
        self._greeted = True
        if why := difference(about, self.node.name):
            raise NotBegun("other version", why)
        if about.get("agent") is not True:
            why = _(
                "The sshd of {node} lets no agent be forwarded (AllowAgentForwarding), so no key can be lent to it."
            )
            raise NotBegun("no key", why.format(node=self.node.name))
        return folder

    def _pack(self, there: Path, publics: Mapping[Path, str]) -> Luggage:
        runner = self.runner
        folder = self.folder / "luggage"
        folder.mkdir(mode=0o700)
        luggage = Luggage(self.node, runner.playbook, runner.hosts, runner.settings.state, folder, there)
        luggage.pack(publics)
        (folder / "env").mkdir(mode=0o700)
        variables = json.loads((self.folder / "env" / "extravars").read_text("utf-8"))
        write_private(folder / "env" / "extravars", luggage.moved(variables))
        write_private(folder / "env" / "settings", SETTINGS)
        return luggage

    def _take(self, event: Mapping[str, Any]) -> None:
        assert self.process  # noqa: S101 - it is the one that calls
        for name in self.process.logins:
            (self.folder / "logins" / name).touch()
        self.runner.take(event)

    def _take_over(self, received: Process, luggage: Luggage) -> None:
        """Put the files in place that the playbook wrote, where they differ; all of them are read first."""
        base = self.runner.settings.state
        known = {f"hosts/{folder}/{name}" for folder in luggage.host_folders() for name in TAKEN}
        for name, data in received.files(known).items():
            sent = luggage.folder / "state" / name
            if not sent.is_file() or sent.read_bytes() != data:
                make_private((base / name).parent)
                put(base / name, data)

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr  # noqa: S101 - a pipe, see ssh_process
        with contextlib.suppress(OSError, ValueError):
            while piece := os.read(process.stderr.fileno(), 1 << 14):
                self._said += piece[: _MOST_SAID - len(self._said)]

    def _judge_end(self, process: subprocess.Popen[bytes], log: int, listener: threading.Thread) -> None:
        """Say why it ended, by what ssh says; before the job was handed over that is why nothing was begun."""
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            ssh_process.end(process)
        listener.join(1)
        said = clean(bytes(self._said).decode("utf-8", "replace").strip(), 500)
        try:
            ending, detail = ssh.how_it_ended(self.node.target, process, log)
        except ssh.HostKeyRefused as refused:
            raise NotBegun("node key", clean(refused, 500)) from refused
        if self._sent:
            self.lost = self.lost or _("the node ended before its answer")
            if detail or said:
                self.lost = f"{self.lost} ({clean(detail or said, 300)})"
        elif ending is ssh.Ending.EXITED and process.returncode == _NOT_FOUND:
            raise NotBegun(
                "other version",
                _("{node} has no {program}: {said}").format(node=self.node.name, program=self.node.program, said=said),
            )
        else:
            raise NotBegun("no node", clean(detail or said, 300) or _("it gave no answer"))

    def watch(self, stopping: bool) -> None:
        """Let the node hear that this machine is there; hang up where the run is to stop, or it never answered."""
        now = time.monotonic()
        if stopping or (not self._greeted and now - self._started > HELLO_SECONDS):
            self.hang_up()
            if now - self._asked_to_end > _END_SECONDS:
                self.end()
        elif self.process is not None and now - self._beat > BEAT_SECONDS and self._ssh and self._ssh.stdin:
            self._beat = now
            with contextlib.suppress(OSError, ValueError):
                self._ssh.stdin.write(b"\n")

    def hang_up(self) -> None:
        """Close what the node hears: it ends its work and clears up."""
        if self._ssh is not None and self._ssh.stdin is not None and not self._asked_to_end:
            with contextlib.suppress(OSError, ValueError):
                self._ssh.stdin.close()
        self._asked_to_end = self._asked_to_end or time.monotonic()

    def end(self) -> None:
        """Leave no connection behind; a node that still works ends by itself."""
        if self._ssh is not None:
            ssh_process.end(self._ssh)


def difference(about: Mapping[str, Any], node: str) -> str:
    """Return how the ungcuu of a node differs from this one; empty where it is the same."""
    theirs = clean(str(about.get("ungcuu")), 40)
    if theirs != __version__:
        return _("{node} has ungcuu {theirs}, and this is {ours}.").format(node=node, theirs=theirs, ours=__version__)
    if about.get("content") != fingerprint():
        return _("{node} has ungcuu {ours} too, but other programs, playbooks or roles.").format(
            node=node, ours=__version__
        )
    return ""


def _write_all(out: Any, data: bytes) -> None:
    """Write to a pipe without buffer, which takes what it has room for."""
    view = memoryview(data)
    while view:
        view = view[out.write(view) :]


def asked(node: Node, order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Have a node say who it is; with an order to end a run, what it has ended.

    Raises:
        NotBegun: It can't be reached, or has no ungcuu of this kind.
    """
    try:
        answer = ssh.run(
            node.target,
            node.command,
            stdin=json.dumps(order).encode() + b"\n",
            timeout=HELLO_SECONDS,
            byte_quota=1 << 16,
        )
    except ssh.HostKeyRefused as refused:
        raise NotBegun("node key", clean(refused, 500)) from refused
    try:
        about = json.loads(answer.stdout) if answer.ok else None
    except (ValueError, RecursionError):
        about = None
    if isinstance(about, dict):
        return about
    raise NotBegun("no node", clean(answer.detail or answer.stderr.decode("utf-8", "replace"), 300))


def ended_there(node: Node, run: str) -> Sequence[int]:
    """Have a node end what a run left behind there, and return the process ids.

    Raises:
        NotBegun: It can't be asked.
    """
    ended = asked(node, {"do": "end", "run": run}).get("ended")
    return [pid for pid in ended if isinstance(pid, int)] if isinstance(ended, list) else []
