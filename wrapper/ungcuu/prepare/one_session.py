"""How the roles' tests ask a host: a testinfra backend that puts all its questions over one session.

Testinfra's own starts an ssh, a login session and a sudo for each of some 300 questions, which takes longer than what
they ask for. Here one ``sudo python3`` on the host (:mod:`ungcuu.remote.command_server`) answers them all.

1. A question is asked when its test asks it. Only a command that a test has marked ``ahead`` is asked for at the start,
   once, and its answer kept until that test comes: a slow one, which no other test has an influence on.
2. A host on which that program does not start, for want of Python, is asked singly, as testinfra does it.
3. A host that hangs up, or answers with something else, makes the test an error (``NoAnswer``), never a pass.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from testinfra.backend import BACKENDS, base
from testinfra.backend.ssh import SshBackend

from ungcuu.hosts.remote_program import answer_in, program, python_command, question

_LONGEST = 64 << 20  # bytes of one answer; a host may lie at any length
# The program comes first on the same stream as the orders: its length, then its text.
_START = "import sys; i = sys.stdin.buffer; exec(compile(i.read(int(i.readline())), 'ungcuu', 'exec'))"


class NoAnswer(Exception):
    """Nothing is known of what a test asked: the test could not be carried out, and is no fault of the host."""


def answer_of(host: Any, name: str, order: Mapping[str, Any]) -> dict[str, Any]:
    """Have a program of ``ungcuu.remote`` do an order by a command alone; ``host`` is testinfra's.

    Raises:
        BadAnswer: the host said something else than the program's answer.
    """
    text = base64.b64encode(question(name, order)).decode("ascii")
    # testinfra puts the text in place of the second %s
    return answer_in(host.check_output(f"printf %%s %s | base64 -d | {shlex.join(python_command())}", text))


# testinfra brings no types
class OneSession(SshBackend):  # type: ignore[misc]
    """One host. Keeps the name ``ssh``: that is what it goes over."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._session: subprocess.Popen[bytes] | None = None
        self._begun = False
        self._number = 0
        self._answers: dict[int, Mapping[str, Any]] = {}
        self._ahead: dict[str, int] = {}

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """Run a command as root and return what came of it."""
        if not self._works():
            return super().run(command, *args, **kwargs)
        text = self.quote(command, *args)
        number = self._ahead.pop(text, None)
        found = self._answer(self._ask(command=text) if number is None else number)
        code = found.get("code")
        if not isinstance(code, int) or code < 0:  # a signal ended it: nobody knows what it would have said
            raise NoAnswer(f"{self.hostname} gave no answer to: {text}")
        try:
            out, err = (base64.b64decode(found[name], validate=True) for name in ("out", "err"))
        except (KeyError, TypeError, ValueError):
            raise NoAnswer(f"{self.hostname} gave no answer to: {text}") from None
        return self.result(code, text.encode(), out, err)

    def ahead(self, commands: Iterable[str]) -> None:
        """Ask now for commands whose answers are needed later, each once."""
        if self._works():
            self._ahead |= {text: self._ask(command=text, ahead=True) for text in dict.fromkeys(commands)}

    def page(self, order: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Carry out an order of :mod:`ungcuu.remote.page` on the host; None where it has to be run as a command."""
        if not self._works():
            return None
        found = self._answer(self._ask(page=order)).get("page")
        if not isinstance(found, dict):
            raise NoAnswer(f"{self.hostname} gave no answer for the page")
        return found

    def _works(self) -> bool:
        """Whether the session answers. It is root's, so another account's commands go the usual way."""
        if not self.sudo or self.sudo_user is not None:
            return False
        if not self._begun:
            self._begun = True
            self._start()
        return self._session is not None

    def _start(self) -> None:
        sources = program("command_server", {})
        config = ["-F", self.ssh_config] if self.ssh_config else []
        login = ["ssh", *config, "-o", "ControlPath=none", self.host.name]
        self._session = subprocess.Popen(
            [*login, shlex.join(["sudo", "-n", *python_command("-c", _START)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._send(b"%d\n%b" % (len(sources), sources))
        try:
            ready = self._read().get("ready") is True
        except NoAnswer:
            ready = False
        if not ready:
            self._session.kill()
            self._session = None

    def _ask(self, **order: Any) -> int:
        self._number += 1
        self._send(json.dumps({"number": self._number, **order}).encode() + b"\n")
        return self._number

    def _answer(self, number: int) -> Mapping[str, Any]:
        while number not in self._answers:
            said = self._read()
            if not isinstance(said.get("number"), int):
                raise NoAnswer(f"{self.hostname} said something else than an answer")
            self._answers[said["number"]] = said
        found = self._answers.pop(number)
        if "error" in found:
            raise NoAnswer(f"{self.hostname}: {found['error']}")
        return found

    def _send(self, data: bytes) -> None:
        assert self._session and self._session.stdin  # noqa: S101 - a pipe, see _start
        with contextlib.suppress(BrokenPipeError):  # a host that has hung up is found out by reading
            self._session.stdin.write(data)
            self._session.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._session and self._session.stdout  # noqa: S101 - a pipe, see _start
        line = self._session.stdout.readline(_LONGEST)
        with contextlib.suppress(ValueError, RecursionError):
            if line.endswith(b"\n") and isinstance(found := json.loads(line), dict):
                return found
        raise NoAnswer(f"{self.hostname} has hung up, or said something else than an answer")


BACKENDS["ungcuu"] = f"{__name__}.OneSession"
