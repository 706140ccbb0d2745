"""Makes the shipped template of letters: ``python wrapper/tests/tools/letter_template.py update``.

Sizes and margins are those of Nghị định 30/2020/NĐ-CP, Phụ lục I: A4, top and bottom 20 mm, left 30 mm, right 20 mm,
Times New Roman; page numbers in the middle of the top margin from the second page on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

PATH = Path(__file__).resolve().parents[2] / "ungcuu" / "templates" / "letter.docx"
FONT = "Times New Roman"
GREY, RED = RGBColor(0x6B, 0x6B, 0x6B), RGBColor(0xB3, 0x26, 0x1E)


def made() -> Any:
    """Return the template."""
    document = Document()
    document.core_properties.author, document.core_properties.comments = "ungcuu", ""
    _page(document)
    _head(document)
    _body(document)
    _foot(document)
    return document


def _page(document: Any) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(20), Mm(20)
    section.left_margin, section.right_margin = Mm(30), Mm(20)
    section.header_distance = section.footer_distance = Mm(9)
    section.different_first_page_header_footer = True
    style = document.styles["Normal"]
    style.font.name, style.font.size = FONT, Pt(13)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), FONT)
    style.paragraph_format.space_after = Pt(0)
    number = section.header.paragraphs[0]
    number.alignment = ALIGN.CENTER
    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        run = number.add_run()
        part = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            part.set(qn("w:fldCharType"), kind)
        else:
            part.text = text
        run._r.append(part)
    for place in (section.first_page_header, section.first_page_footer, section.footer):
        _run(_align(place.paragraphs[0], ALIGN.RIGHT), "TLP:{{ tlp }}", 12, bold=True)
    _run(_align(section.header.add_paragraph(), ALIGN.RIGHT), "TLP:{{ tlp }}", 12, bold=True)


def _head(document: Any) -> None:
    table = document.add_table(1, 2)
    table.autofit = False
    left, right = table.rows[0].cells
    _widths(table, 67, 93)
    _no_padding(table)
    lines = (
        (left, "{%p if above %}", 12, {}),
        (left, "{{ above }}", 12, {}),
        (left, "{%p endif %}", 12, {}),
        (left, "{{ organisation }}", 12, {"bold": True}),
        (left, "", 4, {"rule": 20}),
        (left, "{{ number }}", 13, {}),
        (right, "{{ state }}", 12, {"bold": True}),
        (right, "{{ motto }}", 13, {"bold": True}),
        (right, "", 4, {"rule": 20}),
        (right, "{{ place_and_day }}", 13, {"italic": True}),
    )
    for cell, text, size, how in lines:
        first = not cell.paragraphs[0].runs and len(cell.paragraphs) == 1 and not cell.paragraphs[0].text
        paragraph = _align(cell.paragraphs[0] if first else cell.add_paragraph(), ALIGN.CENTER)
        _run(paragraph, text, size, bold=bool(how.get("bold")), italic=bool(how.get("italic")))
        if "rule" in how:
            _rule(paragraph, how["rule"])


def _body(document: Any) -> None:
    _line(document, "{%p if drill %}", 13)
    _line(document, "{{ drill }}", 13, bold=True, colour=RED)
    _line(document, "{%p endif %}", 13)
    _line(document, "{%p for text in root_lost %}", 13)
    _line(document, "{{ text }}", 13, bold=True, colour=RED)
    _line(document, "{%p endfor %}", 13)
    _line(document, "{{ kind }}", 14, bold=True, before=14)
    _line(document, "{{ subject }}", 14, bold=True)
    _rule(_line(document, "", 4), 60)
    _line(document, "{%p if source %}", 11)
    _line(document, "({{ source }})", 11, italic=True)
    _line(document, "{%p endif %}", 11)
    _line(document, "{%p if recipients | length == 1 %}", 14)
    _line(document, "{{ to_label }} {{ recipients[0] }}", 14, before=8)
    _line(document, "{%p else %}", 14)
    _indented(_line(document, "{{ to_label }}", 14, align=ALIGN.LEFT, before=8), 22)
    _line(document, "{%p for one in recipients %}", 14)
    _indented(_line(document, "- {{ one }}{% if loop.last %}.{% else %};{% endif %}", 14, align=ALIGN.LEFT), 44)
    _line(document, "{%p endfor %}", 14)
    _line(document, "{%p endif %}", 14)
    _line(document, "", 6)
    table = document.add_table(4, 2)
    table.style = "Table Grid"
    table.autofit = False
    _cells(table.rows[0], "{%tr for row in fields %}", "")
    _cells(table.rows[1], "", "")
    label, value = table.rows[1].cells
    _run(label.paragraphs[0], "{{ row.label }}{% if row.needed %} (*){% endif %}", 13)
    _run(value.paragraphs[0], "{% if not row.blank %}{{ row.value }}{% endif %}", 13)
    _run(value.paragraphs[0], "{% if row.blank %}{{ blank }}{% endif %}", 13, colour=GREY)
    for cell in (label, value):
        cell.paragraphs[0].paragraph_format.space_before = cell.paragraphs[0].paragraph_format.space_after = Pt(2)
    _cells(table.rows[2], "{%tr endfor %}", "")
    _cells(table.rows[3], "", "")
    table._tbl.remove(table.rows[3]._tr)
    _widths(table, 66, 94)
    _line(document, "{{ needed_note }}", 11, italic=True, align=ALIGN.LEFT)


def _foot(document: Any) -> None:
    _line(document, "", 8)
    table = document.add_table(1, 2)
    table.autofit = False
    left, right = table.rows[0].cells
    _widths(table, 75, 85)
    table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))  # a name does not stand alone on a page
    _run(left.paragraphs[0], "{{ copies_label }}", 12, bold=True, italic=True)
    for text in ("{%p for line in copies %}", "- {{ line }}", "{%p endfor %}"):
        _run(left.add_paragraph(), text, 11)
    _run(_align(right.paragraphs[0], ALIGN.CENTER), "{{ signer_title }}", 13, bold=True)
    _run(_align(right.add_paragraph(), ALIGN.CENTER), "{{ sign_note }}", 12, italic=True)
    for _number in range(4):
        _run(right.add_paragraph(), "", 13)
    _run(_align(right.add_paragraph(), ALIGN.CENTER), "{{ signer }}", 13, bold=True)
    _line(document, "{{ draft }}", 11, italic=True, colour=RED, align=ALIGN.LEFT, before=16)
    _line(document, "{%p for text in warnings %}", 11)
    _line(document, "– {{ text }}", 11, italic=True, colour=RED, align=ALIGN.LEFT)
    _line(document, "{%p endfor %}", 11)


def _widths(table: Any, *millimetres: float) -> None:
    """Set the widths of columns: Word reads those of the cells, LibreOffice those of the grid."""
    for column, width in zip(table.columns, millimetres, strict=True):
        column.width = Mm(width)
        for cell in column.cells:
            cell.width = Mm(width)


def _no_padding(table: Any) -> None:
    """Let text use the whole width of a cell: the national title fits one line."""
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        part = OxmlElement(f"w:{side}")
        part.set(qn("w:w"), "0")
        part.set(qn("w:type"), "dxa")
        margins.append(part)
    table._tbl.tblPr.append(margins)


def _cells(row: Any, *texts: str) -> None:
    for cell, text in zip(row.cells, texts, strict=True):
        cell.paragraphs[0].text = text


def _line(
    document: Any,
    text: str,
    size: float,
    *,
    bold: bool = False,
    italic: bool = False,
    colour: RGBColor | None = None,
    align: Any = ALIGN.CENTER,
    before: float = 0,
) -> Any:
    paragraph = _align(document.add_paragraph(), align)
    paragraph.paragraph_format.space_before = Pt(before)
    _run(paragraph, text, size, bold=bold, italic=italic, colour=colour)
    return paragraph


def _align(paragraph: Any, align: Any) -> Any:
    paragraph.alignment = align
    return paragraph


def _run(
    paragraph: Any, text: str, size: float, *, bold: bool = False, italic: bool = False, colour: RGBColor | None = None
) -> None:
    run = paragraph.add_run(text)
    run.font.name, run.font.size, run.bold, run.italic = FONT, Pt(size), bold, italic
    if colour is not None:
        run.font.color.rgb = colour


def _indented(paragraph: Any, millimetres: float) -> None:
    paragraph.paragraph_format.left_indent = Mm(millimetres)


def _rule(paragraph: Any, indent_mm: float) -> None:
    """A line below the paragraph, so far from both edges."""
    paragraph.paragraph_format.left_indent = paragraph.paragraph_format.right_indent = Mm(indent_mm)
    borders, line = OxmlElement("w:pBdr"), OxmlElement("w:top")
    for name, value in (("val", "single"), ("sz", "6"), ("space", "1"), ("color", "000000")):
        line.set(qn(f"w:{name}"), value)
    borders.append(line)
    paragraph._p.get_or_add_pPr().insert_element_before(borders, "w:shd", "w:tabs", "w:spacing", "w:ind", "w:jc")


if __name__ == "__main__" and sys.argv[1:] == ["update"]:
    made().save(str(PATH))
