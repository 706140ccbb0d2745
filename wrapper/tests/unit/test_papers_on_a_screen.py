"""What the commands on cases and the register show at 80 columns, in both languages, and the commands they name."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from officeworld import Office

from ungcuu.case import reporting
from ungcuu.case.case import find, open_case
from ungcuu.cli.registry import find_verb, with_defaults
from ungcuu.core import i18n
from ungcuu.core.errors import ControllerFault
from ungcuu.core.phrases import CaseTitle, phrase
from ungcuu.core.terminal import Screen, width
from ungcuu.report import board
from ungcuu.report.preparedness import page
from ungcuu.report.preparedness.plan import ROWS, standings
from ungcuu.run import flow

VERBS = ["status", "case status", "case list", "case deadlines", "case remind", "register due", "register list"]
WHAT = "program code where only media belong"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    i18n.set_language("en")
    yield Office(tmp_path)
    i18n.set_language("en")


def shown(office: Office, verb: str, **options: object) -> list[str]:
    found, out = find_verb(verb.split()), Terminal()
    request = flow.Request(found, (), with_defaults(found, options))
    screen = Screen(out, colour=False)
    report = flow.execute(request, office.settings, screen, lambda *_: None)
    screen.block(report.document.get("message") or "")
    return out.getvalue().splitlines()


def failed(office: Office, verb: str, **options: object) -> dict[str, str]:
    found = find_verb(verb.split())
    request = flow.Request(found, (), with_defaults(found, options))
    error: dict[str, str] = flow.execute(request, office.settings, Screen(io.StringIO()), lambda *_: None).document[
        "error"
    ]
    return error


@pytest.mark.parametrize("language", ["en", "vi"])
@pytest.mark.parametrize("verb", VERBS)
def test_no_line_is_wider_than_the_terminal(office: Office, verb: str, language: str) -> None:
    """The terminal broke words, and columns stood below each other. Seen failing for each verb in both languages."""
    i18n.set_language(language)
    lines = shown(office, verb)
    assert lines and not [line for line in lines if width(line) > 80]


def test_a_telephone_number_stays_in_one_line(office: Office) -> None:
    """Seen failing without the held gaps: the number that somebody has to dial was in two lines."""
    text = "\n".join(shown(office, "case deadlines"))
    assert text.count("0200 000 002") == 3


def test_the_commands_of_what_is_due_work_as_they_stand(office: Office) -> None:
    """Seen failing without ``as_typed``: typed elsewhere, they spoke of another inventory or of none."""
    office.settings = replace(office.settings, typed_inventory="my site")
    lines = [line.strip() for line in shown(office, "register due") if "ungcuu " in line]
    assert lines and all("ungcuu -i 'my site' " in line for line in lines)
    assert any("ungcuu -i 'my site' collect web01" in line for line in shown(office, "case status"))


def test_a_missing_proof_of_sending_names_the_command(office: Office) -> None:
    """Seen failing without the third part of the error."""
    with pytest.raises(ControllerFault) as caught:
        reporting.file_sent(
            office.incident, "notify-24h", Path("/nowhere/812.pdf"), channel="post", when=datetime.now(UTC)
        )
    assert caught.value.fix == f"ungcuu case sent {office.incident.id} notify-24h FILE --channel TEXT"


@pytest.mark.parametrize(
    ("title", "en", "vi"),
    [
        (phrase(CaseTitle.ISOLATED), "Isolation of the host was ordered", "Đã có lệnh cô lập máy chủ"),
        (phrase(CaseTitle.FOUND, title=WHAT, place="/a.php"), f"{WHAT}: /a.php", ""),
        ("Chữ của người mở hồ sơ", "Chữ của người mở hồ sơ", "Chữ của người mở hồ sơ"),
    ],
)
def test_a_title_that_nobody_typed_is_in_the_reader_s_language(
    office: Office, title: str | dict[str, object], en: str, vi: str
) -> None:
    """It stayed in the language of who opened the case. Seen failing with the text alone in the record."""
    case = open_case(office.settings, ["web02"], title)
    drawn = board.pages(office.view(), office.settings, "vi")
    assert find(office.settings, case.id).facts.title == en
    assert en in drawn["en/index.html"]
    i18n.set_language("vi")
    title = find(office.settings, case.id).facts.title
    assert title == (vi or f"{i18n._(WHAT)}: /a.php") and (title != en or isinstance(title, str))
    assert title in drawn["vi/index.html"]


def test_a_case_of_an_earlier_release_keeps_its_title(office: Office) -> None:
    case = open_case(office.settings, ["web02"], "Isolation of the host was ordered")
    assert "title_code" not in case.records()[0].data
    assert case.facts.title == "Isolation of the host was ordered"


def test_how_many_more_decide_a_row_is_said_in_words(office: Office) -> None:
    """Seen failing with "(+1)", which no director reads."""
    found = standings(office.view())
    rows = {code: page.row_at_a_glance(office.view(), found, code)["deciding"] for code in ROWS}
    assert rows["P1"].endswith(" and 1 more") and not [text for text in rows.values() if "(+" in text]


def test_a_template_that_is_not_used_or_does_not_work_is_named_in_the_reader_s_language(office: Office) -> None:
    """Seen failing: a PDF left the site's own template out without a word, and the fault was told in the letter's."""
    template = office.inventory / "reporting" / "initial.docx"
    template.write_bytes(b"no document")
    known = {"case_id": office.incident.id, "form": "initial", "language": "vi"}
    lines = shown(office, "case form", **known, format="html")
    assert "initial.docx is not used for this letter" in " ".join(lines)
    assert failed(office, "case form", **known, format="docx")["what"].startswith("The template ")


def test_every_paper_that_fails_names_what_to_type_next(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing: two of them named nothing, and where the disk was full another name in the same folder."""
    assert failed(office, "register import", file="/nowhere/t.csv")["next"] == "ungcuu register import FILE"
    assert failed(office, "case deadlines", ics="/nowhere/d.ics")["next"] == "ungcuu case deadlines --ics FILE"

    def full(path: Path, _text: str | bytes) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("ungcuu.core.atomic.put_new", full)
    wanted = {"case_id": office.incident.id, "form": "initial", "output": "/srv/papers/initial.docx"}
    assert failed(office, "case form", **wanted)["next"] == "df -h /srv/papers"


def test_a_case_that_is_opened_names_a_command_that_works(office: Office) -> None:
    """Seen failing without ``as_typed``: "Next: ungcuu isolate" was of another inventory."""
    office.settings = replace(office.settings, typed_inventory="elsewhere")
    verb = find_verb(["case", "open"])
    request = flow.Request(verb, ("web02",), with_defaults(verb, {"title": "x"}))
    told = flow.execute(request, office.settings, Screen(io.StringIO()), lambda *_: None).document["message"]
    assert str(told).endswith("Next: ungcuu -i elsewhere isolate web02")
