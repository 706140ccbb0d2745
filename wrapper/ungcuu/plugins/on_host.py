"""Run one of our programs on the managed host from an action plugin: one round trip, nothing left on its disk."""

from __future__ import annotations

import json
from typing import Any

from ungcuu.hosts.remote_program import program, python_command

MARK = "UNGCUU-RESULT "
_REPLY_LIMIT = 1 << 20


class BadReply(Exception):
    """The host answered with something else than the program's result."""


def program_text(name: str, order: dict[str, Any]) -> str:
    """The program with its order, and the modules that it imports: `main(order)` is called with what the JSON holds."""
    return program(name, order, as_argument=True).decode()


def parse_reply(text: str) -> dict[str, Any]:
    """The result in what the host printed.

    Raises:
        BadReply: no result, more than fits, or no JSON mapping.
    """
    if len(text) > _REPLY_LIMIT:
        raise BadReply("the host's answer is too long")
    lines = [line for line in text.splitlines() if line.startswith(MARK)]
    try:
        result = json.loads(lines[-1][len(MARK) :])
    except (IndexError, ValueError):
        raise BadReply("the host gave no result") from None
    if not isinstance(result, dict):
        raise BadReply("the host's result is no mapping")
    return result


def carried(done: dict[str, Any]) -> dict[str, Any]:
    """Return the result of ``_low_level_execute_command``, unless the program that carried the command was killed here.

    Raises:
        AnsibleConnectionFailure: it was; the command may have had its effect on the host. Ansible makes it UNREACHABLE.
    """
    code = done.get("rc")
    if isinstance(code, int) and code < 0:
        from ansible.errors import AnsibleConnectionFailure

        raise AnsibleConnectionFailure(f"the program that connects to the host was killed here (signal {-code})")
    return done


def run_on_host(action: Any, name: str, order: dict[str, Any]) -> dict[str, Any]:
    """Run `remote/NAME.py` as the task's (become) user. A failure comes back as ``failed`` and ``msg``.

    The connection's own errors go through: Ansible turns them into UNREACHABLE.
    """
    sent = program_text(name, order).encode()
    done = carried(action._low_level_execute_command(" ".join(python_command()), in_data=sent))
    try:
        return parse_reply(done.get("stdout", ""))
    except BadReply as error:
        said = str(done.get("stderr", ""))[-600:]
        return {"failed": True, "msg": f"{name}: {error} (exit code {done.get('rc')}): {said}"}
