"""Letters to the authorities: what is proven is filled in, the rest is a blank, a value is never more than text."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import letter_template
import pytest
from casebook import Book, clock_of, settings_in, write_case
from docx import Document
from test_report import ATTACKS, Reader

from ungcuu.case.case import Case, open_case
from ungcuu.case.clocks import read_book
from ungcuu.cli.registry import find_verb, with_defaults
from ungcuu.core.errors import ControllerFault, Exit
from ungcuu.core.i18n import set_language
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.hosts.reporting_site import ReportingSite, load
from ungcuu.report.document import render
from ungcuu.report.forms import NAMES, Material, form
from ungcuu.report.letter import as_docx, as_page, context_of
from ungcuu.run import flow

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
HOSTILE = "{{ 7*7 }}{% for x in y %}{%p endfor %}\f\a\t<w:br w:type='page'/></w:t>{ INCLUDETEXT x }&#x202e;\u202e]]>"


@pytest.fixture(autouse=True)
def language(request: pytest.FixtureRequest) -> Iterator[None]:
    set_language("vi")
    yield
    set_language("en")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A site that states all that the example of an inventory states."""
    folder = tmp_path / "inventory" / "reporting"
    folder.mkdir(parents=True)
    (folder / "site.yml").write_bytes((ROOT / "inventory/example/reporting/site.yml").read_bytes())
    return replace(settings_in(tmp_path / "state"), inventory=tmp_path / "inventory")


def material(case: Case, site: ReportingSite | None = None) -> Material:
    records, facts = case.records(), case.facts
    return Material(records, facts, site or load(case.settings), read_book(records, facts, NOW), NOW)


def letter(case: Case, name: str, template: Path | None = None) -> bytes:
    known = material(case)
    return as_docx(context_of(form(name, known), known), template)


def text_of(data: bytes) -> str:
    """All text of a document, with that of its headers and footers."""
    document = Document(io.BytesIO(data))
    section = document.sections[0]
    parts = [document.element.body, *(p._element for p in (section.first_page_header, section.header, section.footer))]
    return "\n".join("".join(node.itertext()) for part in parts for node in part.iter(f"{{{part.nsmap['w']}}}p"))


def run(settings: Settings, verb: list[str], **options: object) -> flow.Report:
    found = find_verb(verb)
    request = flow.Request(found, (), with_defaults(found, options))
    return flow.execute(request, settings, Screen(io.StringIO()), lambda *_: None)


def test_the_shipped_template_is_what_its_maker_makes() -> None:
    """Update: python wrapper/tests/tools/letter_template.py update."""
    made = io.BytesIO()
    letter_template.made().save(made)
    new, shipped = zipfile.ZipFile(made), zipfile.ZipFile(letter_template.PATH)
    assert new.namelist() == shipped.namelist()
    for name in new.namelist():
        assert new.read(name) == shipped.read(name), name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spoken", ["vi", "en"])
def test_a_letter_has_the_official_layout_and_invents_nothing(settings: Settings, name: str, spoken: str) -> None:
    """Decree 30/2020: A4, margins, national title; what nobody stated is a marked blank."""
    set_language(spoken)
    case = write_case(settings)
    data = letter(case, name)
    section, text = Document(io.BytesIO(data)).sections[0], text_of(data)
    assert [round(size.mm) for size in (section.page_width, section.page_height)] == [210, 297]
    assert [round(size.mm) for size in (section.top_margin, section.left_margin, section.right_margin)] == [20, 30, 20]
    wanted = {
        "vi": ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "Kính gửi:", "Nơi nhận:"),
        "en": ("SOCIALIST REPUBLIC OF VIET NAM", "Independence - Freedom - Happiness", "To:", "Recipients:"),
    }[spoken]
    for part in (*wanted, "SỞ CÔNG THƯƠNG TỈNH VÍ DỤ", "TLP:AMBER", "GIÁM ĐỐC", case.id):
        assert part in text, part
    assert text.count("………………………………") >= 2 and "{{" not in text and "{%" not in text


@pytest.mark.parametrize(("name", "symbol"), [("closing", "BC-SCT"), ("personal-data", "TB-SCT")])
def test_the_symbol_is_that_of_the_kind_of_document(settings: Settings, name: str, symbol: str) -> None:
    """Decree 30/2020, annex III. Seen failing: the notice on personal data had the symbol of a report."""
    case = write_case(settings)
    known = material(case)
    assert f"Số: ……/{symbol}" in text_of(letter(case, name))
    assert context_of(form(name, known), known)["number"] == f"Số: ……/{symbol}"


def test_each_of_several_recipients_stands_in_a_line_of_its_own(settings: Settings) -> None:
    """Decree 30/2020: a dash, a semicolon, a full stop at the end. Seen failing with one line for all of them."""
    known = material(write_case(settings))
    context = context_of(form("closing", known), known)
    names = context["recipients"]
    assert len(names) == 3
    wanted = [f"- {name}{'.' if name == names[-1] else ';'}" for name in names]
    lines = [paragraph.text for paragraph in Document(io.BytesIO(as_docx(context))).paragraphs]
    assert [line for line in lines if line in wanted] == wanted
    assert "<br>".join(wanted) in render(context, "form.html.j2")
    alone = {**context, "recipients": ["Công an tỉnh"]}
    assert "Kính gửi: Công an tỉnh" in text_of(as_docx(alone))
    assert "Kính gửi: Công an tỉnh</p>" in render(alone, "form.html.j2")


