"""One command on many hosts: an outcome each, and nobody waits for one that is slow or dead."""

from __future__ import annotations

import dataclasses
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import content
import pyte
import pytest

from ungcuu.cli import registry, render
from ungcuu.cli.commands import block
from ungcuu.contain import blocks
from ungcuu.core.errors import Exit, Outcome
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.run import flow, runner
from ungcuu.run.events import Report
from ungcuu.run.fleet import Fleet
from ungcuu.run.tally import HostResult, RunResult
from ungcuu.run.verb import Context, Hosts, Phase, Result, Verb

HOSTS = tuple(f"web{number:02}" for number in range(1, 6))
DEAD = HostResult(Outcome.NOT_DONE, "unreachable", "Look", "ssh: connect to host 192.0.2.1: " + "no route " * 20)
LOOK = Verb("look", Phase.DETECT, "Look at hosts", playbook="greet", read_only=True, takes_lock=False, each_alone=True)


def settings_of(tmp_path: Path) -> Settings:
    settings = content.make(tmp_path)
    assert settings.content
    inventory = settings.content / "inventory" / "site"
    hosts = "".join(f"        {host}: {{ansible_connection: local}}\n" for host in HOSTS)
    (inventory / "hosts.yml").write_text(f"all:\n  children:\n    website:\n      hosts:\n{hosts}")
    return dataclasses.replace(settings, inventory=inventory)


def play(monkeypatch: pytest.MonkeyPatch, of_host: Callable[[str], HostResult]) -> None:
    """Have each host's playbook end like this."""

    def run(self: runner.Runner, *_words: object) -> RunResult:
        (host,) = self.hosts
        found = of_host(host)
        reports = (Report("seen", {"host": host}, host),) if found.outcome is Outcome.DONE else ()
        return RunResult("greet", found.outcome, {host: found}, reports)

    monkeypatch.setattr(runner.Runner, "run", run)


def execute(settings: Settings, verb: Verb, out: io.StringIO, *names: str) -> flow.Report:
    return flow.execute(flow.Request(verb, names), settings, Screen(out), lambda *_: None)


def seen(_ctx: Context, result: RunResult) -> Result:
    return Result(data={"seen": sorted(str(row["host"]) for row in result.data_of("seen"))})


def test_a_dead_host_has_its_own_outcome_and_the_others_have_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What four hosts brought is not lost with the fifth; the exit code is that of the worst.

    Seen failing with the data of the others dropped where one failed.
    """
    play(monkeypatch, lambda host: DEAD if host == "web03" else HostResult(Outcome.DONE))
    out = io.StringIO()
    report = execute(settings_of(tmp_path), dataclasses.replace(LOOK, after=seen), out, "website")
    assert report.code is Exit.UNREACHABLE
    outcomes: Any = report.document["hosts"]
    assert {host for host in HOSTS if outcomes[host]["outcome"] == "DONE"} == set(HOSTS) - {"web03"}
    assert report.document["seen"] == [host for host in HOSTS if host != "web03"]
    lines = out.getvalue().splitlines()
    assert sum("/5  web" in line for line in lines) == 5, lines
    assert any("web03  NOT DONE" in line and "no route" in line for line in lines)


def test_a_slow_host_holds_nobody_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four hosts end while the first is still at work. Seen failing (at the time limit) with one run after another."""
    left, others = threading.Semaphore(0), len(HOSTS) - 1

    def of_host(host: str) -> HostResult:
        if host == HOSTS[0]:
            for _number in range(others):
                assert left.acquire(timeout=20)
        else:
            left.release()
        return HostResult(Outcome.DONE)

    play(monkeypatch, of_host)
    report = execute(settings_of(tmp_path), LOOK, io.StringIO(), "website")
    assert report.code is Exit.OK, report.document


