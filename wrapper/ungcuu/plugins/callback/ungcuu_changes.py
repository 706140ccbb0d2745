"""The one signal that a play changed a host: any task of it did, whichever module it used."""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: ungcuu_changes
type: aggregate
short_description: Say in a variable whether this play has changed a host
description:
  - Sets C(ungcuu_changed) for each host after each of its tasks. It is true from the first task that changed something,
    failed, or lost the host, until the play ends. It counts what the tasks report, so a builtin module counts as much
    as a plugin of ungcuu.
  - The role C(website_probe) tries the website again where it is true. Where this plugin is not loaded the variable is
    missing, and the website is tried again in any case.
author: [ungcuu]
"""

VARIABLE = "ungcuu_changed"


# Ansible's own classes have no types.
class CallbackModule(CallbackBase):  # type: ignore[misc]
    """See the documentation above. Ansible loads it from ``callback_plugins`` without being asked."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "ungcuu_changes"

    def __init__(self) -> None:
        super().__init__()
        self._variables: Any = None
        self._changed: dict[str, bool] = {}

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Begin again: what an earlier play changed was that play's to try."""
        self._variables, self._changed = play.get_variable_manager(), {}

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task ended well."""
        self._note(result, bool(result.is_changed()))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ARG002 - Ansible's name
        """A task failed: it may have changed something before."""
        self._note(result, True)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """The host was lost in the middle of a task."""
        self._note(result, True)

    def _note(self, result: Any, changed: bool) -> None:
        host = result._host.get_name()
        before = self._changed.get(host)
        self._changed[host] = bool(before) or changed
        if self._changed[host] != before:
            self._variables.set_nonpersistent_facts(host, {VARIABLE: self._changed[host]})
