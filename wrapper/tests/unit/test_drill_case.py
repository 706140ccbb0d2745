"""A drill with its case and with several websites: the notice of leaked data, a stop, a website by its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from ungcuu.core.errors import Terminated
from ungcuu.drill import response
from ungcuu.drill.player import Drill
from ungcuu.drill.record import DrillFailed, Phase, Report
from ungcuu.drill.stage import Stage
from ungcuu.drill.typist import list_websites

NOTICED = 1_800_000_000.25
CLOCK = {
    "stage": "data-72h",
    "state": "running",
    "start": "2027-01-15T08:00:00.250Z",
    "due": "2027-01-18T08:00:00.250Z",
}


def drill() -> Drill:
    one = Drill.__new__(Drill)
    one.said = []
    one.say = one.announce = one.said.append
    one.report = Report("x", case="UC-20260101-001")
    one.host, one.moments, one.lab = "web01", {"noticed": NOTICED}, mock.Mock(slot=7)
    one.mailbox = mock.Mock()
    return one


def answers(form: Path, **changes: str) -> Any:
    said = {"deadlines": {"deadlines": [CLOCK | changes]}, "form": {"file": str(form), "entries": 14}}
    said["sent"] = {"state": "sent", "sent": "now"}
    return lambda *words: said[words[1]]


def test_the_clock_of_leaked_data_runs_and_its_notice_stops_it(tmp_path: Path) -> None:
    form = tmp_path / "personal-data.docx"
    form.write_bytes(b"a letter")
    one, phase = drill(), Phase("data notice")
    with mock.patch.object(Drill, "verb", side_effect=answers(form)) as verb:
        response.notify_of_data(one, phase)
    assert [proof.passed for proof in phase.proofs] == [True] * 3
    verb.assert_called_with("case", "sent", "UC-20260101-001", "data-72h", str(form), "--channel", "drill")


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "not started"},
        {"start": "2027-01-15T09:00:00.250Z", "due": "2027-01-18T09:00:00.250Z"},
        {"due": "2027-01-19T08:00:00.250Z"},
        {"stage": "closing"},
    ],
)
def test_a_clock_that_does_not_run_from_when_it_was_noticed_fails_the_drill(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    """Seen failing with each of the three left out of the comparison."""
    with (
        mock.patch.object(Drill, "verb", side_effect=answers(tmp_path, **changes)),
        pytest.raises(DrillFailed, match="its clock runs"),
    ):
        response.notify_of_data(drill(), Phase("data notice"))


@pytest.mark.parametrize("stop", [KeyboardInterrupt, Terminated])
def test_a_drill_that_is_stopped_closes_its_case_and_says_what_is_left(stop: type[BaseException]) -> None:
    """Its case stayed open, and the next drill's findings would have gone into it. Seen failing before."""
    one = drill()

    def halt(_phase: Phase) -> None:
        raise stop

    with mock.patch.object(Drill, "verb") as verb, pytest.raises(stop):
        one._play([("notice", halt)])
    assert verb.call_args.args[:4] == ("case", "close", "UC-20260101-001", "--force")
    assert any("UNGCUU_LAB_SLOT=7 ungcuu lab down" in text for text in one.said)


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        (("restore", "/gia", "--clean"), ("restore", "web01/gia", "--clean")),
        (("restore", "--path", "/var/www/x"), ("restore", "web01", "--path", "/var/www/x")),
        (("isolate",), ("isolate", "web01")),
    ],
)
def test_a_step_of_the_response_may_name_one_website(words: tuple[str, ...], typed: tuple[str, ...]) -> None:
    with mock.patch.object(Drill, "verb") as verb:
        drill().respond(words)
    verb.assert_called_once_with(*typed)


def test_findings_of_each_website_count(tmp_path: Path) -> None:
    """A scan of a host with several websites is one run each. Seen failing with the first run alone."""
    row = {"kind": "finding", "data": {"rule": "upload.code"}}
    several = {"runs": [{"records": [{"kind": "scan", "data": {}}]}, {"records": [row]}]}
    for said in ({"records": [row]}, several):
        with mock.patch.object(Drill, "verb", return_value=said):
            assert drill().findings() == [{"rule": "upload.code"}]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/?p=5", ("portal.lab.test", "/?p=5")),
        ("/", ("portal.lab.test", "/")),
        ("//gia.lab.test/", ("gia.lab.test", "/")),
        ("//gia.lab.test/anh/x.php?a=//b", ("gia.lab.test", "/anh/x.php?a=//b")),
    ],
)
def test_a_page_of_another_website_is_asked_for_under_its_name(path: str, asked: tuple[str, str]) -> None:
    stage = Stage.__new__(Stage)
    stage.address = "a"
    with mock.patch.object(Stage, "intruder", return_value={}) as done:
        stage.page(path, "vault01")
    done.assert_called_once_with("get", "a", *asked, host="vault01")


def test_the_drill_s_own_inventory_lists_the_websites(tmp_path: Path) -> None:
    list_websites(tmp_path, "web01", json.dumps({"websites": []}).encode())
    assert json.loads((tmp_path / "host_vars/web01.yml").read_bytes()) == {"websites": []}


def test_the_case_of_a_drill_that_failed_bars_no_later_drill(tmp_path: Path) -> None:
    """Seen failing: after one failed proof `drill run` ended at its baseline each time, until the case was closed."""
    one = drill()
    one.state = tmp_path
    asked: list[tuple[str, ...]] = []
    rows = [{"case": "UC-20261129-001", "phase": "recover"}, {"case": "UC-20261129-002", "phase": "closed"}]

    def verb(*words: str, codes: object = ()) -> dict[str, Any]:
        asked.append(words)
        return {"cases": rows} if words == ("case", "list") else {}

    with mock.patch.object(one, "verb", verb):
        one.harden()
        assert asked[0][0] == "harden", "a drill's first case needs no look"
        asked.clear()
        (tmp_path / "cases/UC-20261129-001").mkdir(parents=True)
        known = tmp_path / "hosts/web01"
        known.mkdir(parents=True)
        (known / "watch.json").touch()
        one.harden()
    assert not known.exists(), "its alerts would not be raised again, and its isolation would still hold"
    assert asked[:3] == [
        ("case", "list"),
        ("case", "close", "UC-20261129-001", "--force", "--reason", "its hosts were made again"),
        ("harden", one.host),
    ]
