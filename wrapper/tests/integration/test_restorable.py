"""What a restore would refuse is said when the backup is taken; code that the panel writes comes back by its hash."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from baselines import signed

from ungcuu.lab import Lab

ROOT = "/var/www/portal"
UPLOADS = f"{ROOT}/wp-content/uploads"
Run = Callable[..., tuple[int, dict[str, Any], str]]


def on(lab: Lab, command: str) -> str:
    """Run a shell command as root on the website's host."""
    done = lab.exec("web01", ["sh", "-ec", command])
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


@pytest.fixture(scope="module")
def site(fresh: Callable[..., Lab], ungcuu: Run) -> Lab:
    """A website as many are: a panel that writes PHP, a folder for everybody; signed; then a link out of the root."""
    lab = fresh("web01", "vault01")
    on(
        lab,
        f"mkdir -p {UPLOADS}/panel {UPLOADS}/anh; echo '<?php $site = 1;' > {UPLOADS}/panel/config.php; "
        f"chown -R portal:portal {UPLOADS}; chmod 0777 {UPLOADS}/anh",
    )
    code, document, said = ungcuu("enrol", "web01")
    assert code == 0, json.dumps(document) + said[-2000:]
    signed(ungcuu, "web01")
    on(lab, f"ln -s /usr/share/doc {ROOT}/tai-lieu")  # one that the baseline had would be right
    return lab


def test_a_backup_that_restore_would_refuse_is_an_alert(site: Lab, ungcuu: Run) -> None:
    """Seen failing with `restorable` left out of the vault's review: exit code 0, and the restore refused later."""
    code, document, said = ungcuu("backup", "web01")
    assert (code, document["outcome"]) == (13, "DONE"), json.dumps(document)[:2000] + said[-1000:]
    words = document["message"]
    assert "tai-lieu" in words and "wp-content/uploads/anh" in words and "config.php" not in words, words
    alerts = ungcuu("restore-points", "web01")[1]["restore_points"]["web01"]["alerts"]
    assert any("a restore would refuse" in text for text in alerts)
    once = ("restore", "web01", "--only", "files", "--confirm-host", "web01")
    # The link is none of the baseline's: the point is suspect besides.
    for words, why in (((), "tai-lieu"), (("--allow-suspect", "--reason", "our manuals"), "links: tai-lieu")):
        code, document, _ = ungcuu(*once, *words)
        assert (code, document["outcome"]) == (6, "NOT DONE")
        assert why in document["error"]["what"]
    assert site.exec("web01", ["test", "-e", "/var/www/.ungcuu-stage"]).returncode, "refused before anything was staged"


def test_an_override_names_its_check_and_its_reason(site: Lab, ungcuu: Run) -> None:
    """Accepting one check accepts no other."""
    once = ("restore", "web01", "--only", "files", "--confirm-host", "web01", "--allow-suspect", "--accept", "links")
    assert ungcuu(*once)[0] == 2, "without a reason"
    reason = ("--reason", "the manuals are linked on purpose")
    code, document, _ = ungcuu(*once, *reason)
    assert code == 6 and "files that anyone may write" in document["error"]["what"]
    assert "links" not in document["error"]["what"].partition("checks:")[2]
    code, document, said = ungcuu(*once, "--accept", "modes", *reason)
    assert (code, document["outcome"]) == (0, "DONE"), json.dumps(document)[:3000] + said[-2000:]
    rows = {row["data"]["name"]: row["data"] for row in document["records"] if row["kind"] == "proof"}
    assert rows["links"]["accepted"] == reason[1] and rows["links"]["passed"] is False
    assert rows["programs_in_writable_folders"]["detail"] == {"code": "programs_known", "count": 1}
    assert on(site, f"cat {UPLOADS}/panel/config.php; readlink {ROOT}/tai-lieu").split() == [
        "<?php",
        "$site",
        "=",
        "1;",
        "/usr/share/doc",
    ]


def test_what_was_set_right_is_no_alert(site: Lab, ungcuu: Run) -> None:
    on(site, f"rm {ROOT}/tai-lieu; chmod 0755 {UPLOADS}/anh")
    signed(ungcuu, "web01")
    code, document, said = ungcuu("backup", "web01")
    assert (code, document["outcome"]) == (0, "DONE"), json.dumps(document)[:2000] + said[-1000:]


def test_one_of_two_missing_files_may_come_back(site: Lab, ungcuu: Run) -> None:
    """Each alone leaves the page broken: neither could be restored. Seen failing without `broken` in `swap`."""
    on(site, f"mv {ROOT}/index.php {ROOT}/wp-config.php /root/")
    once = ("--confirm-host", "web01", "--path")
    code, document, said = ungcuu("restore", "web01", *once, "wp-config.php")
    assert (code, document["outcome"]) == (0, "DONE"), json.dumps(document)[:3000] + said[-2000:]
    assert "the page fails as it did before the restore" in document["message"]
    code, document, said = ungcuu("restore", "web01", *once, "index.php")
    assert (code, document["outcome"]) == (0, "DONE"), json.dumps(document)[:3000] + said[-2000:]
    assert "fails" not in document["message"]