def test_a_host_s_line_fits_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outcome and host come first; why is cut where the terminal ends."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    written = io.StringIO()
    monkeypatch.setattr(written, "isatty", lambda: True)
    ctx = Context(settings_of(tmp_path), LOOK, Screen(written))
    fleet = Fleet(ctx, HOSTS)
    for host in HOSTS:
        result = DEAD if host == "web03" else HostResult(Outcome.DONE)
        fleet.ended(host, RunResult("greet", result.outcome, {host: result}))
    emulator = pyte.Screen(80, 24)
    pyte.ByteStream(emulator).feed(written.getvalue().replace("\n", "\r\n").encode())
    lines = [text.rstrip() for text in emulator.display if text.strip()]
    assert len(lines) == 5 and lines[2].startswith("3/5  web03  NOT DONE") and lines[2].endswith("…"), lines


def test_a_verb_that_judges_hosts_itself_says_no_done_before_it_has(tmp_path: Path) -> None:
    """The playbook of `isolate` has ended: whether the host is isolated is decided by the look from outside."""
    written = io.StringIO()
    ctx = Context(settings_of(tmp_path), registry.load("isolate"), Screen(written))
    Fleet(ctx, HOSTS).ended("web01", RunResult("isolate", Outcome.DONE, {"web01": HostResult(Outcome.DONE)}))
    assert "DONE" not in written.getvalue() and "web01" in written.getvalue()


def test_fifty_hosts_are_summed_up(tmp_path: Path) -> None:
    """The last lines name those that are not done, and count the others."""
    out = io.StringIO()
    hosts = {f"web{number:02}": {"outcome": "NOT DONE" if number == 7 else "DONE"} for number in range(50)}
    document = {"run": "x", "verb": "scan", "outcome": "NOT DONE", "hosts": hosts, "seconds": 3.0}
    render.report(flow.Report(document, Exit.NOT_DONE), Screen(out), True)
    assert "50 hosts" in out.getvalue() and "web07  NOT DONE" in out.getvalue() and "49" in out.getvalue()
    assert "web08" not in out.getvalue()


@pytest.mark.parametrize("name", ["scan", "isolate", "collect", "block", "unblock"])
def test_these_verbs_treat_each_host_by_itself(name: str) -> None:
    """Their playbooks end for all hosts with the first that fails (any_errors_fatal): one run each keeps them apart."""
    assert registry.load(name).each_alone


@pytest.mark.parametrize("name", ["doctor", "block", "unblock"])
def test_these_verbs_take_a_group(tmp_path: Path, name: str) -> None:
    """Seen failing with "takes one host, not 5"."""
    from ungcuu.run.verb_plan import resolve_hosts

    settings = settings_of(tmp_path)
    assert resolve_hosts(Context(settings, registry.load(name), Screen(io.StringIO())), ["website"]) == HOSTS
    alone = Verb("alone", Phase.DETECT, "x", hosts=Hosts.ONE)
    with pytest.raises(Exception, match="takes one host"):
        resolve_hosts(Context(settings, alone, Screen(io.StringIO())), ["website"])


def test_a_block_is_listed_for_the_hosts_that_have_it(tmp_path: Path) -> None:
    """The controller's own list has it for a host that did not take it, too: that proves nothing."""
    settings = settings_of(tmp_path)
    for host in HOSTS[:2]:
        kept = blocks.Block("203.0.113.9", "an", "brute force", "2026-11-29T00:00:00Z", "")
        blocks.save(settings.host_dir(host), (kept,))
    ctx = Context(settings, registry.load("block"), Screen(io.StringIO()), hosts=HOSTS[:2])
    rows = [{"network": "203.0.113.9", "packets": 7}]
    report = Report("snapshot", {"what": "blocks", "rows": rows}, HOSTS[0])
    done = {HOSTS[0]: HostResult(Outcome.DONE), HOSTS[1]: DEAD}
    found = block.after(ctx, RunResult("block", Outcome.NOT_DONE, done, (report,)))
    assert found is not None
    listed: Any = found.data["blocks"]
    assert [(row["host"], row["packets"]) for row in listed] == [(HOSTS[0], 7)]
    assert HOSTS[1] not in found.message