def test_the_drawing_of_a_letter_can_be_read_on_paper(settings: Settings) -> None:
    """Seen failing at the width of a screen: its labels were 5.7 points high. It follows the signature as an annex."""
    known = material(write_case(settings))
    context = context_of(form("closing", known), known)
    found = re.search(r'viewBox="0 0 (\d+) ', context["picture"])
    assert found and 12 * 160 / int(found[1]) / 0.3528 > 8
    places = [float(x) for x in re.findall(r'<rect x="([\d.]+)"', context["picture"])]
    assert places and max(places) < int(found[1])
    page = render(context, "form.html.j2")
    assert page.index('class="sign"') < page.index("Phụ lục: diễn biến sự cố") < page.index('class="draft"')


def test_what_no_one_stated_stays_blank_and_is_named_as_mandatory(settings: Settings) -> None:
    with clock_of():
        case = open_case(settings, ["web09"], "x")
    bare = material(case, ReportingSite())
    lacking = {field.key for field in form("initial", bare).lacking}
    assert {"organisation", "address", "contact", "operator", "way", "notified"} <= lacking
    told = form("personal-data", material(case))
    assert {"detected", "kinds", "count", "consequences"} <= {field.key for field in told.lacking}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("attack", [HOSTILE, *ATTACKS])
def test_hostile_text_alters_neither_page_nor_field(settings: Settings, name: str, attack: str) -> None:
    """Same structure as with harmless text: paragraphs, breaks, fields. Seen failing without `autoescape`, and with
    the gate that cleans values taken out (`\\f` made a new page).
    """

    def shape(data: bytes) -> list[int]:
        xml = zipfile.ZipFile(io.BytesIO(data)).read("word/document.xml").decode()
        return [len(re.findall(mark, xml)) for mark in ("<w:p[ >]", "<w:br[ /]", "<w:tab/", "instrText", "<w:tr[ >]")]

    with clock_of():
        harmless = letter(open_case(settings, ["web01"], "x", detected_by="y"), name)
        case = open_case(settings, ["web01"], f"x {attack}", detected_by=attack)
    hostile = letter(case, name)
    assert shape(hostile) == shape(harmless)
    assert attack != HOSTILE or "{{ 7*7 }}" in text_of(hostile)
    known = material(case)
    page = Reader(render(context_of(form(name, known), known), "form.html.j2"))
    tags = "html head meta title style body div b br i span h1 h2 p table tbody tr td"
    assert {tag for tag, _attrs in page.tags} <= set(tags.split())


def test_a_form_does_not_call_solved_what_is_not(settings: Settings) -> None:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        with Book(case, clock).run("isolate"):
            pass
        case = case.close("bàn giao", force=True)
    for name in NAMES[:3]:
        values = " ".join(field.value for field in form(name, material(case)).fields)
        assert "Chưa được xử lý xong; đang ngắt khỏi mạng: web01" in values and "trở lại" not in values


def test_the_course_of_events_is_drawn_where_there_is_one(settings: Settings) -> None:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x", detected_by="</svg><b>y")
        with Book(case, clock).run("isolate"):
            pass
    known = material(case)
    pages = {name: render(context_of(form(name, known), known), "form.html.j2") for name in NAMES}
    assert {name: page.count("<svg") for name, page in pages.items()} == {
        "initial": 0,
        "progress": 1,
        "closing": 1,
        "personal-data": 1,
    }
    assert "</svg><b>" not in pages["closing"]


