"""Run one of our programs on the managed host from an action plugin: one round trip, nothing left on its disk."""

from __future__ import annotations

from typing import Any

from ungcuu.hosts.remote_program import BadAnswer, answer_in, python_command, question


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
    """Have `remote/NAME.py` do the order as the task's (become) user. A failure comes back as ``failed`` and ``msg``.

    The connection's own errors go through: Ansible turns them into UNREACHABLE.
    """
    return asked(action, name, question(name, order))


def asked(action: Any, name: str, sent: bytes, **limit: int) -> dict[str, Any]:
    """Have the host answer a question that is at hand, as above."""
    done = carried(action._low_level_execute_command(" ".join(python_command()), in_data=sent))
    try:
        return answer_in(done.get("stdout", ""), **limit)
    except BadAnswer as error:
        said = str(done.get("stderr", ""))[-600:]
        return {"failed": True, "msg": f"{name}: {error} (exit code {done.get('rc')}): {said}"}
