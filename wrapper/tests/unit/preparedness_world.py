"""A site with its register and journals, on which the rows of the plan stand or do not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from casebook import settings_in

from ungcuu.case.journal import Journal
from ungcuu.core import i18n
from ungcuu.core.clock import format_time
from ungcuu.core.settings import Settings
from ungcuu.prepare.register import store
from ungcuu.report.format import zone
from ungcuu.report.preparedness import plan
from ungcuu.report.preparedness.due import Due, due
from ungcuu.report.preparedness.plan import Standing, View, scope_of
from ungcuu.report.preparedness.proofs import gather

NOW = datetime(2026, 11, 28, 5, 0, tzinfo=UTC)


TODAY = date(2026, 11, 28)


class World:
    """A site with two hosts, its journals, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.settings: Settings = settings_in(folder / "state")
        self.inventory = folder / "site"
        self.inventory.mkdir(parents=True)
        self.runs = 0
        self.websites: Mapping[str, tuple[str, ...]] = {}

    def add(self, kind: str, name: str = "", **raw: str | list[str]) -> None:
        register = store.load(self.settings, self.inventory)
        store.add(self.settings, register, [store.made(register, kind, raw, date(2100, 1, 1), name)])

    def run(
        self,
        verb: str,
        host: str = "web01",
        ago: float = 1,
        outcome: str = "DONE",
        journal: Journal | None = None,
        **more: Any,
    ) -> None:
        self.runs += 1
        about = {"run": f"r{self.runs}", "verb": verb, "hosts": [host]}
        start: Mapping[str, Any] = {"options": {}, "inventory": str(self.inventory), **more}
        with at(ago):
            place = journal or self.operations()
            place.append("run_started", {**about, **start})
            place.append("run_finished", {**about, "outcome": outcome, "outcomes": {host: outcome}, "seconds": 1.5})

    def operations(self, settings: Settings | None = None) -> Journal:
        known = settings or self.settings
        return Journal.open(known.operations, known.keys, known.heads)

    def view(self, now: datetime = NOW) -> View:
        register = store.load(self.settings, self.inventory)
        scope = scope_of(register, ("web01", "web02"), self.websites)
        return View(register, gather(self.settings, scope.kept, self.inventory), scope, now, zone())

    def state(self, key: str, host: str = "", unit: str = "", now: datetime = NOW) -> Standing:
        found = plan.standings(self.view(now))
        return next(one for one in found if (one.requirement.key, one.host, one.unit) == (key, host, unit))

    def due(self) -> dict[str, Due]:
        return {one.id: one for one in due(self.view())}


@contextmanager
def at(ago: float) -> Iterator[None]:
    with mock.patch("ungcuu.case.journal.now", lambda: format_time(NOW - timedelta(days=ago))):
        yield


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    i18n.set_language("en")
    yield World(tmp_path)
    i18n.set_language("en")


HOSTS = "all:\n  children:\n    website:\n      hosts:\n        web01:\n          ansible_host: 192.0.2.10\n"


def typed(world: World, *words: str, code: int = 0) -> dict[str, Any]:
    command = [sys.executable, "-m", "ungcuu", "-i", str(world.inventory), "--json", *words]
    environment = {"UNGCUU_STATE": str(world.settings.state), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "USER": "an"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return dict(json.loads(done.stdout))
