"""Which host an error names, and what a restore that ended early leaves behind."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lab_shell import on

from ungcuu.lab import Lab

pytestmark = pytest.mark.nightly

Run = Callable[..., tuple[int, dict[str, Any], str]]
STAGES = "/var/www/.ungcuu-stage"
UPLOADS = "/var/www/portal/wp-content/uploads"
SHELL = '<?php @eval($_POST["c"]);'  # inert: nobody asks for it


@pytest.fixture(scope="module")
def site(fresh: Callable[..., Lab], ungcuu: Run) -> Lab:
    """A website with a point in the vault and a baseline."""
    lab = fresh("web01", "vault01")
    for verb in ("enrol", "backup", "baseline"):
        code, document, said = ungcuu(verb, "web01")
        assert code == 0, json.dumps(document.get("error")) + said[-2000:]
    return lab


@pytest.fixture
def silent_vault(site: Lab) -> Iterator[Lab]:
    """A vault that takes connections and never answers, as a hanging machine does."""
    container = site.container("vault01")
    subprocess.run(["podman", "pause", container], check=True, capture_output=True)
    yield site
    subprocess.run(["podman", "unpause", container], check=True, capture_output=True)


@pytest.mark.parametrize("words", [("backup", "web01"), ("restore", "web01", "--confirm-host", "web01")])
def test_a_hanging_vault_is_named_and_not_the_website(silent_vault: Lab, ungcuu: Run, words: tuple[str, ...]) -> None:
    """ "The connection to web01 was lost": the responder looked at the wrong machine. Seen failing
    for backup before an error knew the helper."""
    code, document, _said = ungcuu(*words)
    error = document["error"]
    assert code in (5, 6, 7), error
    assert error["what"].startswith(("vault01 can't be reached: ", "The connection to vault01 was lost ")), error
    assert "connection to web01" not in error["what"] and "web01 can't be reached" not in error["what"]


def test_a_refused_restore_leaves_no_stage(site: Lab, ungcuu: Run) -> None:
    """It left 2,600 findings of a scan behind."""
    on(site, "web01", f"printf '%s' '{SHELL}' > {UPLOADS}/x.php")
    try:
        assert ungcuu("backup", "web01")[0] == 0
        on(site, "web01", f"rm {UPLOADS}/x.php")
        code, document, _said = ungcuu("restore", "web01", "--confirm-host", "web01")
    finally:
        on(site, "web01", f"rm -f {UPLOADS}/x.php")
    assert code != 0
    assert "was not restored" in document["error"]["what"], document["error"]
    assert on(site, "web01", f"find {STAGES} -type f 2>/dev/null | wc -l").strip() == "0"


def test_a_stage_that_was_left_is_one_line_of_a_scan(site: Lab, ungcuu: Run) -> None:
    """A restore that was cut off leaves its stage; what is hidden in it is reported all the same."""
    restore = "20260101T000000Z-0123abcd"
    points = ungcuu("restore-points", "web01")[1]["restore_points"]["web01"]["points"]
    oldest = points[-1]["id"]
    on(site, "vault01", f"ungcuu-vault stage web01 --at {oldest} --restore {restore}")
    count = int(on(site, "web01", f"find {STAGES} -type f | wc -l"))
    assert count > 1000
    code, document, _said = ungcuu("scan", "web01")
    ours = [row for row in document["findings"] if STAGES in row["path"]]
    assert [(row["rule"], row["severity"], row["path"]) for row in ours] == [
        ("own.stage", "low", f"{STAGES}/{restore}")
    ], ours[:3]
    assert code == 0, [row["path"] for row in document["findings"]][:5]
    on(site, "web01", f"echo '{SHELL}' > {STAGES}/{restore}/portal/wp-includes/evil.php")
    code, document, _said = ungcuu("scan", "web01")
    other = next(row for row in document["findings"] if row["rule"] == "own.stage-differs")
    assert code == 13 and other["evidence"]["files"] == [f"{STAGES}/{restore}/portal/wp-includes/evil.php"]
    on(site, "web01", f"ungcuu-site drop {restore}")
    assert on(site, "web01", f"find {STAGES} -type f | wc -l").strip() == "0"
