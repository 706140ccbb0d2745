"""Letters on preparedness: they state what records prove, and what nobody could read is not called carried out."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from officeworld import AUDIT, Office
from preparedness_world import World, at, typed
from test_letters import HOSTILE, text_of
from test_report import ATTACKS

from ungcuu.case.case import open_case
from ungcuu.case.reporting_profile import load as load_profile
from ungcuu.cli.commands import form as commands
from ungcuu.core.atomic import put_new
from ungcuu.core.errors import ControllerFault, Exit, UsageFault
from ungcuu.core.i18n import in_language, set_language
from ungcuu.drill import scenario
from ungcuu.drill.simulation import described
from ungcuu.hosts.reporting_site import ReportingSite, load
from ungcuu.prepare import controls
from ungcuu.report import response_plan
from ungcuu.report.document import render
from ungcuu.report.forms import Form
from ungcuu.report.letter import Frame, as_docx, filled
from ungcuu.report.preparedness import drill_letter, letters, plan_letters, work_letters
from ungcuu.report.preparedness.period import Quarter, ReportingYear
from ungcuu.report.preparedness.proofs import Known

ROLES = Path(__file__).resolve().parents[3] / "roles"
QUARTER = Quarter(2026, 4)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    set_language("en")
    return Office(tmp_path_factory.mktemp("office"))


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


def drafts(office: Office) -> dict[str, Form]:
    """Each letter of the office, in the language in use."""
    site, view = load(office.settings), office.view()
    played = drill_letter.find(office.settings, f"drill/{office.played.id}")
    hosts = view.scope.hosts
    backups = {"newest": "", "drill": "", "alerts": []}
    return {
        "plan": plan_letters.plan(site, view, QUARTER),
        "annual": plan_letters.annual(site, view, ReportingYear(2026)),
        "drill": drill_letter.drill(site, played, described("webshell", {"page": "van-ban"})),
        "patch": work_letters.patch(
            site, view, QUARTER, hosts, work_letters.patches(office.settings, view, hosts, QUARTER)
        ),
        "audit": work_letters.audit(site, AUDIT, backups, "operations 15", controls.load(ROLES)),
        "scenario": response_plan.letter(scenario.load("ransomware"), site, [load_profile(n) for n in site.profiles]),
    }


def value(form: Form, key: str) -> str:
    return next(field.value for field in form.fields if field.key == key)


@pytest.mark.parametrize("spoken", ["vi", "en"])
@pytest.mark.parametrize("name", letters.NAMES)
def test_each_has_the_official_layout_in_both_languages(office: Office, name: str, spoken: str) -> None:
    with in_language(spoken):
        form = drafts(office)[name]
        values = filled(form, Frame(load(office.settings), ("Ban chỉ đạo",), drill=name == "drill"))
        text, page = text_of(as_docx(values)), render(values, "form.html.j2")
    for part in ("SỞ CÔNG THƯƠNG TỈNH VÍ DỤ", "TLP:AMBER", "GIÁM ĐỐC", "Ban chỉ đạo", "………………………………"):
        assert part in text and part in page, part
    title = {"vi": "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "en": "SOCIALIST REPUBLIC OF VIET NAM"}[spoken]
    assert title in text and "{{" not in text and "{%" not in text
    assert ("DIỄN TẬP" in text or "DRILL" in text) == (name == "drill")


def test_they_state_what_the_records_prove(office: Office) -> None:
    found = drafts(office)
    assert value(found["plan"], "p1").startswith("Carried out\nScan against")
    assert "lacking:" in value(found["plan"], "p6") and "not known:" in value(found["plan"], "d3")
    assert "Chi cục Quản lý thị trường (web02)" in value(found["plan"], "units")
    assert "UC-" in value(found["annual"], "incidents") and "not known: 2" in value(found["annual"], "personal_data")
    assert "webshell" in value(found["annual"], "drills") and "(not done)" in value(found["annual"], "drills")
    assert "3 people" in value(found["annual"], "awareness")
    assert "14 packages changed, 2 known vulnerabilities fixed" in value(found["patch"], "runs")
    assert "what was changed is not recorded" in value(found["patch"], "runs"), "web02 reported nothing"
    assert value(found["patch"], "without") == "web02" and "php8.4-fpm" in value(found["patch"], "open")
    assert value(found["audit"], "score").startswith("65 of 70")
    assert "Lê Bình, 31/01/2027" in value(found["audit"], "waived"), "as a letter writes a day"
    assert value(found["drill"], "verdict") == "done"
    assert "to contain: 3.4 s (target 10 min)" in value(found["drill"], "measured")
    assert "kind: T1505.003 Server Software Component: Web Shell" in value(found["drill"], "attacks")
    assert "effect: the web shell that answers" in value(found["drill"], "attacks")
    assert value(found["drill"], "process") == "response plan webshell: Web shell through a weak page"
    assert "/van-ban.php" in value(found["drill"], "attacks")
    assert {"people", "lessons"} <= {field.key for field in found["drill"].lacking}


def test_what_cant_be_read_is_neither_none_nor_carried_out(office: Office) -> None:
    """Seen failing with "None recorded" whatever was read."""
    view = office.view()
    blind = replace(view, known=Known(unread=("case UC-1 can't be read",)))
    for form in (
        plan_letters.plan(ReportingSite(), blind, QUARTER),
        plan_letters.annual(ReportingSite(), blind, ReportingYear(2026)),
    ):
        assert value(form, "incidents") == ""
    assert value(plan_letters.plan(ReportingSite(), blind, QUARTER), "p1").startswith("UNKNOWN")
    assert plan_letters.warnings(blind) == ("case UC-1 can't be read",)
    whole = replace(view, known=Known())
    assert value(plan_letters.annual(ReportingSite(), whole, ReportingYear(2026)), "incidents") == "None recorded"


def test_a_letter_holds_its_own_period_alone(office: Office) -> None:
    view = office.view()
    before = work_letters.patches(office.settings, view, view.scope.hosts, Quarter(2026, 2))
    assert before == []
    assert (
        ReportingYear(2026).first.isoformat() == "2025-12-15" and ReportingYear(2026).last.isoformat() == "2026-12-14"
    )


def test_the_drill_is_the_one_that_was_named(office: Office, tmp_path: Path) -> None:
    """A verdict is the program's; on an exercise of people it is left to them. A drill without its case says so."""
    newest = drill_letter.find(office.settings)
    assert newest.facts.drill and value(drill_letter.drill(ReportingSite(), newest, {}), "verdict") == ""
    with pytest.raises(UsageFault) as refused:
        drill_letter.find(office.settings, "UC-20200101-001")
    assert newest.case in refused.value.what
    lone = World(tmp_path / "lone")
    with at(3):
        lone.operations().append("drill", {"scenario": "webshell", "outcome": "NOT DONE", "error": "no lab"})
    played = drill_letter.find(lone.settings)
    form = drill_letter.drill(ReportingSite(), played, described("webshell"))
    assert drill_letter.doubts(played) and value(form, "actions") == "" and "no lab" in value(form, "verdict")


