"""Base of every action plugin: its arguments are what its documentation says, before it does anything."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ungcuu.plugins.argument_spec import InvalidArguments, validated
from ungcuu.plugins.plain_call import lost_with_container


# Ansible's own classes have no types.
class DocumentedAction(ActionBase):  # type: ignore[misc]
    """An action with documentation beside it, in ``plugins/modules``. Arguments are validated in check mode too."""

    _supports_check_mode = True
    rules: ClassVar[Mapping[str, Any]] = {}  # see argument_spec.validated

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Validate the task's arguments into ``self.arguments``; return the empty result.

        Raises:
            AnsibleActionFail: a key is unknown or missing, a value has the wrong type, or the state would be lost.
        """
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            self.arguments = validated(Path(inspect.getfile(type(self).run)).stem, self._task.args, self.rules)
        except InvalidArguments as error:
            raise AnsibleActionFail(str(error), obj=self._task.args) from None
        if self.needs_state() and (lost := self.lost_state(task_vars or {})):
            raise AnsibleActionFail(f"{lost} Nothing was done.")
        return result

    def needs_state(self) -> bool:
        """Whether a state folder that ends with the container is a reason to refuse."""
        return True

    def lost_state(self, variables: Mapping[str, Any]) -> str:
        """Return what is wrong where the state folder of these variables would be lost; see plain_call.py."""
        return lost_with_container(str(self._templar.template(variables.get("ungcuu_state", ""))))
