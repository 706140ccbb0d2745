"""How each row of the plan stands: only a record proves, and what nobody could read is UNKNOWN."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from casebook import settings_in
from preparedness_world import TODAY, World, at, world

from ungcuu.case import lessons
from ungcuu.case.case import find, open_case
from ungcuu.core import i18n
from ungcuu.report import board
from ungcuu.report.format import shown_place
from ungcuu.report.preparedness import page, plan
from ungcuu.report.preparedness.due import due, in_words
from ungcuu.report.preparedness.plan import LAPSED, NEVER, NONE, OK, SOON, UNKNOWN

# --- what proves ----------------------------------------------------------------------------------------------------

__all__ = ["world"]  # a fixture


@pytest.mark.parametrize(("ago", "state"), [(0, OK), (5, OK), (6, SOON), (7, SOON), (8, LAPSED)])
def test_a_proof_lapses_on_its_day(world: World, ago: int, state: str) -> None:
    world.run("scan", ago=ago)
    found = world.state("scan", "web01")
    assert (found.state, found.age, found.lapses) == (state, ago, TODAY + timedelta(days=7 - ago))
    assert found.place == "operations 2"
    assert world.state("scan", "web02").state == NEVER


def test_each_website_of_a_host_has_proofs_of_its_own(world: World) -> None:
    """A scan of one website says nothing of the other; packages are the host's."""
    world.websites = {"web01": ("web01/portal", "web01/gia")}
    world.run("scan", "web01/portal")
    world.run("patch", "web01")
    about = {(one.requirement.key, one.host): one.state for one in plan.standings(world.view()) if one.host}
    assert about["scan", "web01/portal"] == OK and about["scan", "web01/gia"] == NEVER
    assert about["patch", "web01"] == OK and ("scan", "web01") not in about and ("patch", "web01/gia") not in about
    assert about["backup", "web01/gia"] == UNKNOWN and about["scan", "web02"] == NEVER
    rows = board._hosts(world.view(), plan.standings(world.view()))
    assert [row["name"] for row in rows] == ["web01/portal", "web01/gia", "web02"]
    assert {len(row["cells"]) for row in rows} == {5}


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("operations 6", "nhật ký vận hành, bản ghi 6"),
        ("UC-20261122-001 7", "UC-20261122-001, bản ghi 7"),
        ("drill/UC-20261122-001 7", "diễn tập UC-20261122-001, bản ghi 7"),
        ("restore point 4f2a 6", "restore point 4f2a 6"),
        ("awareness-2026-01", "awareness-2026-01"),
    ],
)
def test_where_a_record_stands_is_said_in_words(place: str, shown: str) -> None:
    with i18n.in_language("vi"):
        assert shown_place(place) == shown


@pytest.mark.parametrize("outcome", ["NOT DONE", "UNKNOWN"])
def test_a_run_that_was_not_done_proves_nothing_and_is_named(world: World, outcome: str) -> None:
    """Seen failing with the outcome left out of ``_by_tool``."""
    world.run("patch", outcome=outcome)
    found = world.state("patch", "web01")
    assert found.state == NEVER and "journal of operations, record 2" in found.detail
    world.run("patch", ago=0.5)
    world.run("patch", ago=0.2, outcome=outcome)
    found = world.state("patch", "web01")
    assert found.state == OK and "journal of operations, record 6" in found.detail


def test_a_rolled_back_patch_and_a_run_of_the_lab_prove_nothing(world: World, tmp_path: Path) -> None:
    """The lab's web01 has the site's name. Seen failing without ``_same_site``, and without ``rolled_back``."""
    lab = tmp_path / "lab"
    lab.mkdir()
    world.run("patch", options={"rollback": "last"})
    world.run("scan", inventory=str(lab))
    assert world.state("patch", "web01").state == NEVER
    assert world.state("scan", "web01").state == NEVER
    world.run("scan", inventory=str(tmp_path / "renamed since"))
    assert world.state("scan", "web01").state == OK


def test_a_clock_set_back_is_unknown(world: World) -> None:
    """Seen failing without the comparison with today: a proof from the future held for years."""
    world.run("scan", ago=-40)
    world.add("awareness", title="x", date="2027-03-01")
    for found in (world.state("scan", "web01"), world.state("awareness")):
        assert found.state == UNKNOWN and "future" in found.detail


