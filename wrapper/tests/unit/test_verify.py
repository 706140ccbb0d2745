"""Which tests a host gets, and what may come back from them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import content
import pytest

from ungcuu.cli.commands import harden
from ungcuu.cli.commands import verify as command
from ungcuu.core.errors import Outcome, UsageFault
from ungcuu.core.terminal import Screen
from ungcuu.hosts.site import Site
from ungcuu.prepare import verify
from ungcuu.prepare.verify import Check
from ungcuu.run.tally import HostResult, RunResult
from ungcuu.run.verb import Context

pytest_plugins = ["pytester"]


def site_of(tmp_path: Path) -> Site:
    settings = content.make(tmp_path, harden=content.PLAYBOOK)
    content.write(settings.content, {"roles/greeting/tests/test_greeting.py": "def test_x(): pass\n"})
    groups = {"website": ("web01",), "vault": ("vault01",)}
    return Site(settings.content, settings, {"web01": {}, "vault01": {}}, groups)


def test_a_host_gets_the_tests_of_the_roles_that_its_plays_give_it(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    assert verify.roles_of(site, "web01", site.settings) == ("greeting",)
    assert verify.roles_of(site, "vault01", site.settings) == ()


def test_a_role_without_tests_is_named_with_those_that_have_some(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    with pytest.raises(UsageFault) as caught:
        verify.verify(site.settings, site, "web01", ["../x"])
    assert "greeting" in caught.value.fix


def test_what_a_host_said_comes_back_cleaned(tmp_path: Path) -> None:
    row = {
        "nodeid": "roles/greeting/tests/test_greeting.py::test_x[ssh://web01-page\x1b[2J]",
        "why": "because\x07",
        "outcome": "failed",
        "message": "assert '\x1b]0;owned\x07' == 'ok'\u202e",
        "seconds": 0.1,
    }
    results = tmp_path / "results.jsonl"
    results.write_text(json.dumps(row) + "\n")
    (check,) = verify._read(results, "web01")
    assert (check.role, check.outcome, check.ok) == ("greeting", "failed", False)
    assert "ssh://" not in check.name
    for text in (check.name, check.why, check.message):
        assert not set(text) & {"\x1b", "\x07", "\u202e"}


FACTLESS = '''
from ungcuu.prepare.one_session import NoAnswer

def test_needs_a_fact(site):
    """Because."""
    assert site["website_user"]

def test_needs_an_optional_fact(site):
    assert site["website_writable_paths"] == []

def test_fails(site):
    assert site["website_name"] == "other"

def test_gets_no_answer():
    raise NoAnswer("web01 has hung up")
'''


def test_a_missing_fact_is_named_and_is_no_failure(tmp_path: Path, pytester: pytest.Pytester) -> None:
    """An audit reported controls as failed, with a KeyError. Seen failing with plain dicts, not ``SiteFacts``."""
    fixture = """
        import pytest
        from ungcuu.prepare.site_facts import SiteFacts

        @pytest.fixture
        def site():
            return SiteFacts({"website_name": "portal.example"})
    """
    pytester.makeconftest(fixture)
    pytester.makepyfile(test_factless=FACTLESS)
    results = tmp_path / "results.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNGCUU_RESULTS", str(results))
        pytester.runpytest_inprocess("-p", "ungcuu.prepare.verify_plugin", "-p", "no:cacheprovider")
    checks = {check.name: check for check in verify._read(results, "web01")}
    assert checks["test_needs_a_fact"].outcome == "not assessed"
    assert checks["test_needs_a_fact"].message == "fact website_user is missing"
    assert not checks["test_needs_a_fact"].ok
    assert checks["test_needs_an_optional_fact"].outcome == "passed"
    assert checks["test_fails"].outcome == "failed"
    assert checks["test_gets_no_answer"].outcome == "error", "a lost connection is no fault of the host"


def test_a_skipped_check_has_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not looked at is said: "80 checks passed" were 53. Seen failing with those that are `ok` counted."""
    found = [verify.Check("web01", "r", f"test_{n}", n, "", "", 0.0) for n in ("passed", "skipped", "passed")]
    monkeypatch.setattr(verify, "verify", lambda *_given, **_more: found)
    out = SimpleNamespace(line=lambda *_words: None)
    ctx = SimpleNamespace(
        hosts=("web01",),
        settings=None,
        site=None,
        options={"role": ()},
        counted=lambda _host: None,
        record=lambda *_words: None,
        out=out,
    )
    result = command.run(cast(Context, ctx))
    assert (result.data["passed"], result.data["skipped"], result.data["failed"]) == (2, 1, 0)
    assert result.message == "2 checks passed, 1 skipped."


def test_a_host_whose_tests_failed_is_not_hardened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The playbook was done on both; the record of the run must say on which of them it came to nothing."""
    site = site_of(tmp_path)
    outcomes = {"web01": "passed", "web02": "failed"}
    monkeypatch.setattr(harden, "_keep_cards", lambda _ctx: None)
    monkeypatch.setattr(
        verify, "verify", lambda _s, _site, host, *_r, **_m: [Check(host, "ssh", "t", outcomes[host], "", "", 0.1)]
    )
    ctx = Context(site.settings, harden.VERB, Screen(io.StringIO()), hosts=("web01", "web02"))
    ctx.site, ctx.options = site, {"no_verify": False}
    ctx.host_results = {host: HostResult(Outcome.DONE) for host in ctx.hosts}
    result = harden.after(ctx, RunResult("harden", Outcome.DONE, ctx.host_results))
    assert result is not None
    assert result.outcome is Outcome.NOT_DONE
    assert [ctx.host_results[host].outcome.value for host in ctx.hosts] == ["DONE", "NOT DONE"]


def test_what_harden_counts_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing: "106 changes" in one line and "17 changes", of steps, in the next."""
    from ungcuu.cli.commands import harden
    from ungcuu.core.errors import Outcome
    from ungcuu.run.events import Report
    from ungcuu.run.tally import RunResult

    monkeypatch.setattr(harden, "_keep_cards", lambda _ctx: None)
    monkeypatch.setattr(verify, "verify", lambda *_given, **_more: [])
    monkeypatch.setattr("ungcuu.prepare.hardening.tested_roles", lambda *_given: [])
    ctx = SimpleNamespace(
        hosts=("web01",),
        settings=None,
        site=None,
        options={"no_verify": False},
        counted=lambda _host: None,
        verb=SimpleNamespace(playbook="harden"),
    )
    changes = tuple(Report("change", {"item": str(n)}, "web01") for n in range(106))
    result = harden.after(cast(Context, ctx), RunResult("harden", Outcome.DONE, {}, changes))
    assert result is not None
    assert result.message == "Files, packages and settings changed: 106; 0 checks passed, 0 skipped."
