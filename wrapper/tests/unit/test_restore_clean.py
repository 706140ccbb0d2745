"""`restore --clean` where no case knows since when the host is compromised."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ungcuu.cli.commands import restore
from ungcuu.core.errors import UsageFault
from ungcuu.core.settings import Settings
from ungcuu.run.verb import Context


def context(tmp_path: Path, **options: Any) -> Context:
    settings = Settings(state=tmp_path, content=tmp_path, operator="an")
    (settings.host_dir("web01")).mkdir(parents=True)
    given = {"clean": True, "first_sign": "", "to": "", "path": "", "only": ("files",), "at": "latest"} | options
    about = {"settings": settings, "options": given, "names": ("web01",), "host": "web01", "hosts": ("web01",)}
    return cast("Context", SimpleNamespace(**about))


@pytest.mark.parametrize(("written", "named"), [("2026-11-29T21:09:13Z", True), ("", False), ("{{ x }}", False)])
def test_the_time_that_the_last_scan_names_is_offered(tmp_path: Path, written: str, named: bool) -> None:
    """Seen failing: the command to type next held a date of another year, and the scan's time stood in a file."""
    given = context(tmp_path)
    found = {"findings": [], "first_sign": written}
    (given.settings.host_dir("web01") / "findings.json").write_text(json.dumps(found), "utf-8")
    with pytest.raises(UsageFault) as raised:
        restore._preflight(given)
    assert (written in raised.value.fix if written else False) is named
    assert ("last scan" in raised.value.what) is named
