"""``--plan`` of a verb that changes hosts: real check-mode runs against this machine."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import content
import pytest

from ungcuu.contain import isolation_state
from ungcuu.core.errors import Exit, Refused
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.run import flow, foretold
from ungcuu.run.verb import Context, Phase, Verb

SILENT = "{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}"


def site(tmp_path: Path) -> Settings:
    """A site whose web02 does not answer."""
    settings = content.make(tmp_path)
    hosts = settings.content / "inventory/site/hosts.yml"
    hosts.write_text(hosts.read_text("utf-8").replace("web02: {}", f"web02: {SILENT}"), "utf-8")
    return settings


def greet(target: Path, **more: Any) -> Verb:
    """A verb that writes one file."""

    def details(ctx: Context) -> Mapping[str, object]:
        return foretold.changes(ctx, {"greeting_text": "xin chao\n", "greeting_file": str(target)})

    return Verb("greet", Phase.TOOL, "Greet", playbook="greet", plan_details=details, **more)


def plan(settings: Settings, verb: Verb, *hosts: str) -> flow.Report:
    request = flow.Request(verb, hosts, plan_only=True)
    return flow.execute(request, settings, Screen(io.StringIO()), lambda _verb, _hosts: None)


def test_a_plan_names_what_changes_and_in_which_step(tmp_path: Path) -> None:
    """Seen failing without ``check=True``: the file was written."""
    target = tmp_path / "greeting"
    report = plan(site(tmp_path), greet(target), "web01")
    assert report.code is Exit.OK, report.document
    shown = report.document["plan"]
    assert isinstance(shown, dict)
    row = {"host": "web01", "what": "Write the greeting", "item": "+xin chao"}
    assert shown["details"] == {"changes": [row]}
    assert [step["changed"] for step in shown["steps"]] == [0, 1, 0]
    assert not target.exists()


def test_differences_are_shown_whole_on_demand(tmp_path: Path) -> None:
    """With ``-v`` a person reads every line before anything changes."""
    target = tmp_path / "greeting"
    target.write_text("hello\n" + "same\n" * 9, "utf-8")
    report = plan(dataclasses.replace(site(tmp_path), verbosity=1), greet(target), "web01")
    shown = report.document["plan"]
    assert isinstance(shown, dict)
    assert {"-hello", "+xin chao"} < set(shown["details"]["differences"])
    assert shown["details"]["changes"][0]["item"] == f"{target} (11 lines)"


def test_a_silent_host_makes_its_changes_unknown_and_holds_nobody_back(tmp_path: Path) -> None:
    """An empty list would read as: nothing will change. Seen failing with unreached hosts left out of the plan."""
    settings = site(tmp_path)
    isolation_state.mark_isolated(settings.host_dir("web02"), "web02", "full", datetime.now(UTC))
    report = plan(settings, greet(tmp_path / "greeting"), "web01", "web02")
    shown = report.document["plan"]
    assert isinstance(shown, dict), report.document
    assert [row["host"] for row in shown["details"]["changes"]] == ["web01"]
    [unknown] = shown["details"]["changes not known"]
    assert unknown["host"] == "web02"
    assert "can't be reached" in unknown["why"]
    assert "It is isolated (full)." in unknown["why"]


def test_a_plan_refuses_what_the_run_would_refuse(tmp_path: Path) -> None:
    """A plan that looks fine until the moment it counts is no plan. Seen failing without the look before the plan."""

    def refuse(_ctx: Context) -> None:
        raise Refused("not today", "Nothing was changed.", "")

    report = plan(site(tmp_path), greet(tmp_path / "greeting", preflight=refuse), "web01")
    assert report.code is Exit.REFUSED
    assert report.error is not None and report.error.what == "not today"


def test_a_step_that_fails_is_no_plan(tmp_path: Path) -> None:
    """What would fail in the run is reported as its failure, with nothing changed."""
    target = tmp_path / "greeting"
    target.mkdir()
    (target / "hello").mkdir()
    report = plan(site(tmp_path), greet(target / "hello"), "web01")
    assert report.code is Exit.NOT_DONE, report.document
    assert report.error is not None and "Write the greeting" in report.error.what


@pytest.mark.parametrize(
    "name", ["block", "eradicate", "harden", "lock", "patch", "release", "restore", "rotate", "unblock", "unlock"]
)
def test_verbs_that_change_hosts_ask_them(name: str) -> None:
    """A list of steps says nothing of what would change."""
    from importlib import import_module

    verb = import_module(f"ungcuu.cli.commands.{name}").VERB
    assert verb.plan_details is not None
