"""What a simulation may be, which names it plays, and how a host is compared with the time before the attack."""

from __future__ import annotations

import hashlib
from pathlib import Path
from unittest import mock

import pytest

from ungcuu.core import i18n
from ungcuu.core.errors import ControllerFault, UsageFault
from ungcuu.core.settings import Settings
from ungcuu.drill import host_contents, series
from ungcuu.drill.comparison import FROM_PACKAGE, Contents, compare
from ungcuu.drill.deeds import DEEDS
from ungcuu.drill.simulation import Simulation, described, filled, load, playable, variant
from ungcuu.hosts.data_files import read_text

WHOLE = """
id: x
bounds: {seconds: 10, requests: 50, rate: 5, cpu_seconds: 5}
names: [{name: word, of: [a, b, c, d, e, f, g, h]}]
attack: [{name: many, intruder: [ask, "{address}", "{site}", /, "40", "5"]}]
effects: [{name: a page, ends: contain, page: /x, has: y}]
notice: [{by: watch, rule: x}]
contain: [[isolate]]
entry_closed: closed
"""


def read(text: str) -> Simulation:
    return read_text(Simulation, text, "x.yml")


@pytest.mark.parametrize(
    ("right", "wrong", "why"),
    [
        ('"40", "5"', '"60", "5"', "bounds: are exceeded by: ask"),
        ('"40", "5"', '"40", "9"', "bounds: are exceeded by: ask"),
        ('"40", "5"', '"40", "-1"', "is not a number"),
        ('[ask, "{address}", "{site}", /, "40", "5"]', '[flood, a, s, /, "60", "5"]', "bounds: are exceeded by: flood"),
        ("rate: 5", "rate: 5000", "bounds.rate: has to be from 1 to 100"),
        ("seconds: 10,", "seconds: 0,", "bounds.seconds: has to be from 1 to 120"),
        ("[a, b,", '["a; rm x", b,', "is not a valid name"),
        ("[a, b,", '["../../etc", b,', "is not a valid name"),
        ("page: /x,", "", "needs one of: page, file, session, process, intruder"),
        ("{name: many,", "{name: many, run: x.sh,", "needs one of: put + source, run, intruder"),
        ("by: watch", "by: hand", "has to be one of: watch, scan"),
        ("id: x", "id: x\nshell: y", "shell: is unknown"),
    ],
)
def test_what_could_do_harm_or_is_misspelt_is_refused_with_its_place(right: str, wrong: str, why: str) -> None:
    """Seen failing without each check."""
    assert read(WHOLE).id == "x"
    with pytest.raises(ControllerFault) as refused:
        read(WHOLE.replace(right, wrong))
    assert why in refused.value.what and refused.value.what.startswith("x.yml:")


def test_a_scenario_that_there_is_not() -> None:
    with pytest.raises(UsageFault, match="There is no scenario nothing"):
        load("nothing")


def test_a_seed_chooses_the_names_and_the_same_seed_the_same_ones() -> None:
    """A detector that is tuned to a name of a scenario must meet another one."""
    one = read(WHOLE)
    assert variant(one) == {"word": "a"}
    assert variant(one, 7) == variant(one, 7)
    assert len({variant(one, seed)["word"] for seed in range(40)}) > 4
    assert filled(("x{word}", one.effects), {"word": "q"})[0] == "xq"


@pytest.mark.parametrize("name", playable())
def test_every_name_reaches_what_is_played(name: str) -> None:
    one = load(name)
    values = {**variant(one, 1), **dict.fromkeys(("address", "site", "marker", "intruder", "vault"), "z")}
    assert "{" not in str(
        [filled(part, values) for part in (one.attack, one.effects, one.notice, one.contain)]
    ).replace("{}", "")


GOOD = Contents({"/var/www/a": "1", "/etc/x": "1"}, {"posts": ["p1", "p2"]})
BEFORE = Contents({**GOOD.files, "/var/www/new": "5"}, {"posts": ["p1", "p2", "p3"]})


def test_a_host_as_before_the_attack_lost_nothing() -> None:
    seen = compare(GOOD, BEFORE, BEFORE)
    assert (seen.wrong, seen.lost_files, seen.lost_rows) == ([], [], 0)


def test_a_restore_loses_what_was_written_since_and_that_is_counted() -> None:
    seen = compare(GOOD, BEFORE, GOOD)
    assert (seen.wrong, seen.lost_files, seen.lost_rows) == ([], ["/var/www/new"], 1)


