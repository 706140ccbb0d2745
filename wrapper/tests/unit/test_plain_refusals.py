"""What a refusal names is the way on: the right option, the time that the case knows, the package that has the file."""

from __future__ import annotations

import dataclasses
import errno
import os
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from casebook import settings_in

from ungcuu.case.case import open_case
from ungcuu.case.facts import Run
from ungcuu.cli import render
from ungcuu.cli.commands import _doctor_controller
from ungcuu.cli.registry import find_verb, load
from ungcuu.core import atomic
from ungcuu.core.clock import parse_time
from ungcuu.core.errors import Exit, Outcome, Refused, Unreachable, UsageFault
from ungcuu.core.i18n import set_language
from ungcuu.core.terminal import Screen
from ungcuu.detect.advice import Seen, choose, commands
from ungcuu.plugins.refusal import refusal
from ungcuu.report.runs import RunRecords, outline
from ungcuu.run.events import Report
from ungcuu.run.failures import fault_of, problem_of
from ungcuu.run.tally import HostResult, RunResult
from ungcuu.run.verb import Context

REFUSED = "ssh: connect to host 192.0.2.10 port 22: Connection refused"


def context(tmp_path: Path, verb: str, **options: object) -> Context:
    known = {option.key: None for option in load(verb).options}
    return Context(settings_in(tmp_path), load(verb), Screen(StringIO()), hosts=("web01",), options=known | options)


def test_a_refused_baseline_names_its_option(tmp_path: Path) -> None:
    """Seen failing before: the refusal told everybody to fix the cause, and the option stood in --help alone."""
    ctx = context(tmp_path, "baseline")
    data = {"host": "web01", "severity": "high", "rule": "web.code-added", "path": "/var/www/portal/x.php"}
    result = RunResult("baseline", Outcome.NOT_DONE, {}, (Report("finding", data, "web01"),))
    with pytest.raises(Refused) as refusal:
        load("baseline").after(ctx, result)
    assert "/var/www/portal/x.php" in refusal.value.what
    assert "ungcuu baseline web01 --accept ID" in refusal.value.fix


@pytest.mark.parametrize(
    ("application", "rule", "named"),
    [("php", "upload.code", 1), ("wordpress", "upload.code", 0), ("php", "web.changed", 0)],
)
def test_a_refused_baseline_says_where_code_of_the_application_s_own_is_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, application: str, rule: str, named: int
) -> None:
    """Seen failing: sixty compiled templates, and no other way than to accept each by its id."""
    site = SimpleNamespace(variables=lambda _host: {"website_application": application})
    monkeypatch.setattr(Context, "site", site)
    ctx = context(tmp_path, "baseline")
    data = {"host": "web01", "severity": "critical", "rule": rule, "path": "/var/www/portal/tmp/x.php"}
    result = RunResult("baseline", Outcome.NOT_DONE, {}, (Report("finding", data, "web01"),))
    with pytest.raises(Refused) as refusal:
        load("baseline").after(ctx, result)
    assert refusal.value.fix.count("website_profile_facts") == named


def test_a_clean_restore_takes_the_first_sign_from_the_case(tmp_path: Path) -> None:
    """The case knows it; nobody should type it again under stress."""
    ctx = context(tmp_path, "restore", clean=True)
    with pytest.raises(UsageFault):
        load("restore").preflight(ctx)
    open_case(ctx.settings, ["web01"], "x", first_sign=parse_time("2026-01-31T08:00:00.000Z"))
    load("restore").preflight(ctx)


@pytest.mark.parametrize(
    ("path", "package", "advice"),
    [
        ("/usr/share/mediawiki/includes/Setup.php", "mediawiki", "reinstall"),
        ("/usr/share/mediawiki/includes/Setup.php", "", "by-hand"),
        ("/etc/mediawiki/LocalSettings.php", "mediawiki", "by-hand"),  # the site's own, not as the package brought it
        ("/var/www/portal/index.php", "mediawiki", "restore-file"),
    ],
)
@pytest.mark.parametrize("rule", ["content.hidden-link", "web.changed"])
def test_a_package_s_own_file_comes_back_with_its_package(rule: str, path: str, package: str, advice: str) -> None:
    """No backup holds /usr/share: "restore brings the right one back" was untrue there. Seen failing before."""
    seen = Seen(rule, "file", path, False, "a", "b", {"package": package}, {"do": "restore"}, "/var/www/portal")
    name, values = choose(seen)
    assert name == advice
    if advice == "reinstall":
        assert commands(name, values) == ["apt-get install --reinstall -y mediawiki"]


