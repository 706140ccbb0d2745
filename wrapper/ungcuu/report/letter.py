"""A form as a letter that an official signs: DOCX, PDF and HTML with the layout of Nghị định 30/2020/NĐ-CP.

1. Values are text: no value becomes a field, a page break, markup or code, whoever wrote it.
2. A blank is marked as one; nothing is invented.
3. The site's own template wins. It is run in a sandbox, and a name that it does not get is an error, not a gap.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from ungcuu.core.errors import ControllerFault
from ungcuu.core.i18n import _, language
from ungcuu.core.templates import letter_environment
from ungcuu.core.terminal import clean
from ungcuu.hosts.reporting_site import ROLES, ReportingSite
from ungcuu.report.chart import PRINTED
from ungcuu.report.forms import Form, Material
from ungcuu.report.model import tlp_of
from ungcuu.report.overview import picture, root_lost

BLANK = "………………………………"
# Nghị định 30/2020, Phụ lục III: which letters stand for the kind of a document. All others are reports (BC).
_KINDS = {"personal-data": "TB", "drill": "BB", "scenario": "PA"}
_FIELD = re.compile(r"\bfield\.([a-z_]+)")
DOCX, PAGE = ".docx", ".html.j2"  # what a site's own template ends with


@dataclass(frozen=True)
class Frame:
    """What stands around the fields of a letter: who sends it to whom, its marking, and what is doubtful about it.

    ``case`` names what it is about; ``drill`` is said above the title, like ``lost``: hosts on which root was lost.
    ``picture`` is the course of events, drawn; a DOCX goes without.
    """

    site: ReportingSite
    recipients: tuple[str, ...] = ()
    tlp: str = "AMBER"
    case: str = ""
    drill: bool = False
    lost: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    picture: str = ""


def frame_of(form: Form, material: Material) -> Frame:
    """Return the frame of a case's letter: its recipients are those of the stages that ask for this form."""
    facts, clocks = material.facts, material.clocks
    roles = dict.fromkeys(
        role for clock in clocks.clocks if clock.stage.form == form.name for role in clock.stage.recipients
    )
    known = {role: material.site.of(role) for role in roles}
    return Frame(
        site=material.site,
        recipients=tuple(contact.name if contact else f"{_(ROLES[role])} {BLANK}" for role, contact in known.items()),
        tlp=tlp_of(facts),
        case=facts.case,
        drill=facts.drill,
        lost=tuple(row["text"] for row in root_lost(facts) if row["tone"] == "bad"),
        warnings=(*clocks.doubts, *clocks.notes),
        # The first notice goes out when there is hardly anything to draw yet.
        picture="" if form.name == "initial" else picture(facts, material.runs, PRINTED),
    )


def context_of(form: Form, material: Material) -> dict[str, Any]:
    """Return everything that a template of a case's letter is given. Pure but for the language in use."""
    return filled(form, frame_of(form, material))


def filled(form: Form, frame: Frame) -> dict[str, Any]:
    """Return everything that a template of a letter is given. Pure but for the language in use."""
    own = frame.site.organisation
    rows = [
        {"key": field.key, "label": field.label, "needed": field.needed, "value": field.value, "blank": not field.value}
        for field in form.fields
    ]
    return {
        "lang": language(),
        "tlp": frame.tlp,
        "case": frame.case,
        "drill": _("DRILL: not a real incident") if frame.drill else "",
        "kind": form.kind,
        "subject": form.subject,
        "source": form.source,
        "above": own.above.upper(),
        "organisation": own.name.upper() or BLANK,
        "number": _("No.: ……/{symbol}").format(symbol=_symbol(form.name, own.symbol) or "……"),
        "state": _("SOCIALIST REPUBLIC OF VIET NAM"),
        "motto": _("Independence - Freedom - Happiness"),
        "place_and_day": _("{place}, day …… month …… year ……").format(place=own.place or "……"),
        "to_label": _("To:"),
        "recipients": list(frame.recipients) or [BLANK],
        "fields": rows,
        "field": {row["key"]: row["value"] or BLANK for row in rows},
        "blank": BLANK,
        "needed_note": _("(*) mandatory"),
        "copies_label": _("Recipients:"),
        "copies": [_("as above;"), _("archive.")],
        "signer_title": own.signer_title.upper() or BLANK,
        "sign_note": _("(signature, full name, seal)"),
        "signer": own.signer,
        "draft": _("DRAFT: an authorised person checks, completes, signs and sends it. Take this part out then."),
        "root_lost": list(frame.lost),
        "picture_label": _("Annex: course of events"),
        "picture": frame.picture,
        "warnings": list(frame.warnings),
    }


