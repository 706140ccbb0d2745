"""Documents that a command writes for people: where they go, whole or not at all, and how a letter is made."""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING

from ungcuu.core.errors import ControllerFault
from ungcuu.core.i18n import _, ngettext
from ungcuu.run.verb import Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from ungcuu.report.forms import Form
    from ungcuu.run.verb import Context


def target(context: Context, folder: Path, name: str) -> Path:
    """Return where a document goes: the place that was asked for, else a name in the folder that is free.

    Raises:
        ControllerFault: The folder can't be made.
    """
    from pathlib import Path

    from ungcuu.core.atomic import make_private

    if context.options["output"]:
        return Path(context.options["output"])
    try:
        make_private(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    wanted = folder / name
    numbered = (wanted.with_stem(f"{wanted.stem}-{number}") for number in count(2))
    return next(path for path in chain([wanted], numbered) if not path.exists())


def keep(path: Path, text: str | bytes, option: str = "--output") -> Path:
    """Write a document whole, for its owner alone, and never over another one; ``option`` named the place.

    Raises:
        ControllerFault: It can't be written; nothing is left behind.
    """
    from ungcuu.core.atomic import put_new

    try:
        return put_new(path, text)
    except OSError as error:
        raise _unwritable(path, error, option) from error


def _unwritable(path: Path, error: OSError, option: str = "--output") -> ControllerFault:
    import errno

    full = error.errno in (errno.ENOSPC, errno.EDQUOT)  # another name in the same folder would help nobody
    return ControllerFault(
        _("{path} can't be written: {error}").format(path=path, error=error.strerror),
        _("Nothing was changed."),
        f"df -h {path.parent}" if full else f"{option} {path.with_stem(path.stem + '-2')}",
    )


def letter(context: Context, name: str, values: Mapping[str, Any]) -> str | bytes:
    """Return a letter in the form that was asked for; a PDF is printed from the same page as the HTML.

    ``values`` are in the letter's language; what goes wrong here is said in the screen's.
    """
    from ungcuu.hosts.reporting_site import folder_of
    from ungcuu.report import render
    from ungcuu.report.document import print_pdf
    from ungcuu.report.letter import as_docx, template_of

    template = template_of(name, folder_of(context.settings))
    if context.options["format"] == "docx":
        return as_docx(values, template)
    if template is not None:
        told = _("{path} is for DOCX alone: this letter has the layout of ungcuu. A word processor prints the DOCX.")
        context.out.prose(told.format(path=template), "warn")
    text = render(values, "form.html.j2")
    return text if context.options["format"] == "html" else print_pdf(text)


def letter_kept(context: Context, draft: Form, path: Path, data: str | bytes) -> Result:
    """Name the mandatory blanks, then write the letter."""
    if draft.lacking:
        context.out.line(_("Mandatory, and for a person to fill in:"), "warn")
        for field in draft.lacking:
            context.out.line(f"  {field.label}")
    kept = keep(path, data)
    left = sum(not field.value for field in draft.fields)
    message = ngettext("{count} field is left for a person", "{count} fields are left for a person", left)
    found = {"file": str(kept), "entries": left, "blanks": [field.key for field in draft.lacking]}
    return Result(message=f"{kept}: {message.format(count=left)}", data=found)
