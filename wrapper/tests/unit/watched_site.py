"""A host that is watched: what a test sets of it, and the controller's side, which is the real one."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ungcuu.case.journal import read_records
from ungcuu.cli import registry
from ungcuu.core.errors import Outcome, Unreachable
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.detect import findings
from ungcuu.hosts.site import Site
from ungcuu.run.tally import HostResult, RunResult
from ungcuu.run.verb import Context
from ungcuu.watch import quick_look
from ungcuu.watch import round as rounds
from ungcuu.watch.alerts import Sight
from ungcuu.watch.delivery import Delivery
from ungcuu.watch.explained import Work
from ungcuu.watch.logs.look import LogView


class World:
    """A host whose folders, findings and reach a test sets; the controller's side is the real one."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = Settings(folder, folder, "an")
        self.folders, self.found, self.scans = {"/etc": "1"}, list[findings.Finding](), 0
        self.lost, self.sent = False, list[str]()
        self.roots, self.scanned = list[list[str]](), list[str]()
        self.took, self.fails, self.facts = True, False, dict[str, Any]()
        self.complete = True
        self.logged, self.meanwhile = list[Sight](), lambda: None
        self.packages = list[Work]()
        monkeypatch.setattr(quick_look, "look", self.look)
        monkeypatch.setattr(rounds.packages, "work", lambda *_words: self.packages)
        monkeypatch.setattr(rounds, "look_at_logs", lambda *_words: LogView(list(self.logged), 3))
        monkeypatch.setattr(rounds.notice.dispatch, "__defaults__", (self.send, None))

    def look(self, _target: object, roots: list[str], _known: object) -> quick_look.Marks:
        self.roots.append(roots)
        if self.lost:
            raise Unreachable("web01 could not be reached: \x1b[31mtimed out")
        return quick_look.Marks(dict(self.folders))

    def send(self, _address: str, message: Any) -> Delivery:
        self.sent.append(message.text)
        return Delivery("json", "" if self.took else "refused")

    def play(self, context: Context, playbook: str, _more: object, hosts: tuple[str, ...], **_: object) -> RunResult:
        assert playbook == "scan"
        if self.fails:
            return RunResult("scan", Outcome.NOT_DONE, {})
        self.scans += 1
        self.meanwhile()
        self.scanned.append(context.name_of("web01"))
        path = self.settings.host_dir(self.scanned[-1]) / "findings.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [one.document() for one in self.found]
        path.write_text(json.dumps({"findings": rows, "complete": self.complete}))
        return RunResult("scan", Outcome.DONE, {host: HostResult(Outcome.DONE) for host in hosts})

    def round(self, **options: Any) -> rounds.Round:
        facts = {"watch_targets": ["json://x"], "website_root": "/var/www", **self.facts}
        verb = registry.find_verb(["watch", "round"])
        context = Context(self.settings, verb, Screen(io.StringIO()), hosts=("web01",), options={"full": False})
        context.__dict__["site"] = Site(self.settings.state, self.settings, {"web01": facts}, {"website": ("web01",)})
        context.play = self.play
        return rounds.go(context, "web01", **options)

    def journal(self, kind: str) -> list[Mapping[str, Any]]:
        folder = self.settings.operations
        return [record.data for record in read_records(folder) if record.kind == kind]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


MEDIUM, HIGH, CRITICAL = findings.Severity.MEDIUM, findings.Severity.HIGH, findings.Severity.CRITICAL