def test_a_journal_that_cant_be_read_makes_what_depends_on_it_unknown(world: World) -> None:
    """Seen failing without ``_doubt``: a row was "never done" because nobody could look."""
    world.run("scan", ago=20)
    world.add("meeting", title="họp", date="2026-01-02")
    case = open_case(world.settings, ["web02"], "x")
    (case.folder / "journal.jsonl").write_text("{}\n", "utf-8")
    view = world.view()
    assert any(case.id in text for text in view.known.unread)
    assert world.state("scan", "web01").state == UNKNOWN  # a newer scan may stand there
    assert world.state("scan", "web02").state == UNKNOWN
    assert world.state("lessons").state == UNKNOWN
    assert world.state("meeting").state == LAPSED  # of people: that was read
    (world.inventory / "register" / "meeting-002.yml").write_text("title: x\n", "utf-8")
    assert world.state("meeting").state == UNKNOWN
    text = page.render(world.view(), page.Quarter(2026, 4))
    assert case.id in text and "meeting-002.yml" in text


def test_rows_of_an_earlier_form_are_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update without a new version number. Seen failing without the form in the index's key."""
    monkeypatch.setattr("ungcuu.prepare.register.index.YOUNG_SECONDS", -1.0)
    world.run("scan")
    monkeypatch.setattr("ungcuu.report.preparedness.proofs._FORM", "earlier")
    monkeypatch.setattr("ungcuu.report.preparedness.proofs._rows_of_journal", lambda _path: [{"proof": {"old": 1}}])
    assert world.view().known.unread
    monkeypatch.undo()
    assert world.state("scan", "web01").state == OK


def test_a_folder_that_is_gone_is_named(world: World) -> None:
    import shutil

    case = open_case(world.settings, ["web01"], "x")
    shutil.rmtree(case.folder)
    assert any(case.id in text for text in world.view().known.unread)


def test_backups_are_as_the_vault_reported(world: World) -> None:
    """A point that a restore would refuse is no backup. Seen failing with every point taken as good."""
    assert world.state("backup", "web01").state == UNKNOWN  # the vault was never asked
    point = {"id": "ab12cd34ef", "time": "2026-11-27T20:00:00Z", "host": "web01", "bytes": 1, "files": 2}
    proven = {"proven": "2026-09-20T03:00:00Z", "drill": {"on": "spare01", "rto_seconds": 71.0, "rpo_seconds": 9}}
    folder = world.settings.host_dir("web01")
    folder.mkdir(parents=True)

    def report(**more: object) -> None:
        document = {"asked": "2026-11-28T01:00:00Z", "points": [{**point, **proven, **more}]}
        (folder / "restore_points.json").write_text(json.dumps(document), "utf-8")

    report()
    assert [world.state(key, "web01").state for key in ("backup", "restore")] == [OK, SOON]
    report(restorable={"refused": [{"check": "links", "paths": ["x"], "total": 1}]})
    from ungcuu.recover.restore_points import newest

    point_now = newest(folder)
    assert point_now is not None and point_now.doubtful, "this test's report has to make the point doubtful"
    found = world.state("backup", "web01")
    assert found.state == NEVER and "refuse" in point_now.judged()[0] and "ab12cd34" in found.detail


def test_a_drill_proves_practice_and_not_that_the_site_was_scanned(world: World) -> None:
    """Its web01 is a disposable host. Seen failing with all proofs of the drill's state taken over."""
    played = settings_in(world.settings.state / "drill")
    with at(1):
        case = open_case(played, ["web01"], "drill")
    for verb in ("scan", "isolate", "collect", "audit"):
        world.run(verb, journal=case.journal(), inventory=str(world.inventory))
    with at(1):
        world.operations().append("drill", {"scenario": "webshell", "outcome": "DONE", "seconds_to_contain": 3.4})
    with at(0.5):
        world.operations().append("drill", {"scenario": "defacement", "outcome": "NOT DONE"})
    assert [world.state(key).state for key in ("isolate", "collect", "drill", "intake")] == [OK] * 4
    assert world.state("isolate").place.startswith("drill/UC-")
    assert "3.4" in world.state("drill").detail and "not done" in world.state("drill").detail
    assert [world.state(key, "web01").state for key in ("scan", "audit")] == [NEVER] * 2
    assert world.state("lessons").state == NONE


def test_an_interval_of_the_site_counts(world: World) -> None:
    world.run("scan", ago=3)
    world.add("interval", title="quét hằng ngày", what="scan", days="1")
    assert world.state("scan", "web01").state == LAPSED