@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"controls": 1}'])
def test_an_audit_that_is_not_there_or_damaged_is_an_error(office: Office, content: bytes | None) -> None:
    folder = office.settings.host_dir("web09")
    if content is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "audit.json").write_bytes(content)
    with pytest.raises((ControllerFault, UsageFault)) as refused:
        work_letters.load_audit(office.settings, "web09")
    assert "ungcuu audit web09" in refused.value.fix
    with pytest.raises(UsageFault):
        work_letters.load_audit(office.settings, "../../etc")


@pytest.mark.parametrize("attack", [HOSTILE, *ATTACKS])
def test_hostile_text_alters_no_letter(tmp_path: Path, attack: str) -> None:
    """Titles of cases and results of hosts are text. Seen failing without `autoescape` of the letters' sandbox."""

    def shape(text: str) -> list[str]:
        world = World(tmp_path / str(len(text)) / str(hash(text)))
        with at(1):
            open_case(world.settings, ["web01"], text)
        form = plan_letters.annual(ReportingSite(), world.view(), ReportingYear(2026))
        body = Document(_file(as_docx(filled(form, Frame(ReportingSite()))))).element.body
        return [node.tag for node in body.iter()]

    assert shape(attack) == shape("harmless")


def _file(data: bytes) -> Any:
    import io

    return io.BytesIO(data)


def test_the_command_line_knows_the_same_addressees(office: Office) -> None:
    assert tuple(letters.TO) == commands.TO
    site = load(office.settings)
    assert letters.recipient(site, "unit-above") == "Ủy ban nhân dân tỉnh Ví Dụ"
    assert "……" in letters.recipient(ReportingSite(), "unit-above"), "nobody is invented"


def test_as_they_are_typed(office: Office, tmp_path: Path) -> None:
    """The plan's report is a proof of the plan's own row; a template of the site wins and is checked."""
    told = typed(office, "form", "plan", "--quarter", "4", "--format", "html", "--language", "en")
    assert "plan_document" in told["blanks"] and Path(told["file"]).read_text("utf-8").startswith("<!doctype html>")
    assert office.state("summary", now=datetime.now(UTC)).state == "ok"
    again = typed(office, "form", "plan", "--quarter", "4", "--format", "html")
    assert again["file"] != told["file"], "a letter that was drafted before is never overwritten"
    for words in (["annual"], ["drill"], ["patch", "web01"], ["audit", "web01"], ["scenario", "miner"]):
        path = Path(typed(office, "form", *words, "--output", str(tmp_path / f"{words[0]}.docx"))["file"])
        assert text_of(path.read_bytes())
    typed(office, "form", "drill", f"drill/{office.played.id}", "--output", str(tmp_path / "played.docx"))
    story = text_of((tmp_path / "played.docx").read_bytes())
    assert "Nhà thầu" in story and "contractor puts" not in story, "the letter's language, not the screen's"
    typed(office, "form", "patch", "web77", code=Exit.USAGE)
    typed(office, "form", "annual", "--year", "2099", code=Exit.USAGE)
    own = Document()
    own.add_paragraph("{{ field.score }} {{ field.nothing }}")
    own.save(str(office.inventory / "reporting" / "audit.docx"))
    faults = typed(office, "form", "check", code=Exit.NOT_VERIFIED)["faults"]
    (office.inventory / "reporting" / "audit.docx").unlink()
    assert any("field.nothing" in fault for fault in faults) and any("lacks: measures" in fault for fault in faults)


def _full(_fd: int, _data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_fills_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing with the file opened under its own name: an empty letter was left there."""
    writing: Callable[[int, bytes], int] = os.write
    monkeypatch.setattr(os, "write", _full)
    with pytest.raises(OSError, match="No space left"):
        put_new(tmp_path / "letter.docx", b"x" * 1000)
    monkeypatch.setattr(os, "write", writing)
    assert list(tmp_path.iterdir()) == []
    put_new(tmp_path / "letter.docx", b"mine")
    with pytest.raises(FileExistsError):
        put_new(tmp_path / "letter.docx", b"yours")
    assert (tmp_path / "letter.docx").read_bytes() == b"mine" and len(list(tmp_path.iterdir())) == 1
