"""The only way in which ungcuu asks a person something on the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ungcuu.core.errors import Refused, Stopped
from ungcuu.core.i18n import _

if TYPE_CHECKING:
    from ungcuu.core.terminal import Screen


def ask(out: Screen, question: str, state: str) -> str:
    """Ask a question on the terminal and return what was typed, without blanks around it.

    ``state`` says what an answer that never comes leaves behind.

    Raises:
        Stopped: Ctrl-C, or the end of the input, in place of an answer.
    """
    return _typed(out, question, state, hidden=False).strip()


def ask_secret(out: Screen, question: str, state: str) -> str:
    """Ask for what must not be seen on the terminal, and return it as it was typed.

    Raises:
        Refused: There is no terminal to ask on.
        Stopped: Ctrl-C, or the end of the input, in place of an answer.
    """
    if not sys.stdin.isatty():
        message = _("There is no terminal to ask on: {question}").format(question=question)
        raise Refused(message, state, _("Run the same command in a terminal."))
    return _typed(out, question, state, hidden=True)


def _typed(out: Screen, question: str, state: str, *, hidden: bool) -> str:
    import click

    from ungcuu.core.live_line import asking

    try:
        with asking(out):
            return str(click.prompt(question, default="", show_default=False, hide_input=hidden, err=True))
    except (click.Abort, KeyboardInterrupt, EOFError):
        click.echo("", err=True)  # the cursor stands behind the question
        raise Stopped(_("Stopped at the question."), state) from None
