"""What an action plugin raises for an error of ungcuu, so that the run ends with the outcome that the error means."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError

from ungcuu.core.errors import HostKeyMismatch, Undetermined, UngcuuError, Unreachable

KEY_REFUSED = "Host key verification failed"  # ssh's words: the runner knows a refused key by them


def refusal(error: UngcuuError) -> AnsibleError:
    """Return the failure of the task: a host that is not there, or is another one, is unreachable; all else failed."""
    if isinstance(error, Unreachable):  # the run itself adds the state and the next command
        return AnsibleConnectionFailure(error.what)
    message = ". ".join(part.rstrip(". ") for part in (error.what, error.state, error.fix) if part)
    if isinstance(error, HostKeyMismatch):
        return AnsibleConnectionFailure(f"{KEY_REFUSED}: {message}")
    if isinstance(error, Undetermined):
        return AnsibleConnectionFailure(message)
    return AnsibleActionFail(message)
