"""`form`: the site's own templates of letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.core.errors import Exit
from ungcuu.core.i18n import N_, _, ngettext
from ungcuu.run.verb import Context, Hosts, Outcome, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.report.forms import Material


def _check(context: Context) -> Result:
    """Look at the template of each form: what it leaves out, what it uses in vain, whether it can be filled in."""
    from ungcuu.core.errors import ControllerFault
    from ungcuu.hosts.reporting_site import folder_of
    from ungcuu.report.forms import NAMES, form
    from ungcuu.report.letter import as_docx, context_of, faults_of, template_of

    folder, material = folder_of(context.settings), _empty(context)
    faults: list[str] = []
    for name in NAMES:
        template, draft = template_of(name, folder), form(name, material)
        if template is None:
            context.out.line(f"{name}: " + _("the template that comes with ungcuu"))
            continue
        context.out.line(f"{name}: {template}")
        values = context_of(draft, material)
        try:
            lacking, unknown = faults_of(template, [field.key for field in draft.fields], values)
            if not unknown:
                as_docx(values, template)
        except ControllerFault as error:
            faults.append(error.what)
            continue
        labels = {field.key: field.label for field in draft.fields}
        faults += [_("{path} lacks: {name} ({label})").format(path=template, name=k, label=labels[k]) for k in lacking]
        message = _("{path} uses {name}, which the form {form} does not have")
        faults += [message.format(path=template, name=k, form=name) for k in unknown]
    for fault in faults:
        context.out.line("✗ " + fault, "bad")
    message = ngettext("{count} fault", "{count} faults", len(faults)).format(count=len(faults))
    if faults:
        return Result(Outcome.NOT_DONE, message, {"faults": faults}, Exit.NOT_VERIFIED)
    return Result(message=message, data={"faults": faults})


def _empty(context: Context) -> Material:
    """A case in which nothing is known: a template must stand that too."""
    from datetime import UTC, datetime

    from ungcuu.case.clocks import read_book
    from ungcuu.case.facts import Facts
    from ungcuu.hosts.reporting_site import load
    from ungcuu.report.forms import Material

    present = datetime.now(UTC)
    return Material([], Facts(), load(context.settings), read_book([], Facts(), present), present)


VERB = Verb(
    name="form",
    phase=Phase.REVIEW,
    summary=N_("Check the site's own templates of letters"),
    hosts=Hosts.NONE,
    verbs=(
        Verb(
            name="check",
            phase=Phase.REVIEW,
            summary=N_("Name the fields that a template of the site leaves out, or uses in vain"),
            hosts=Hosts.NONE,
            run=_check,
            read_only=True,
            takes_lock=False,
            journaled=False,
            steps_before=(
                N_("Read each DOCX template in the folder reporting of the inventory"),
                N_("Compare its fields with those of the form, and fill it in once"),
            ),
            examples=("ungcuu form check",),
        ),
    ),
)