def _symbol(name: str, stated: str) -> str:
    """The symbol of a document: the site states that of its reports, and a notice or a record has its own letters."""
    kind, dash, office = stated.partition("-")
    return f"{_KINDS[name]}-{office}" if kind.strip() == "BC" and dash and name in _KINDS else stated


def template_of(name: str, folder: Path | None, ending: str = DOCX) -> Path | None:
    """Return the site's own template of a form, else its own for all letters; None where it has none.

    ``ending`` is ``DOCX``, or ``PAGE`` for the one of HTML and PDF.
    """
    if folder is None:
        return None
    return next((path for path in (folder / f"{name}{ending}", folder / f"letter{ending}") if path.exists()), None)


def as_docx(context: Mapping[str, Any], template: Path | None = None) -> bytes:
    """Return the letter as DOCX.

    Raises:
        ControllerFault: The template can't be read, or asks for something that it does not get.
    """
    from docxtpl import DocxTemplate
    from jinja2 import TemplateError

    try:
        letter = DocxTemplate(io.BytesIO(_template_bytes(template)))
        letter.render(dict(context), letter_environment())  # escapes each value
        made = io.BytesIO()
        letter.save(made)
    except (TemplateError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise _unusable(template, str(error)) from error
    return made.getvalue()


def as_page(context: Mapping[str, Any], template: Path) -> str:
    """Return the letter as HTML by a site's own template.

    Raises:
        ControllerFault: The template can't be read, or asks for something that it does not get.
    """
    from jinja2 import TemplateError

    try:
        return letter_environment().from_string(_template_bytes(template).decode()).render(context)
    except (TemplateError, ValueError, TypeError) as error:
        raise _unusable(template, str(error)) from error


def faults_of(template: Path, fields: Sequence[str], context: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return which fields of a form a template leaves out, and which names it uses that no letter has.

    Raises:
        ControllerFault: It can't be read as a template.
    """
    from jinja2 import TemplateError

    try:
        text, asked = _source_of(template)
    except (TemplateError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise _unusable(template, str(error)) from error
    used = set(_FIELD.findall(text))
    lacking = [] if "fields" in asked else [key for key in fields if key not in used]
    unknown = sorted({*(asked - set(context)), *(f"field.{key}" for key in used - set(fields))})
    return lacking, unknown


def _source_of(template: Path) -> tuple[str, set[str]]:
    """The text of a template, and the names that it asks for."""
    from docxtpl import DocxTemplate
    from jinja2.meta import find_undeclared_variables

    data = _template_bytes(template)
    if template.name.endswith(PAGE):
        return (text := data.decode()), find_undeclared_variables(letter_environment().parse(text))
    letter = DocxTemplate(io.BytesIO(data))
    letter.init_docx()
    return letter.patch_xml(letter.get_xml()), letter.get_undeclared_template_variables(letter_environment())


def _template_bytes(template: Path | None) -> bytes:
    if template is None:
        return resources.files("ungcuu").joinpath("templates", "letter.docx").read_bytes()
    try:
        return template.read_bytes()
    except OSError as error:
        raise _unusable(template, error.strerror or str(error)) from error


def _unusable(template: Path | None, why: str) -> ControllerFault:
    return ControllerFault(
        _("The template {path} can't be used: {why}").format(path=template or "letter.docx", why=clean(why, 300)),
        _("No letter was written."),
        "ungcuu form check",
    )