def test_a_full_disk_is_named_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing: write(2) names no file, so `case report` spoke of an internal error, outcome UNKNOWN."""

    def full(_fd: int, _data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left") as failure:
        atomic.put(tmp_path / "report.html", "x")
    error = fault_of("case report", (), failure.value, 0, read_only=True)
    assert (error.code, error.outcome) == (Exit.CONTROLLER, Outcome.NOT_DONE)
    assert str(tmp_path / "report.html") in error.what
    assert not list(tmp_path.iterdir())


def test_a_host_that_is_not_there_is_named_once() -> None:
    """Seen failing: the sentence, its state and its advice stood three times in one line.

    Ansible gives the message of an error's cause behind its own.
    """
    told = str(refusal(Unreachable(f"web01 could not be reached: {REFUSED}", "Nothing was changed on it.", "ungcuu")))
    data = HostResult(Outcome.NOT_DONE, "unreachable", message=f"{told}: web01 could not be reached: {REFUSED}")
    problem = problem_of("scan", True, RunResult("scan", Outcome.NOT_DONE, {"web01": data}))
    assert problem is not None
    assert problem.what == f"web01 can't be reached: {REFUSED}"


def test_a_state_folder_that_is_a_file_is_named_and_no_mode_of_it_changed(tmp_path: Path) -> None:
    """Seen failing: with UNGCUU_STATE=/etc/passwd, doctor's advice was `chmod 700 /etc/passwd`."""
    ctx = context(tmp_path, "doctor")
    place = tmp_path / "file"
    place.write_text("x")
    place.chmod(0o644)
    ctx.settings = dataclasses.replace(ctx.settings, state=place)
    state = _doctor_controller._state(place)
    assert state.level == "bad"
    assert str(place) in str(state)
    assert _doctor_controller._modes(ctx) == []


def test_the_first_host_comes_from_init_where_there_is_no_inventory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing: the advice was to enrol, which refuses without an inventory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNGCUU_INVENTORY", raising=False)
    ctx = context(tmp_path, "status")
    message = load("status").run(dataclasses.replace(ctx, hosts=())).message
    assert message == "No host is known yet: ungcuu init"


def test_a_profile_says_in_the_reader_s_language_when_a_report_is_due(tmp_path: Path) -> None:
    """Seen failing: "detected + 24 hours" on a Vietnamese screen."""
    out = StringIO()
    ctx = Context(settings_in(tmp_path), find_verb(["profile", "check"]), Screen(out), options={"file": []})
    set_language("vi")
    try:
        find_verb(["profile", "check"]).run(ctx)
    finally:
        set_language("en")
    assert "trong 24 giờ" in out.getvalue()
    assert "hours" not in out.getvalue()


def test_columns_of_a_plan_are_in_the_reader_s_language() -> None:
    """Seen failing: "host  why" on a Vietnamese screen."""
    out = StringIO()
    set_language("vi")
    try:
        render._details([{"host": "web01", "why": "x"}], Screen(out))
    finally:
        set_language("en")
    assert "máy chủ" in out.getvalue()
    assert "why" not in out.getvalue()


def test_a_cut_that_never_reached_its_host_is_no_change() -> None:
    """Seen failing: the timeline said "not done · changes: 1" of a host that nobody had reached."""
    run = Run("isolate", ("web01",), "2026-11-29T08:00:00.000Z", outcome="NOT DONE")
    missed = RunRecords(run, {"change": [{"what": "isolation", "ending": "not reached"}]})
    assert "changes" not in outline(missed)
    cut = RunRecords(run, {"change": [{"what": "isolation", "ending": "cut"}]})
    assert "changes: 1" in outline(cut)