def test_lost_root_and_a_drill_stand_above_the_letter(settings: Settings) -> None:
    """They are no part of what a person takes out before signing."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x", drill=True)
        Book(case, clock).report("root_lost", {"findings": ["a kernel module"], "since": "2026-11-22T01:00:00.000Z"})
    text = text_of(letter(Case(settings, case.id), "closing"))
    assert text.index("DIỄN TẬP") < text.index("a kernel module") < text.index("BÁO CÁO") < text.index("BẢN DỰ THẢO")


def own_template(settings: Settings, text: str, name: str = "initial") -> Path:
    assert settings.inventory is not None
    document = Document()
    document.add_paragraph(text)
    path = settings.inventory / "reporting" / f"{name}.docx"
    document.save(str(path))
    return path


def test_the_site_s_own_template_wins_and_form_check_names_what_it_lacks(settings: Settings) -> None:
    case = write_case(settings)
    own_template(settings, "Mẫu riêng: {{ field.description }} {{ organisation }}")
    report = run(settings, ["case", "form"], case_id=case.id, form="initial")
    assert report.code is Exit.OK, report.document
    text = text_of(Path(str(report.document["file"])).read_bytes())
    assert "Mẫu riêng: Liên kết cờ bạc" in text and "SỞ CÔNG THƯƠNG" in text
    report = run(settings, ["form", "check"])
    assert report.code is Exit.NOT_VERIFIED
    faults = " ".join(report.document["faults"])
    assert "detected" in faults and "description (" not in faults
    own_template(settings, "{% for row in fields %}{{ row.label }} {{ row.value }}{% endfor %}")
    assert run(settings, ["form", "check"]).code is Exit.OK


@pytest.mark.parametrize(
    "text",
    [
        "{{ nobody }}",
        "{{ field.nobody }}",
        "{% if %}",
        "{{ organisation.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
    ],
)
def test_a_template_that_asks_for_what_it_may_not_have_is_an_error(settings: Settings, text: str) -> None:
    """Seen failing with a plain environment instead of the sandbox: the last two gave the classes of Python."""
    case = write_case(settings)
    path = own_template(settings, text)
    with pytest.raises(ControllerFault, match=r"initial\.docx"):
        letter(case, "initial", path)
    report = run(settings, ["case", "form"], case_id=case.id, form="initial")
    assert report.code is Exit.CONTROLLER and not (case.folder / "documents").is_dir()


def own_page(settings: Settings, text: str, name: str = "letter") -> Path:
    assert settings.inventory is not None
    path = settings.inventory / "reporting" / f"{name}.html.j2"
    path.write_text(text, "utf-8")
    return path


def test_the_site_s_own_page_is_the_one_of_html_and_pdf(settings: Settings) -> None:
    """Seen failing with the page of ungcuu for each HTML, whatever the site brought."""
    case = write_case(settings)
    own_page(settings, "<p>Trang riêng: {{ field.description }}</p><i>{{ nobody }}</i>")
    report = run(settings, ["form", "check"])
    faults = " ".join(report.document["faults"])
    assert report.code is Exit.NOT_VERIFIED and "nobody" in faults and "detected" in faults
    report = run(settings, ["case", "form"], case_id=case.id, form="initial", format="html")
    assert report.code is Exit.CONTROLLER, "a name that it does not get is an error"
    own_page(settings, "<p>Trang riêng: {% for row in fields %}{{ row.value }} {% endfor %}</p>")
    assert run(settings, ["form", "check"]).code is Exit.OK
    report = run(settings, ["case", "form"], case_id=case.id, form="initial", format="html")
    page = Path(str(report.document["file"])).read_text("utf-8")
    assert page.startswith("<p>Trang riêng: ") and "Liên kết cờ bạc" in page and "CỘNG HÒA" not in page


def test_a_value_is_no_markup_in_the_site_s_own_page_either(settings: Settings) -> None:
    """Seen failing with a sandbox that does not escape."""
    case = write_case(settings)
    known = material(case)
    context = context_of(form("initial", known), known)
    page = as_page(context | {"case": "<script>x</script>\x1b[2J"}, own_page(settings, "{{ case }}"))
    assert page.startswith("&lt;script&gt;x&lt;/script&gt;") and "\x1b" not in page
    for text in ("{{ case.__class__.__mro__ }}", "{{ nobody }}", "{% if %}"):
        with pytest.raises(ControllerFault, match=r"letter\.html\.j2"):
            as_page(context, own_page(settings, text))


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_a_pdf_is_printed_from_the_site_s_own_docx(settings: Settings) -> None:
    case = write_case(settings)
    own_template(settings, "Mẫu riêng: {{ field.description }} {{ organisation }}")
    report = run(settings, ["case", "form"], case_id=case.id, form="initial", format="pdf")
    assert report.code is Exit.OK, report.document
    data = Path(str(report.document["file"])).read_bytes()
    assert data.startswith(b"%PDF-") and "LibreOffice".encode("utf-16-be").hex().upper().encode() in data


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04"])
def test_a_damaged_template_is_an_error(settings: Settings, content: bytes) -> None:
    case, path = write_case(settings), own_template(settings, "x")
    path.write_bytes(content)
    with pytest.raises(ControllerFault, match=r"initial\.docx"):
        letter(case, "initial", path)
    assert run(settings, ["form", "check"]).code is Exit.NOT_VERIFIED


def test_the_letter_speaks_its_own_language_whatever_the_screen_does(settings: Settings) -> None:
    case = write_case(settings)
    set_language("en")
    report = run(settings, ["case", "form"], case_id=case.id, form="closing", format="html")
    page = Path(str(report.document["file"])).read_text("utf-8")
    assert 'lang="vi"' in page and "BÁO CÁO" in page and "left for a person" in str(report.document["message"])


def test_what_was_sent_stands_in_the_next_letter(settings: Settings, tmp_path: Path) -> None:
    from ungcuu.case.reporting import file_sent

    case = write_case(settings, close=False)
    proof = tmp_path / "letter.pdf"
    proof.write_bytes(b"%PDF")
    file_sent(case, "notify-24h", proof, channel="post", when=datetime.now(UTC) - timedelta(minutes=1))
    values = {field.key: field.value for field in form("initial", material(Case(settings, case.id))).fields}
    assert "Công an tỉnh Ví Dụ" in values["notified"]
