"""The only way in which ungcuu asks a person something on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.core.errors import Stopped
from ungcuu.core.i18n import _

if TYPE_CHECKING:
    from ungcuu.core.terminal import Screen


def ask(out: Screen, question: str, state: str) -> str:
    """Ask a question on the terminal and return what was typed, without blanks around it.

    ``state`` says what an answer that never comes leaves behind.

    Raises:
        Stopped: Ctrl-C, or the end of the input, in place of an answer.
    """
    import click

    from ungcuu.core.live_line import asking

    try:
        with asking(out):
            typed = click.prompt(question, default="", show_default=False, err=True)
    except (click.Abort, KeyboardInterrupt, EOFError):
        click.echo("", err=True)  # the cursor stands behind the question
        raise Stopped(_("Stopped at the question."), state) from None
    return str(typed).strip()
