"""Run one of our programs on the managed host from an action plugin: one round trip, nothing left on its disk."""

from __future__ import annotations

from collections.abc import Mapping
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


def run_on_host(
    action: Any, name: str, order: dict[str, Any], form: Mapping[str, type] | None = None
) -> dict[str, Any]:
    """Have `remote/NAME.py` do the order as the task's (become) user. A failure comes back as ``failed`` and ``msg``.

    ``form`` names what an answer must hold: any other mapping would read as "there was nothing to do". The
    connection's own errors go through: Ansible turns them into UNREACHABLE.
    """
    answer = asked(action, name, question(name, order))
    if answer.get("failed"):
        return answer
    if wrong := [key for key, kind in (form or {}).items() if type(answer.get(key)) is not kind]:
        return {"failed": True, "msg": f"{name}: the host's answer is of another form ({', '.join(wrong)})"}
    return answer


def asked(action: Any, name: str, sent: bytes, **limit: int) -> dict[str, Any]:
    """Have the host answer a question that is at hand, as above."""
    done = carried(action._low_level_execute_command(" ".join(python_command()), in_data=sent))
    try:
        return answer_in(done.get("stdout", ""), **limit)
    except BadAnswer as error:
        said = str(done.get("stderr", ""))[-600:]
        return {"failed": True, "msg": f"{name}: {error} (exit code {done.get('rc')}): {said}"}
