"""What a refusal names is the way on: the right option, the time that the case knows, the package that has the file."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from casebook import settings_in

from ungcuu.case.case import open_case
from ungcuu.cli.registry import load
from ungcuu.core.clock import parse_time
from ungcuu.core.errors import Outcome, Refused, UsageFault
from ungcuu.core.terminal import Screen
from ungcuu.detect.advice import Seen, choose, commands
from ungcuu.run.events import Report
from ungcuu.run.tally import RunResult
from ungcuu.run.verb import Context


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
