"""The record that a drill leaves in the journal of operations: the register and the trend are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ungcuu.core.i18n import _

if TYPE_CHECKING:
    from ungcuu.run.verb import Context


def keep(context: Context, data: Mapping[str, object]) -> None:
    """Record what came of a drill; a journal that can't be written is said, and does not make the drill fail."""
    from ungcuu.case.journal import Journal
    from ungcuu.core.errors import UngcuuError

    try:
        journal = Journal.open(context.settings.operations, context.settings.keys, context.settings.heads)
        journal.append("drill", {**data, "operator": context.settings.operator})
    except UngcuuError as error:
        message = _("The drill is not in the journal of operations, so the register does not know it: {why}")
        context.out.line(message.format(why=error.what), "warn")
