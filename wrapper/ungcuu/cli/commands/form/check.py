"""`form check`: the site's own templates of letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.core.errors import Exit
from ungcuu.core.i18n import _, ngettext
from ungcuu.run.verb import Context, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from ungcuu.report.forms import Form


def check(context: Context) -> Result:
    """Look at the template of each letter: what it leaves out, what it uses in vain, whether it can be filled in."""
    from ungcuu.hosts.reporting_site import folder_of
    from ungcuu.report.letter import DOCX, PAGE, template_of

    folder = folder_of(context.settings)
    faults: list[str] = []
    for draft, values in _empty(context):
        own = [path for ending in (DOCX, PAGE) if (path := template_of(draft.name, folder, ending)) is not None]
        if not own:
            context.out.line(f"{draft.name}: " + _("the template that comes with ungcuu"))
        for template in own:
            context.out.line(f"{draft.name}: {template}")
            faults += _faults(template, draft, values)
    for fault in faults:
        context.out.item("✗ " + fault, "bad")
    message = ngettext("{count} fault", "{count} faults", len(faults)).format(count=len(faults))
    if faults:
        return Result(Outcome.NOT_DONE, message, {"faults": faults}, Exit.NOT_VERIFIED)
    return Result(message=message, data={"faults": faults})


def _faults(template: Path, draft: Form, values: dict[str, Any]) -> list[str]:
    """What is wrong with a site's own template of a letter, in sentences."""
    from ungcuu.core.errors import ControllerFault
    from ungcuu.report.letter import PAGE, as_docx, as_page, faults_of

    try:
        lacking, unknown = faults_of(template, [field.key for field in draft.fields], values)
        if not unknown:
            (as_page if template.name.endswith(PAGE) else as_docx)(values, template)
    except ControllerFault as error:
        return [error.what]
    labels = {field.key: field.label for field in draft.fields}
    missing, needless = (
        _("{path} lacks: {name} ({label})"),
        _("{path} uses {name}, which the form {form} does not have"),
    )
    return [
        *(missing.format(path=template, name=key, label=labels[key]) for key in lacking),
        *(needless.format(path=template, name=key, form=draft.name) for key in unknown),
    ]


def _empty(context: Context) -> Iterator[tuple[Form, dict[str, Any]]]:
    """Each letter about nothing that is known: a template must stand that too."""
    from datetime import UTC, datetime
    from pathlib import Path

    from ungcuu.case.clocks import read_book
    from ungcuu.case.facts import Facts
    from ungcuu.hosts.reporting_site import load
    from ungcuu.prepare.register.store import Register
    from ungcuu.report.format import zone
    from ungcuu.report.forms import NAMES, Material, form
    from ungcuu.report.letter import Frame, context_of, filled
    from ungcuu.report.preparedness import letters
    from ungcuu.report.preparedness.plan import Scope, View
    from ungcuu.report.preparedness.proofs import Known

    present, site = datetime.now(UTC), load(context.settings)
    material = Material([], Facts(), site, read_book([], Facts(), present), present)
    for name in NAMES:
        yield (draft := form(name, material)), context_of(draft, material)
    view = View(Register(Path(), (), ()), Known(), Scope((), {}, {}), present, zone())
    for name in letters.NAMES:
        yield (draft := letters.empty(name, site, view)), filled(draft, Frame(site))
