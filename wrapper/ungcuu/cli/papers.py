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
    """Return a letter in the form that was asked for, by the site's own template where it has one.

    A PDF is printed from the page that the HTML is, or, by a site's own DOCX, with LibreOffice. ``values`` are in the
    letter's language; what goes wrong here is said in the screen's.
    """
    from ungcuu.hosts.reporting_site import folder_of
    from ungcuu.report.document import print_docx, print_pdf, render
    from ungcuu.report.letter import PAGE, as_docx, as_page, template_of

    wanted, folder = context.options["format"], folder_of(context.settings)
    template, page = template_of(name, folder), template_of(name, folder, PAGE)
    if wanted == "docx":
        return as_docx(values, template)
    if page is None and template is not None:
        printed = print_docx(as_docx(values, template)) if wanted == "pdf" else None
        if printed is not None:
            return printed
        _say_not_used(context, template)
    text = render(values, "form.html.j2") if page is None else as_page(values, page)
    return text if wanted == "html" else print_pdf(text)


def _say_not_used(context: Context, template: Path) -> None:
    """Say that a letter does not have the layout of the site's own template, and what would help."""
    said = _("{path} is not used for this letter, which has the layout of ungcuu.").format(path=template)
    if context.options["format"] == "pdf":
        helps = _("With LibreOffice installed it is: apt install libreoffice-writer-nogui")
    else:
        helps = _("A page needs a template of its own: {path}").format(path=template.with_suffix(".html.j2"))
    context.out.prose(f"{said} {helps}", "warn")


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
