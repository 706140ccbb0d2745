"""What all tests share: the folder of their tools, and which files took how long, said at the end."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

SHOWN = 20
sys.path.insert(0, str(Path(__file__).resolve().parent / "tools"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Seconds of each file, the slowest first; what prepares a host counts for the first test that needs it."""
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[Path(report.location[0]).stem] += report.duration
    terminalreporter.section("seconds by file")
    for name, spent in seconds.most_common(SHOWN):
        terminalreporter.line(f"{spent:6.0f}  {name}")