def test_each_unit_has_its_own_hosts_and_records(world: World) -> None:
    world.add("unit", "unit-qltt", title="Chi cục", hosts=["web02", "web03"])
    world.add("awareness", title="x", date="2026-11-01", unit="qltt")
    world.run("scan", host="web03")
    assert world.state("awareness", unit="qltt").state == OK
    assert world.state("awareness").state == NEVER
    assert world.state("scan", "web03", "qltt").state == OK
    assert world.state("scan", "web02", "qltt").state == NEVER
    assert world.state("scan", "web01").state == NEVER
    table = page.context(world.view(), page.Quarter(2026, 4))["units"][0]
    assert [head["hosts"] for head in table["heads"]] == ["web01", "web02, web03"]


# --- what is due ----------------------------------------------------------------------------------------------------


def test_lessons_and_follow_ups_stand_until_they_are_done(world: World) -> None:
    """Seen failing with the finished tasks left in ``_follow_ups``."""
    first, second = (open_case(world.settings, ["web01"], title) for title in ("một", "hai"))
    find(world.settings, first.id).close("x")
    assert world.state("lessons").state == LAPSED
    for case in (first, second):
        lessons.record(case, "upload", "biểu mẫu", "cô lập", "")
    task = first.add_task("gỡ biểu mẫu", datetime(2026, 12, 15, 16, 59, tzinfo=UTC), "Bình").data["task"]
    assert world.state("lessons").state == OK
    owed = world.due()[f"{first.id}/{task}"]
    assert (owed.day, owed.owner, in_words(owed, TODAY)) == (date(2026, 12, 15), "Bình", "in 17 days")
    find(world.settings, first.id).finish_task(str(task), "đã gỡ")
    assert f"{first.id}/{task}" not in world.due()
    again = page.context(world.view(), page.Quarter(2026, 4))["again"]
    assert again == [{"cause": "a form or upload that takes programs", "cases": f"{first.id}, {second.id}"}]


def test_what_is_planned_and_what_lapses_is_due(world: World) -> None:
    world.add("awareness", title="kế hoạch", due="2026-12-10", owner="Bình")
    world.add("training", title="ATTT", person="An", date="2024-12-01", until="2026-12-01")
    world.add("training", title="ATTT", person="Chi", date="2024-12-01", until="2026-12-01")
    world.add("training", title="ATTT", person="Chi", date="2026-11-01", until="2028-11-01")
    found = world.due()
    assert found["awareness-001"].day == date(2026, 12, 10)
    assert found["training-001-until"].day == date(2026, 12, 1)
    assert "training-002-until" not in found, "renewed since"
    assert found["legal-luat-86-2015-cited"].overdue(TODAY), "the plan cites a text that was superseded"
    assert [one.id for one in due(world.view(), 1) if one.day == date(2026, 12, 10)] == []


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "vi"])
def test_the_page_takes_no_markup_and_loads_nothing(world: World, language: str) -> None:
    """Seen failing with autoescape off."""
    evil = '<script>alert(1)</script><img src="https://evil.example/x" onerror=x>'
    world.add("awareness", title=evil, date="2026-10-02", owner=evil, notes="n")
    world.add("unit", "unit-x", title=evil, hosts=["web02"])
    world.add("task", title=evil, due="2026-10-02")
    case = open_case(world.settings, ["web01"], evil)
    lessons.record(case, "upload", evil, evil, evil)
    i18n.set_language(language)
    text = page.render(world.view(), page.Quarter(2026, 4))
    assert f'<html lang="{language}">' in text
    assert "alert(1)" in text and not re.search(r"<(script|img|iframe|link|object|form|a)\b", text)
    assert not re.search(r"(?:src|href|url)\s*[=(]", text.replace("src=&#34;", ""))
    assert "default-src 'none'" in text


def test_quarters(world: World) -> None:
    days = [(page.Quarter(2026, n).first, page.Quarter(2026, n).last) for n in (1, 2, 3, 4)]
    assert days[0] == (date(2026, 1, 1), date(2026, 3, 31)) and days[3] == (date(2026, 10, 1), date(2026, 12, 31))
    assert all(second[0] == first[1] + timedelta(days=1) for first, second in itertools.pairwise(days))
    world.add("meeting", title="quý III", date="2026-09-30")
    assert page.context(world.view(), page.Quarter(2026, 3))["work"]
    assert not page.context(world.view(), page.Quarter(2026, 4))["work"]


def test_every_row_of_the_plan_rests_on_something() -> None:
    assert set(plan.ROWS) == {one.row for one in plan.REQUIREMENTS}
