"""The application itself is patched: WordPress, really installed, to a newer release that upgrades its database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wordpress_releases import Releases

from ungcuu.core.errors import Exit
from ungcuu.detect.findings import Severity
from ungcuu.lab import Lab

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).parents[3]
WEB = "/var/www/portal"
Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
BAD_UPGRADE = b"\nthrow new Exception('no upgrade today');\n"
BROKEN_LOGIN = b"<?php http_response_code(500); exit;\n"


def on(lab: Lab, command: str) -> str:
    """Run a shell command as root on the website's host."""
    done = lab.exec("web01", ["sh", "-ec", command])
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


def version(lab: Lab) -> tuple[str, str]:
    """The version of the files, and that of the database."""
    files = on(lab, f"sed -n \"s/^.wp_version = '\\(.*\\)';/\\1/p\" {WEB}/wp-includes/version.php").strip()
    option = "select option_value from wp_options where option_name='db_version'"
    return files, on(lab, f'mariadb -N portal -e "{option}"').strip()


def code(lab: Lab) -> str:
    """Every file of the website but the uploads, with owner, rights and sum, as one sum."""
    return on(
        lab,
        f"cd {WEB}; find . -path ./wp-content/uploads -prune -o -type f -printf '%p %m %U %G\\n' | sort | sha256sum;"
        "find . -path ./wp-content/uploads -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum",
    )


@pytest.fixture(scope="module")
def web(fresh: Callable[..., Lab], ungcuu: Ungcuu) -> Lab:
    lab = fresh("web01", "vault01")
    assert ungcuu("backup", "web01")[0] == 0
    assert ungcuu("baseline", "web01")[0] == 0
    return lab


@pytest.fixture(scope="module")
def releases(web: Lab, tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return Releases(web, tmp_path_factory.mktemp("releases"))


def findings(ungcuu: Ungcuu) -> list[str]:
    """Rules and paths of what a scan finds of severity medium or above below the web root."""
    document = ungcuu("scan", "web01")[1]
    path = Path(os.environ["UNGCUU_STATE"], "hosts/web01/findings.json")
    rows = json.loads(path.read_text("utf-8"))["findings"]
    assert document
    return [
        f"{row['rule']} {row['path']}" for row in rows if row["severity"] != Severity.LOW.value and WEB in row["path"]
    ]


def test_an_archive_that_is_broken_or_no_release_changes_nothing(web: Lab, ungcuu: Ungcuu, releases: Releases) -> None:
    """It is refused before the website is touched, in plan and run alike."""
    whole = releases.make("6.2.1", 60001)
    bad = whole.with_name("cut-off.zip")
    bad.write_bytes(whole.read_bytes()[:-2000])
    before = code(web)
    for words in (("--plan",), ()):
        rc, document, said = ungcuu("patch", "web01", "--application", str(bad), *words)
        assert rc != 0 and "can't be read" in said + json.dumps(document), said
    rc, document, said = ungcuu("patch", "web01", "--application", str(releases.make("5.9", 60001)))
    assert rc != 0 and "is not newer" in said + json.dumps(document)
    assert code(web) == before


def test_an_upgrade_that_fails_goes_back(web: Lab, ungcuu: Ungcuu, releases: Releases) -> None:
    """Files and database are those from before, by sum."""
    upgrade = releases.files["wp-admin/includes/upgrade.php"] + BAD_UPGRADE
    archive = releases.make("6.2.2", 60002, **{"wp-admin/includes/upgrade.php": upgrade})
    before = code(web), version(web)
    rc, document, said = ungcuu("patch", "web01", "--application", str(archive))
    assert rc not in (0, 13) and document["outcome"] == "NOT DONE", said
    assert "own upgrade failed" in json.dumps(document) + said
    assert (code(web), version(web)) == before


def test_a_trial_that_gets_worse_takes_it_back(web: Lab, ungcuu: Ungcuu, releases: Releases) -> None:
    """The home page is well, but nobody can log in: only the trials see that."""
    archive = releases.make("6.2.3", 60003, **{"wp-login.php": BROKEN_LOGIN})
    before = code(web), version(web)
    rc, document, said = ungcuu("patch", "web01", "--application", str(archive))
    assert rc != 0 and document["outcome"] == "NOT DONE", said
    assert "login" in json.dumps(document) + said
    assert (code(web), version(web)) == before


def test_a_killed_controller_is_settled_by_resume(web: Lab, releases: Releases, ungcuu: Ungcuu) -> None:
    """Killed while the unit is at work: the run stays open, the host goes on, and `resume` ends it."""
    archive = releases.make("6.2.4", 60004)
    command = [sys.executable, "-m", "ungcuu", "-i", "lab", "patch", "web01", "--application", str(archive)]
    run = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    at_work = "until systemctl -q is-active ungcuu-application-update; do sleep 0.05; done"
    web.exec("web01", ["timeout", "400", "sh", "-c", at_work])
    assert run.poll() is None, "it ended before the unit was seen at work"
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    while web.exec("web01", ["systemctl", "is-active", "ungcuu-application-update"]).stdout.strip() == b"active":
        time.sleep(0.5)
    rc, document, said = ungcuu("resume", "web01")
    assert rc == 0, said + json.dumps(document)
    assert version(web) == ("6.2.4", "60004")
    states = on(web, "ungcuu-site updates")
    assert '"step": "kept"' in states


def test_the_baseline_knows_exactly_the_release(web: Lab, ungcuu: Ungcuu) -> None:
    """Nothing of the update is a finding, and a web shell that came meanwhile still is."""
    on(web, f"echo '<?php system($_GET[1]);' > {WEB}/wp-includes/new/shell.php")
    found = findings(ungcuu)
    on(web, f"rm {WEB}/wp-includes/new/shell.php")
    assert [row for row in found if "shell.php" in row]
    assert [row for row in found if "shell.php" not in row] == []


def test_an_update_by_hand_is_noted_by_its_archive(web: Lab, ungcuu: Ungcuu, releases: Releases) -> None:
    """Thousands of findings would hide the one that counts: what is as the archive has it is known, all else stays."""
    archive = releases.make("6.2.5", 60005)
    with zipfile.ZipFile(archive) as source:
        stated = source.read("wordpress/wp-includes/version.php")
    place = f"{WEB}/wp-includes/version.php"
    assert web.exec("web01", ["sh", "-c", f"cat > {place}"], stated).returncode == 0
    on(web, f"echo '// trojan' >> {WEB}/wp-load.php")
    assert len(findings(ungcuu)) == 2
    rc, document, said = ungcuu("baseline", "web01", "--archive", str(archive))
    assert rc == Exit.FOUND, said
    assert "wp-load.php" in json.dumps(document) + said
    left = findings(ungcuu)
    assert [row.split()[-1] for row in left] == [f"{WEB}/wp-load.php"]
