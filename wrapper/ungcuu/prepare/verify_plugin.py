"""A pytest plugin, loaded by :mod:`ungcuu.prepare.verify` alone: writes one JSON line for each test."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from ungcuu.prepare.one_session import NoAnswer
from ungcuu.prepare.site_facts import MissingFact

RESULTS = "UNGCUU_RESULTS"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write a line when a test has ended: after its body, or where it could not start or clean up."""
    report = yield
    if report.when == "call" or report.outcome != "passed":
        why = inspect.getdoc(getattr(item, "obj", None)) if getattr(getattr(item, "obj", None), "__doc__", None) else ""
        fault = call.excinfo.value if call.excinfo else None
        lacking = fault if isinstance(fault, MissingFact) else None
        not_run = report.failed and (report.when != "call" or isinstance(fault, NoAnswer))
        outcome = "error" if not_run else report.outcome
        line = {
            "nodeid": report.nodeid,
            "why": why or "",
            "outcome": "not assessed" if lacking else outcome,
            "message": str(lacking) if lacking else _message(report),
            "seconds": round(report.duration, 3),
        }
        with Path(os.environ[RESULTS]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return report


def _message(report: pytest.TestReport) -> str:
    """Return what a failed test says in one text: the assertion, without the test's source."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message) if crash else str(report.longrepr or "")