@pytest.mark.parametrize(
    ("files", "rows", "wrong"),
    [
        ({**BEFORE.files, "/etc/cron.d/x": "9"}, BEFORE.rows, ["/etc/cron.d/x"]),
        ({**BEFORE.files, "/var/www/a": "9"}, BEFORE.rows, ["/var/www/a"]),
        ({"/etc/x": "1"}, BEFORE.rows, ["/var/www/a"]),
        (BEFORE.files, {"posts": ["p1", "p2", "p3", "evil"]}, ["rows of posts"]),
        (BEFORE.files, {"posts": ["p1"]}, ["rows of posts"]),
        (BEFORE.files, {}, ["posts: not read"]),
    ],
)
def test_what_is_not_as_before_is_named(files: dict[str, str], rows: dict[str, list[str]], wrong: list[str]) -> None:
    """Added, changed and missing files and rows, a table without an answer. Seen failing without the comparison."""
    assert compare(GOOD, BEFORE, Contents(files, rows)).wrong == wrong


def test_our_own_traces_are_no_intruder_s() -> None:
    """A masked unit leads to nothing; what a scenario names as its own change is left out, and nothing beside it."""
    files = {**BEFORE.files, "/etc/systemd/system/x.service": "link /dev/null", "/etc/x": "2"}
    assert compare(GOOD, BEFORE, Contents(files, BEFORE.rows), ["/etc/x"]).wrong == []
    assert compare(GOOD, BEFORE, Contents(files, BEFORE.rows)).wrong == ["/etc/x"]


def test_a_setting_that_a_patch_brings_is_no_change(tmp_path: Path) -> None:
    """A newer version of one, a new one. What a person changed must stay. Seen failing before."""
    setting = tmp_path / "namespace.init"
    setting.write_bytes(b"new\n")
    shipped = {str(setting): hashlib.md5(b"new\n", usedforsecurity=False).hexdigest()}
    assert host_contents.digest(setting, shipped) == FROM_PACKAGE
    assert host_contents.digest(setting, {}) == hashlib.sha256(b"new\n").hexdigest()
    after = Contents({**BEFORE.files, "/etc/new": FROM_PACKAGE}, BEFORE.rows)
    assert compare(GOOD, BEFORE, after).wrong == []
    after = Contents({**BEFORE.files, "/etc/x": FROM_PACKAGE}, BEFORE.rows)
    assert compare(GOOD, BEFORE, after).wrong == ["/etc/x"]


def test_several_scenarios_share_hosts_that_are_prepared_once_and_put_back(tmp_path: Path) -> None:
    """What one scenario left would be in the next one's baseline. Kept disks go, also after a failure."""
    done: list[str] = []
    drill, lab = mock.Mock(), mock.Mock()
    drill.return_value.harden.side_effect = lambda: done.append("harden")
    drill.return_value.run.side_effect = lambda _debian, prepared: (
        prepared.put_back(("web01",), "12") or done.append("run")
    )
    lab.return_value.keep.side_effect = lambda _hosts: done.append("keep")
    lab.return_value.put_back.side_effect = lambda _hosts, _debian: done.append("put back")
    lab.return_value.drop_kept.side_effect = lambda _hosts: done.append("drop")
    (tmp_path / "drill/hosts").mkdir(parents=True)
    (tmp_path / "drill/hosts/card").write_text("kept")
    played = series.Series(Settings(tmp_path, tmp_path, "an"), 3, done.append, "12")
    with mock.patch.object(series, "Drill", drill), mock.patch.object(series, "Lab", lab):
        reports = played.play(["webshell", "webshell"])
        next(reports)
        (tmp_path / "drill/hosts/card").write_text("changed by a scenario")
        next(reports)
        assert (tmp_path / "drill/hosts/card").read_text() == "kept"
        reports.close()
    assert done == ["--- hosts", "harden", "keep", "put back", "run", "put back", "run", "drop"]


@pytest.mark.parametrize("name", playable())
def test_what_a_letter_says_of_an_attack_has_no_hole_of_a_template(name: str) -> None:
    """Seen failing: the record of a drill, to be signed, had "upload {address} {site}"."""
    told = described(name)
    assert {one.name for one in (*load(name).attack, *load(name).effects)} <= set(DEEDS), "ungcuu/drill/deeds.py"
    assert told["attacks"] and not [text for text in (*told["attacks"], *told["effects"]) if "{" in text]


def test_a_vietnamese_record_says_what_was_done_in_vietnamese() -> None:
    """Seen failing: "payload: the SSH key" stood in English in a letter to be signed."""
    i18n.set_language("vi")
    try:
        assert any(text.startswith("khóa SSH (") for text in described("webshell")["effects"])
    finally:
        i18n.set_language("en")
