"""The register, its page and the drill's records as an operator types them."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

from preparedness_world import HOSTS, World, typed, world

from ungcuu.case import lessons
from ungcuu.case.case import open_case
from ungcuu.core.settings import Settings
from ungcuu.hosts.site import Site

__all__ = ["world"]  # a fixture


def test_the_register_as_it_is_typed(world: World, tmp_path: Path) -> None:
    """From the first record to the report; what is written is in the signed journal with its hash."""
    (world.inventory / "hosts.yml").write_text(HOSTS, "utf-8")
    typed(
        world,
        "register",
        "add",
        "awareness",
        "Mật",
        "khẩu",
        "--due",
        "2026-01-10",
        "--set",
        "topics=a",
        "--set",
        "topics=b",
    )
    typed(world, "register", "done", "awareness-001", "BB 14", "--date", "2026-01-11")
    typed(world, "register", "done", "awareness-001", "BB 15", code=4)
    refused = typed(world, "register", "add", "awareness", "x", "--date", "2026-02-30", code=2)
    assert "2026-02-30" in refused["error"]["what"]
    typed(world, "register", "add", "awareness", "x", "--date", "2999-01-01", code=2)
    listed = typed(world, "register", "list", "awareness")["records"]
    assert listed == [
        {"id": "awareness-001", "kind": "awareness", "title": "Mật khẩu", "date": "2026-01-11", "due": "2026-01-10"}
        | {"proof": "BB 14", "topics": ["a", "b"]}
    ]
    table, calendar = tmp_path / "r.csv", tmp_path / "r.ics"
    typed(world, "register", "export", "csv", "--output", str(table))
    typed(world, "register", "export", "csv", "--output", str(table), code=14)
    assert typed(world, "register", "import", str(table))["imported"]["new"] == 0
    table.write_text(table.read_text("utf-8").replace("BB 14", "BB 99"), "utf-8")
    typed(world, "register", "import", str(table), code=4)
    assert typed(world, "register", "import", str(table), "--replace")["imported"]["changed"] == 1
    typed(world, "register", "export", "ics", "--output", str(calendar))
    assert typed(world, "register", "due")["overdue"] > 0
    written = typed(world, "register", "report")
    records = world.operations().records()
    kinds = [record.kind for record in records]
    assert "run_started" not in kinds, "a killed command would be an open run, which resume can't settle"
    assert kinds.count("register") == 3 and kinds.count("register_report") == 1
    assert Path(written["files"][0]).is_file()
    assert typed(world, "register", "report")["rows"]["O2"] == "not carried out"  # no meeting yet
    case = open_case(world.settings, ["web01"], "x")
    words = ["--root-cause", "upload", "--detail", "d", "--follow-up"]
    typed(world, "case", "lessons", case.id, *words, "An|2026-02-30|x", code=2)
    assert not lessons.lessons_of(case.records()), "nothing was recorded of what was refused"
    assert typed(world, "case", "lessons", case.id, *words, "An|2030-12-15|gỡ")["tasks"] == ["task-1"]
    typed(world, "register", "done", f"{case.id}/task-1", "xong")
    typed(world, "register", "done", f"{case.id}/task-1", "xong", code=4)


def test_ansible_does_not_take_the_register_for_hosts(world: World) -> None:
    """Seen failing without the pattern in ansible.cfg: each record was tried as an inventory."""
    (world.inventory / "hosts.yml").write_text(HOSTS, "utf-8")
    world.add("awareness", title="x", date="2026-01-01")
    (world.inventory / "register" / "unit-x.yml").write_text("website:\n  hosts:\n    evil01:\n", "utf-8")
    site = Site.load(Settings(world.settings.state, world.settings.content, "an", world.inventory))
    assert list(site.hosts) == ["web01"]


def test_a_drill_that_failed_names_the_command_that_removes_its_hosts(tmp_path: Path) -> None:
    """Seen failing: `ungcuu lab down` alone is about another lab; a drill's hosts are in slot 15."""
    from ungcuu.cli.commands import _drill_run
    from ungcuu.drill.record import Report

    played = mock.MagicMock(state=tmp_path)
    played.play.return_value = [Report("flood", error="torn")]
    options = {"scenario": "flood", "all": False, "random": False, "seed": None, "debian": "13"}
    context = mock.Mock(options=options | {"keep": False, "blind": False})
    kept = mock.patch.object(_drill_run, "_keep"), mock.patch("ungcuu.drill.series.Series", return_value=played)
    with kept[0], kept[1], mock.patch.dict("os.environ"):
        os.environ.pop("UNGCUU_LAB_SLOT", None)
        assert "UNGCUU_LAB_SLOT=15 ungcuu lab down" in _drill_run._run(context).message
    assert not played.lab.down.called


def test_each_drill_is_kept_in_the_journal(world: World, tmp_path: Path) -> None:
    """The next drill replaces the result's file. Seen failing without ``_keep``."""
    from ungcuu.cli.commands import _drill_run
    from ungcuu.drill.record import Report

    played = mock.Mock(state=tmp_path)
    played.play.return_value = [Report("webshell", "DONE", seconds_to_contain=3.4), Report("flood", error="torn")]
    options = {
        "scenario": None,
        "all": True,
        "random": False,
        "seed": None,
        "debian": "13",
        "keep": True,
        "blind": False,
    }
    context = mock.Mock(settings=world.settings, options=options)
    with mock.patch("ungcuu.drill.series.Series", return_value=played):
        result = _drill_run._run(context)
    assert result.outcome == "NOT DONE" and "flood" in result.message
    found = [record.data for record in world.operations().records() if record.kind == "drill"]
    assert [(data["outcome"], data.get("seconds_to_contain")) for data in found] == [("DONE", 3.4), ("NOT DONE", None)]
