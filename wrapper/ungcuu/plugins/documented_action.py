"""Base of every action plugin: its arguments are what its documentation says, before it does anything."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ungcuu.plugins.argument_spec import InvalidArguments, validated


# Ansible's own classes have no types.
class DocumentedAction(ActionBase):  # type: ignore[misc]
    """An action with documentation beside it, in ``plugins/modules``. Arguments are validated in check mode too."""

    _supports_check_mode = True
    rules: ClassVar[Mapping[str, Any]] = {}  # see argument_spec.validated

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Validate the task's arguments into ``self.arguments``; return the empty result.

        Raises:
            AnsibleActionFail: a key is unknown or missing, or a value has the wrong type.
        """
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            self.arguments = validated(Path(inspect.getfile(type(self).run)).stem, self._task.args, self.rules)
        except InvalidArguments as error:
            raise AnsibleActionFail(str(error), obj=self._task.args) from None
        return result
