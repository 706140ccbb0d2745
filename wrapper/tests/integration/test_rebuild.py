"""A lost web server: another machine of the same name becomes the website again, from vault and inventory alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab_shell import did, on, page

from ungcuu.contain import card
from ungcuu.core.settings import Settings
from ungcuu.lab import Lab

TEXT = "Sở Công Thương"
Run = Callable[..., tuple[int, dict[str, Any], str]]
TREE = (
    "cd /var/www/portal && find . -printf '%P %y %m %u:%g %l\\n' | sort > /tmp/tree;"
    " find . -type f -print0 | sort -z | xargs -0 sha256sum >> /tmp/tree; cat /tmp/tree"
)
# Every row but those that WordPress writes by itself when somebody looks at a page.
TABLES = (
    "mariadb-dump --skip-dump-date --skip-extended-insert --ignore-table=portal.wp_options portal | grep '^INSERT';"
    ' mariadb portal -Ne "SELECT option_name, MD5(option_value) FROM wp_options'
    " WHERE option_name NOT LIKE '%transient%' AND option_name <> 'cron' ORDER BY option_name\""
)


@pytest.fixture(scope="module")
def before(fresh: Callable[..., Lab], ungcuu: Run) -> tuple[Lab, str, str]:
    """A website with a backup and an open case: the lab, every file with its owner and mode, every row."""
    lab = fresh("web01", "vault01")
    did(ungcuu("enrol", "web01"))
    did(ungcuu("backup", "web01"))
    did(ungcuu("baseline", "web01"))
    words = ("case", "open", "web01", "--title", "the server burnt down", "--reason", "test")
    code, _document, said = answer = ungcuu(*words)
    if code == 4 and (left := re.search(r"UC-\d{8}-\d{3}", said)):  # an earlier module's
        ungcuu("case", "close", left[0], "--force", "--reason", "test")
        answer = ungcuu(*words)
    did(answer)
    on(lab, "web01", "cp /bin/true /usr/bin/zz-root; chmod 4755 /usr/bin/zz-root")
    assert ungcuu("scan", "web01")[1]["scans"][0]["root_lost"] == ["privilege.file /usr/bin/zz-root"]
    return lab, on(lab, "web01", TREE), on(lab, "web01", TABLES)


def test_a_bare_machine_becomes_the_website(
    before: tuple[Lab, str, str], ungcuu: Run, record_property: Callable[[str, object], None]
) -> None:
    """All files with owner and mode, all rows, the page; and how long it took stands in the case and its report."""
    lab, tree, tables = before
    debian = lab.status()["web01"]["debian"]
    lab.replace("web01", debian)
    assert lab.exec("web01", ["sh", "-c", "which nginx php mariadb restic; ls /var/www"]).stdout == b""
    code, refused, _ = ungcuu("rebuild", "web01", "--confirm-host", "web01")
    assert (code != 0, refused["outcome"]) == (True, "NOT DONE"), "the new machine's key is pinned by nobody yet"
    shown = on(lab, "web01", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    did(ungcuu("enrol", "web01", "--fingerprint", shown))
    rebuilt = did(ungcuu("rebuild", "web01", "--confirm-host", "web01"))
    assert 0 < rebuilt["rto_seconds"] < 600
    record_property("rto_seconds", rebuilt["rto_seconds"])
    assert on(lab, "web01", TREE) == tree
    assert on(lab, "web01", TABLES) == tables
    assert TEXT in page(lab)
    proofs = {row["data"]["name"]: row["data"] for row in rebuilt["records"] if row["kind"] == "proof"}
    assert proofs["recovery_time"]["detail"] == {"code": "seconds", "seconds": rebuilt["rto_seconds"]}
    report = did(ungcuu("case", "report"))
    assert "It was rebuilt on another machine" in Path(report["report"]).read_text("utf-8"), (
        "that root was lost is over"
    )
    assert f"{rebuilt['rto_seconds']} s" in Path(report["report"]).read_text("utf-8")


def test_it_can_be_hardened(before: tuple[Lab, str, str], ungcuu: Run) -> None:
    """What `rebuild` says comes next must work on a machine that never was hardened, with the site alive."""
    lab, _, _ = before
    settings = Settings.from_environment()
    kept = card.card_path(settings, "web01")
    kept.write_text(kept.read_text().replace('"source": "', '"source": "0'))
    stale = card.load(settings, "web01").source
    did(ungcuu("harden", "web01"))
    assert TEXT in page(lab)
    assert card.load(settings, "web01").source == stale[1:], "isolate must act on what the host is now"
